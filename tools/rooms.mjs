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
  "lab",
  "inference",
  "train",
  "node",
  "bench",
  "cli",
];

/** Of these folders what only a clone runs: it is not built. */
export const OF_CLONES = ["bench/main.ts", "bench/peers/", "bench/torch/"];
