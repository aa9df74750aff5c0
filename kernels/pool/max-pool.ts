// Max pooling over H and W of NHWC: forward, which element each window takes, and the gradients that gather by it.
import { type Params, defineKernel } from "../kernel.ts";
import { lanes } from "../lanes.ts";
import forward from "./max-pool.wgsl";
import index from "./max-pool-index.wgsl";
import gradient from "./max-pool-grad.wgsl";
import gradientWindows from "./max-pool-grad-windows.wgsl";
import gather from "./max-pool-gather.wgsl";

const inputs = (p: Params): number => p.n * p.h * p.w * p.c;
const outputs = (p: Params): number => p.n * p.p * p.q * p.c;
const scan = (p: Params): number => outputs(p) * p.kernelY * p.kernelX;
const disjoint = (p: Params): boolean =>
  p.strideY >= p.kernelY && p.strideX >= p.kernelX && p.dilationY === 1 && p.dilationX === 1;

export const maxPool = lanes("max-pool", {
  source: forward,
  threads: outputs,
  cost: (p) => ({ flops: scan(p), bytes: 4 * (inputs(p) + outputs(p)) }),
});
export const maxPoolIndex = lanes("max-pool-index", {
  source: index,
  threads: outputs,
  cost: (p) => ({ flops: scan(p), bytes: 4 * (inputs(p) + outputs(p)) }),
});
export const maxPoolGrad = lanes("max-pool-grad", {
  source: gradient,
  threads: inputs,
  cost: (p) => ({ flops: scan(p), bytes: 4 * (inputs(p) + 2 * outputs(p)) }),
});
/** Small windows that do not overlap; larger ones would leave too few threads. */
export const maxPoolGradWindows = lanes("max-pool-grad-windows", {
  source: gradientWindows,
  threads: outputs,
  fits: (p) => disjoint(p) && p.kernelY * p.kernelX <= 16,
  cost: (p) => ({ flops: scan(p), bytes: 4 * (2 * inputs(p) + outputs(p)) }),
});
export const maxPoolGather = defineKernel("max-pool-gather", {
  source: gather,
  threads: outputs,
  cost: (p) => ({ flops: 0, bytes: 12 * outputs(p) }),
});
