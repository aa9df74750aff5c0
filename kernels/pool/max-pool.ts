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
/** Whether windows of `size` taps end inside; what is padded may end outside. */
const endsInside = (count: number, stride: number, dilation: number, size: number, length: number): boolean =>
  (count - 1) * stride + (size - 1) * dilation < length;
/** The side of square windows, where all are inside the image and so few that a loop over them is worth unrolling; 0 else. */
function inside(p: MaxPoolProblem): 0 | 2 {
  const isPlain = p.kernelY === 2 && p.kernelX === 2 && p.padY === 0 && p.padX === 0;
  const ends = endsInside(p.p, p.strideY, p.dilationY, 2, p.h) && endsInside(p.q, p.strideX, p.dilationX, 2, p.w);
  return isPlain && ends ? 2 : 0;
}
export const maxPool = lanes<MaxPoolProblem>("max-pool", {
  source: forward,
  consts: (p) => ({ INSIDE: inside(p) }),
  threads: outputs,
  cost: (p) => ({ flops: scan(p), bytes: 4 * (inputs(p) + outputs(p)) }),
});
