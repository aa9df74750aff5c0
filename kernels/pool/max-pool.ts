// Max pooling over H and W of NHWC: forward, which element each window takes, and the gradients that gather by it.
import { defineKernel } from "../kernel.ts";
import { lanes } from "../lanes.ts";
import forward from "./max-pool.wgsl";
import index from "./max-pool-index.wgsl";
import gradient from "./max-pool-grad.wgsl";
import gradientWindows from "./max-pool-grad-windows.wgsl";
import gather from "./max-pool-gather.wgsl";

/** x [N, H, W, C] → y [N, P, Q, C]. */
export type MaxPoolProblem = {
  readonly n: number;
  readonly h: number;
  readonly w: number;
  readonly c: number;
  readonly p: number;
  readonly q: number;
  readonly kernelY: number;
  readonly kernelX: number;
  readonly strideY: number;
  readonly strideX: number;
  readonly padY: number;
  readonly padX: number;
  readonly dilationY: number;
  readonly dilationX: number;
};

const inputs = (p: MaxPoolProblem): number => p.n * p.h * p.w * p.c;
const outputs = (p: MaxPoolProblem): number => p.n * p.p * p.q * p.c;
const scan = (p: MaxPoolProblem): number => outputs(p) * p.kernelY * p.kernelX;
/** No element is in two windows. */
const disjoint = (p: MaxPoolProblem): boolean =>
  p.strideY >= p.kernelY && p.strideX >= p.kernelX && p.dilationY === 1 && p.dilationX === 1;

export const maxPool = lanes<MaxPoolProblem>("max-pool", {
  source: forward,
  threads: outputs,
  cost: (p) => ({ flops: scan(p), bytes: 4 * (inputs(p) + outputs(p)) }),
});
export const maxPoolIndex = lanes<MaxPoolProblem>("max-pool-index", {
  source: index,
  threads: outputs,
  cost: (p) => ({ flops: scan(p), bytes: 4 * (inputs(p) + outputs(p)) }),
});
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
