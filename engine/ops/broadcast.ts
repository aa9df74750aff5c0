// Repeating elements and adding repeats up again: each is the gradient of the other.
import { constantValue, full, unrounded } from "../constant.ts";
import { ShapeError } from "../errors.ts";
import type { ElementwiseOp, MovementOp } from "../op.ts";
import { type Shape, isShape, sameShape, show } from "../shape.ts";
import { type Tensor, apply } from "../tensor.ts";
import { reshape } from "./movement.ts";
import { type AxesArgument, type IntegerStep, type ReduceOptions, reduce, reduceOp } from "./reduction.ts";
import { isZeroSum } from "./zero-sum.ts";

interface ExpandAttrs {
  shape: Shape;
}
export const expandOp: MovementOp<ExpandAttrs> = {
  kind: "movement",
  name: "expand",
  infer: ([x], { shape }) => [{ shape, dtype: x.dtype }],
  view: ({ offset, strides }, from, to) => ({ offset, strides: strides.map((s, d) => (from[d] === to[d] ? s : 0)) }),
};

/** Repeats size-1 (and missing leading) dimensions of x to `shape`, as numpy's broadcast_to. Throws ShapeError. */
export function expand(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const lead = shape.length - x.rank;
  if (lead < 0 || !x.shape.every((n, d) => n === 1 || n === shape[lead + d])) {
    throw new ShapeError(
      "expand",
      `${show(x.shape)} does not expand to ${show(shape)}: each size must be 1 or equal, aligned at the right`,
    );
  }
  const value = constantValue(x);
  if (value !== undefined) return unrounded(shape, value, x.dtype);
  const aligned = reshape(x, [...new Array<number>(lead).fill(1), ...x.shape]);
  return sameShape(aligned.shape, shape) ? aligned : apply(expandOp, [aligned], { shape });
}

/**
 * x laid side by side repeats[d] times along each dimension d; the shorter of shape and repeats gets leading ones.
 * Throws ShapeError.
 */
export function tile(x: Tensor, repeats: readonly number[]): Tensor {
  if (!isShape(repeats))
    throw new ShapeError(
      "tile",
      `repeats are ${show(repeats)}; give whole numbers ≥ 0, one for each dimension of x ${show(x.shape)}`,
    );
  const rank = Math.max(x.rank, repeats.length);
  const ones = (n: number): number[] => new Array<number>(n).fill(1);
  const sizes = [...ones(rank - x.rank), ...x.shape];
  const times = [...ones(rank - repeats.length), ...repeats];
  // Before each dimension one that counts the repeats.
  const apart = sizes.flatMap((n) => [1, n]);
  const repeated = sizes.flatMap((n, d) => [times[d]!, n]);
  return reshape(
    expand(reshape(x, apart), repeated),
    sizes.map((n, d) => n * times[d]!),
  );
}

/** Sums x over the axes along which `shape` was broadcast: the transpose of expand. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const lead = x.rank - shape.length;
  const axes = x.shape.map((_, d) => d).filter((d) => d < lead || (shape[d - lead] === 1 && x.shape[d] !== 1));
  if (isZeroSum(x, axes)) return full(shape, 0, x.dtype);
  return reshape(sum(x, axes, { keepDims: true }), shape);
}

export const sumOp = reduceOp("sum");

/** a + b of integers of one shape. */
export const addIntegersOp: ElementwiseOp<object, readonly [Tensor, Tensor]> = {
  kind: "elementwise",
  name: "add",
  flops: 1,
  wgsl: ([a, b]) => `(${a} + ${b})`,
  infer: ([a]) => [{ shape: a.shape, dtype: a.dtype }],
};

const integerSum: IntegerStep = {
  step: (a, b) => apply(addIntegersOp, [a, b], {}),
  filler: (x, count) => full([count, ...x.shape.slice(1)], 0, x.dtype),
};

/** Σ x over `axes` (all if absent). An empty sum is 0. */
export const sum = (x: Tensor, axes?: AxesArgument, { keepDims = false }: ReduceOptions = {}): Tensor =>
  reduce(sumOp, integerSum, x, axes, keepDims);
