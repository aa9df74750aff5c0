// Average pooling by PyTorch's rules, and its transpose, which each of the two has for a gradient.
import { type AvgPoolProblem, avgPool } from "../../kernels/pool/avg-pool.ts";
import { avgPoolGrad } from "../../kernels/pool/avg-pool-grad.ts";
import { ShapeError } from "../errors.ts";
import type { KernelOp } from "../op.ts";
import { ofRank, show } from "../shape.ts";
import { type Tensor, apply } from "../tensor.ts";
import { cast } from "./cast.ts";
import { withGradient } from "./pass.ts";
import { type Pair, type Windows, imageOf, pair, poolProblem, pooled, windows } from "./pool-windows.ts";
import { mean } from "./reduce.ts";

export interface AvgPoolOptions extends Windows {
  kernel: Pair;
  /** Whether padding counts in the mean (default true). */
  countIncludePad?: boolean;
  /** Divides every sum in place of the window's size. */
  divisorOverride?: number;
}

type AvgPoolAttrs = Omit<AvgPoolProblem, "n" | "c">;
type One = readonly [Tensor];

export const avgPoolOp: KernelOp<AvgPoolAttrs> = {
  kind: "kernel",
  name: "avg-pool-2d",
  infer: ([x]: One, a) => [{ shape: pooled(x.shape, a), dtype: x.dtype }],
  lower(l, a) {
    const p = poolProblem(l, a);
    l.dispatchItems(l.select(avgPool, p), p, { x: l.input(0), y: l.output(0) });
  },
};

/** dy → dx: each element of dx reads the windows that hold it. */
export const avgPoolGradOp: KernelOp<AvgPoolAttrs> = {
  kind: "kernel",
  name: "avg-pool-2d-grad",
  infer: ([dy]: One, { h, w }) => {
    const [n, , , c] = ofRank(dy.shape, 4);
    return [{ shape: [n, h, w, c], dtype: dy.dtype }];
  },
  lower(l, a) {
    const p = poolProblem(l, a);
    l.dispatchItems(l.select(avgPoolGrad, p), p, { dy: l.input(0), dx: l.output(0) });
  },
};

const averaged = (x: Tensor, a: AvgPoolAttrs): Tensor =>
  withGradient(apply(avgPoolOp, [x], a), [x], (dy) => [spread(dy, a)]);
const spread = (dy: Tensor, a: AvgPoolAttrs): Tensor =>
  withGradient(apply(avgPoolGradOp, [dy], a), [dy], (du) => [averaged(du, a)]);

/**
 * Mean of each window: x [N, H, W, C] → [N, P, Q, C]. Padding is 0 and counts in the mean unless `countIncludePad` is
 * false; what hangs over the padded edge in ceil mode never counts.
 */
export function avgPool2d(x: Tensor, { countIncludePad = true, divisorOverride, ...options }: AvgPoolOptions): Tensor {
  if (divisorOverride !== undefined && !(Number.isFinite(divisorOverride) && divisorOverride !== 0)) {
    throw new ShapeError(
      "avgPool2d",
      `divisorOverride is ${divisorOverride}; give a number other than 0, or leave it out`,
    );
  }
  const a = windows("avgPool2d", x, options);
  return averaged(x, { ...a, adaptive: false, countPad: countIncludePad, divisor: divisorOverride ?? 0 });
}

/** Means over an even grid of windows ⌊p·H/P⌋ … ⌈(p+1)·H/P⌉: x [N, H, W, C] → [N, P, Q, C] with size [P, Q]. */
export function adaptiveAvgPool2d(x: Tensor, size: Pair): Tensor {
  const op = "adaptiveAvgPool2d";
  const [, h, w] = imageOf(op, x);
  const [p, q] = pair(op, "size", size, 1);
  if (h === 0 || w === 0)
    throw new ShapeError(op, `x is ${show(x.shape)}; H and W must be ≥ 1, for an empty window has no mean`);
  if (p === h && q === w) return x;
  if (p === 1 && q === 1) return cast(mean(x, [1, 2], { keepDims: true }), x.dtype);
  if (Math.max((h + 1) * (p + 1), (w + 1) * (q + 1)) >= 2 ** 32)
    throw new ShapeError(
      op,
      `H·P = ${h}·${p} or W·Q = ${w}·${q} is 2³² or more, which index arithmetic can't hold; pool in two steps`,
    );
  return averaged(x, {
    h,
    w,
    p,
    q,
    kernelY: 0,
    kernelX: 0,
    strideY: 1,
    strideX: 1,
    padY: 0,
    padX: 0,
    adaptive: true,
    countPad: false,
    divisor: 0,
  });
}
