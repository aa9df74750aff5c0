// Nearest resize over H and W of NHWC, and its transpose.
import { lanes } from "../lanes.ts";
import type { ResizeProblem } from "./resize-ratio.ts";
import forward from "./resize-nearest.wgsl";
import gradient from "./resize-nearest-grad.wgsl";

const inputs = (p: ResizeProblem): number => p.n * p.h * p.w * p.c;
const outputs = (p: ResizeProblem): number => p.n * p.p * p.q * p.c;

export const resizeNearest = lanes<ResizeProblem>("resize-nearest", {
  source: forward,
  threads: outputs,
  cost: (p) => ({ flops: 0, bytes: 4 * (Math.min(inputs(p), outputs(p)) + outputs(p)) }),
});
export const resizeNearestGrad = lanes<ResizeProblem>("resize-nearest-grad", {
  source: gradient,
  threads: inputs,
  cost: (p) => ({ flops: outputs(p), bytes: 4 * (inputs(p) + outputs(p)) }),
});
