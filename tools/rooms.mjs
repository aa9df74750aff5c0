// The folders of the product, lowest first: what is built, type-checked, measured and searched. test/layers.test.ts says
// which may import which.
export const ROOMS = [
  "errors",
  "kernels",
  "engine",
  "data",
  "metrics",
  "report",
  "models",
  "losses",
  "analysis",
  "inference",
  "train",
  "node",
  "cli",
];
