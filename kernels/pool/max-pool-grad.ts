// The gradients of max pooling, which gather by the element that each window takes.
import { defineKernel } from "../kernel.ts";
import { lanes } from "../lanes.ts";
import { type MaxPoolProblem, inputs, outputs, scan } from "./max-pool.ts";
import gather from "./max-pool-gather.wgsl";
import gradient from "./max-pool-grad.wgsl";
import gradientWindows from "./max-pool-grad-windows.wgsl";

/** No element is in two windows. */
const disjoint = (p: MaxPoolProblem): boolean =>
  p.strideY >= p.kernelY && p.strideX >= p.kernelX && p.dilationY === 1 && p.dilationX === 1;

export const maxPoolGrad = lanes<MaxPoolProblem>("max-pool-grad", {
  source: gradient,
  threads: inputs,
  cost: (p) => ({ flops: scan(p), bytes: 4 * (inputs(p) + 2 * outputs(p)) }),
});
/** Small windows that do not overlap; larger ones would leave too few threads. */
export const maxPoolGradWindows = lanes<MaxPoolProblem>("max-pool-grad-windows", {
  source: gradientWindows,
  threads: outputs,
  fits: (p) => disjoint(p) && p.kernelY * p.kernelX <= 16,
  cost: (p) => ({ flops: scan(p), bytes: 4 * (2 * inputs(p) + outputs(p)) }),
});
export const maxPoolGather = defineKernel<MaxPoolProblem>("max-pool-gather", {
  source: gather,
  threads: outputs,
  cost: (p) => ({ flops: 0, bytes: 12 * outputs(p) }),
});
