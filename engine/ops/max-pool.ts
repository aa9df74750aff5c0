// Max pooling and its inverse, by PyTorch's rules.
import { maxPool } from "../../kernels/pool/max-pool.ts";
import { maxPoolIndex } from "../../kernels/pool/max-pool-index.ts";
import { ShapeError } from "../errors.ts";
import type { KernelOp } from "../op.ts";
import { sameShape, show } from "../shape.ts";
import { type Tensor, apply } from "../tensor.ts";
import { scatterAlong } from "./lookup.ts";
import { reshape } from "./movement.ts";
import {
  type MaxPoolAttrs,
  type MaxPoolOptions,
  type Pair,
  imageOf,
  pair,
  poolProblem,
  pooled,
  windows,
} from "./pool-windows.ts";

type One = readonly [Tensor];

export const maxPoolOp: KernelOp<MaxPoolAttrs> = {
  kind: "kernel",
  name: "max-pool-2d",
  infer: ([x]: One, a) => [{ shape: pooled(x.shape, a), dtype: x.dtype }],
  lower(l, a) {
    const p = poolProblem(l, a);
    l.dispatchItems(l.select(maxPool, p), p, { x: l.input(0), y: l.output(0) });
  },
};

export const maxPoolIndicesOp: KernelOp<MaxPoolAttrs> = {
  kind: "kernel",
  name: "max-pool-2d-indices",
  infer: ([x]: One, a) => [{ shape: pooled(x.shape, a), dtype: "i32" }],
  lower(l, a) {
    const p = poolProblem(l, a);
    l.dispatchItems(l.select(maxPoolIndex, p), p, { x: l.input(0), index: l.output(0) });
  },
};

/**
 * Largest element of each window: x [N, H, W, C] → [N, P, Q, C]; padding is −∞, NaN wins. The gradient goes to the
 * first of equal maxima in row-major order. `stride` is `kernel` if absent, `pad` at most half of what a window
 * spans.
 */
export function maxPool2d(x: Tensor, options: MaxPoolOptions): Tensor {
  return apply(maxPoolOp, [x], windows("maxPool2d", x, options));
}

/** Where maxPool2d takes its values: i32 [N, P, Q, C], h·W + w, −1 for a window of padding only. */
export function maxPool2dIndices(x: Tensor, options: MaxPoolOptions): Tensor {
  return apply(maxPoolIndicesOp, [x], windows("maxPool2dIndices", x, options));
}

/**
 * x [N, P, Q, C] at the places that `indices` (i32, as maxPool2dIndices gives them) say of an image of `size` [H, W],
 * zeros elsewhere: [N, H, W, C]. Where windows share a place the last in row-major order is kept; a negative index
 * writes nothing. Throws ShapeError.
 */
export function maxUnpool2d(x: Tensor, indices: Tensor, size: Pair): Tensor {
  const op = "maxUnpool2d";
  const [n, p, q, c] = imageOf(op, x);
  if (indices.dtype !== "i32" || !sameShape(indices.shape, x.shape))
    throw new ShapeError(
      op,
      `indices are ${indices.dtype}${show(indices.shape)}; ` +
        `they must be i32${show(x.shape)}, as x is ${x.dtype}${show(x.shape)}`,
    );
  const [h, w] = pair(op, "size", size, 1);
  return reshape(scatterAlong(reshape(x, [n, p * q, c]), reshape(indices, [n, p * q, c]), h * w), [n, h, w, c]);
}
