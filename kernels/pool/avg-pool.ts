// Average pooling over H and W of NHWC, with fixed or adaptive windows, and its transpose.
import type { Params } from "../kernel.ts";
import { lanes } from "../lanes.ts";
import forward from "./avg-pool.wgsl";
import gradient from "./avg-pool-grad.wgsl";

const inputs = (p: Params): number => p.n * p.h * p.w * p.c;
const outputs = (p: Params): number => p.n * p.p * p.q * p.c;
/** Params.adaptive and Params.countPad are 0 or 1 and choose seams. */
const consts = (p: Params) => ({ ADAPTIVE: p.adaptive === 1, COUNT_PAD: p.countPad === 1 });
const cost = (p: Params) => ({
  flops: Math.max(inputs(p), outputs(p) * (p.adaptive ? 1 : p.kernelY * p.kernelX)),
  bytes: 4 * (inputs(p) + outputs(p)),
});

export const avgPool = lanes("avg-pool", { source: forward, threads: outputs, consts, cost });
export const avgPoolGrad = lanes("avg-pool-grad", { source: gradient, threads: inputs, consts, cost });
