// Max pooling over H and W of NHWC.
import { lanes } from "../lanes.ts";
import forward from "./max-pool.wgsl";

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

/** Elements of x and of y, and how many the windows hold. */
export const inputs = (p: MaxPoolProblem): number => p.n * p.h * p.w * p.c;
export const outputs = (p: MaxPoolProblem): number => p.n * p.p * p.q * p.c;
export const scan = (p: MaxPoolProblem): number => outputs(p) * p.kernelY * p.kernelX;
export const maxPool = lanes<MaxPoolProblem>("max-pool", {
  source: forward,
  threads: outputs,
  cost: (p) => ({ flops: scan(p), bytes: 4 * (inputs(p) + outputs(p)) }),
});
