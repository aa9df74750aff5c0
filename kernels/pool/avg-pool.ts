// Average pooling over H and W of NHWC, with fixed or adaptive windows.
import { lanes } from "../lanes.ts";
import forward from "./avg-pool.wgsl";

/** x [N, H, W, C] → y [N, P, Q, C]. Adaptive windows take neither kernel, stride nor padding. */
export type AvgPoolProblem = {
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
  /** Windows ⌊p·H/P⌋ … ⌈(p+1)·H/P⌉. */
  readonly adaptive: boolean;
  /** Padding counts in the mean. */
  readonly countPad: boolean;
  /** Divides every sum; 0 stands for the window's size. */
  readonly divisor: number;
};

export const inputs = (p: AvgPoolProblem): number => p.n * p.h * p.w * p.c;
const outputs = (p: AvgPoolProblem): number => p.n * p.p * p.q * p.c;
export const consts = (p: AvgPoolProblem) => ({ ADAPTIVE: p.adaptive, COUNT_PAD: p.countPad });
export const cost = (p: AvgPoolProblem) => ({
  flops: Math.max(inputs(p), outputs(p) * (p.adaptive ? 1 : p.kernelY * p.kernelX)),
  bytes: 4 * (inputs(p) + outputs(p)),
});

export const avgPool = lanes<AvgPoolProblem>("avg-pool", { source: forward, threads: outputs, consts, cost });
