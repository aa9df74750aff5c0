// Bilinear resize over H and W of NHWC, and its transpose.
import { lanes } from "../lanes.ts";
import type { ResizeProblem } from "./resize-ratio.ts";
import forward from "./resize-bilinear.wgsl";
import gradient from "./resize-bilinear-grad.wgsl";

const inputs = (p: ResizeProblem): number => p.n * p.h * p.w * p.c;
const outputs = (p: ResizeProblem): number => p.n * p.p * p.q * p.c;

export const resizeBilinear = lanes<ResizeProblem>("resize-bilinear", {
  source: forward,
  threads: outputs,
  cost: (p) => ({ flops: 9 * outputs(p), bytes: 4 * (Math.min(inputs(p), 4 * outputs(p)) + outputs(p)) }),
});
export const resizeBilinearGrad = lanes<ResizeProblem>("resize-bilinear-grad", {
  source: gradient,
  threads: inputs,
  cost: (p) => ({ flops: 8 * outputs(p), bytes: 4 * (inputs(p) + outputs(p)) }),
});
