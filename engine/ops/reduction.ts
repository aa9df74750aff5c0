// How axes are reduced: floats by the kernels, in f32; integers exactly, by halves.
import { full } from "../constant.ts";
import { isFloat } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import type { Statistics, StatisticsOp } from "../lower/statistics-op.ts";
import type { ReduceOp } from "../op.ts";
import { normalizeAxes, show, sizeOf } from "../shape.ts";
import { type Tensor, apply } from "../tensor.ts";
import { toF32 } from "./cast.ts";
import { concat, reshape, slice, transpose } from "./movement.ts";

export interface ReduceAttrs {
  axes: readonly number[];
}
export interface ReduceOptions {
  keepDims?: boolean;
}
export type AxesArgument = number | readonly number[];

/** Sizes with the reduced ones as 1. */
export const keptSizes = (x: Tensor, axes: readonly number[]): number[] =>
  x.shape.map((n, d) => (axes.includes(d) ? 1 : n));
/** Sizes without those of these axes. */
export const sizesWithout = (x: Tensor, axes: readonly number[]): number[] =>
  x.shape.filter((_, d) => !axes.includes(d));
/** How many elements are reduced to one. */
export const countOf = (x: Tensor, axes: readonly number[]): number => sizeOf(axes.map((d) => x.shape[d]!));

export const reduceOp = (combine: ReduceOp["combine"]): ReduceOp<ReduceAttrs> => ({
  kind: "reduce",
  name: `reduce-${combine}`,
  combine,
  axes: (a) => a.axes,
  infer: ([x], { axes }) => [{ shape: keptSizes(x, axes), dtype: x.dtype }],
});

/** A reduction to two statistics, with what lowers it. */
export const statisticsOp = (
  name: string,
  combine: "moments" | "sums",
  statistics: Statistics,
): StatisticsOp<ReduceAttrs> => ({
  ...reduceOp(combine),
  name,
  statistics,
  infer: ([x], { axes }) => {
    const spec = { shape: keptSizes(x, axes), dtype: x.dtype };
    return [spec, spec];
  },
});

/** How integers are reduced, for the kernels' sums are of floats: halves are combined until one element is left. */
export interface IntegerStep {
  step(a: Tensor, b: Tensor): Tensor;
  /** `count` more elements, which change nothing, of x [n, …]: [count, …]. */
  filler(x: Tensor, count: number): Tensor;
}

const inFront = (x: Tensor, axes: readonly number[]): number[] => [
  ...axes,
  ...x.shape.map((_, d) => d).filter((d) => !axes.includes(d)),
];

/** x as [n, …]: the axes as one, in front, filled up to a power of two. */
export function toFront(x: Tensor, axes: readonly number[], filler: IntegerStep["filler"]): Tensor {
  const n = countOf(x, axes);
  const front = reshape(transpose(x, inFront(x, axes)), [n, ...sizesWithout(x, axes)]);
  const missing = 2 ** Math.ceil(Math.log2(Math.max(1, n))) - n;
  return missing === 0 ? front : concat([front, filler(front, missing)], 0);
}

/** Undoes toFront for a tensor of x's shape. */
export function fromFront(y: Tensor, x: Tensor, axes: readonly number[]): Tensor {
  const perm = inFront(x, axes);
  const whole = slice(y, [[0, countOf(x, axes)]]);
  return transpose(
    reshape(
      whole,
      perm.map((d) => x.shape[d]!),
    ),
    perm.map((_, d) => perm.indexOf(d)),
  );
}

/** Both halves of x along its first axis. */
export function halves(x: Tensor): [Tensor, Tensor] {
  const middle = x.shape[0]! / 2;
  return [slice(x, [[0, middle]]), slice(x, [[middle, null]])];
}

function reduceIntegers({ step, filler }: IntegerStep, x: Tensor, axes: readonly number[]): Tensor {
  let y = toFront(x, axes, filler);
  while (y.shape[0]! > 1) y = step(...halves(y));
  return reshape(y, keptSizes(x, axes));
}

/** x reduced over `axes` (all if absent), floats to f32. Throws ShapeError. */
export function reduce(
  op: ReduceOp<ReduceAttrs>,
  integers: IntegerStep,
  x: Tensor,
  axes: AxesArgument | undefined,
  keepDims: boolean,
): Tensor {
  const list = normalizeAxes(op.name, axes, x.rank);
  if (x.dtype === "bool") throw new ShapeError(op.name, `x is bool${show(x.shape)}; cast it to i32 or f32`);
  const y = reduceLong(op, integers, x, list);
  return keepDims ? y : reshape(y, sizesWithout(x, list));
}

/** What nothing sums up and multiplies to: a constant, so that a mean over nothing, 0 by 0, is NaN on every adapter. */
const EMPTY: Partial<Record<ReduceOp["combine"], number>> = { sum: 0, prod: 1 };

/** A dimension of size 1 is its own sum and its own largest element. */
function reduceLong(op: ReduceOp<ReduceAttrs>, integers: IntegerStep, x: Tensor, axes: readonly number[]): Tensor {
  const long = axes.filter((d) => x.shape[d] !== 1);
  if (long.length === 0) return toF32(x);
  const ofNothing = countOf(x, long) === 0 ? EMPTY[op.combine] : undefined;
  if (ofNothing !== undefined) return full(keptSizes(x, long), ofNothing, isFloat(x.dtype) ? "f32" : x.dtype);
  if (x.dtype === "i32" || x.dtype === "u32") return reduceIntegers(integers, x, long);
  return apply(op, [toF32(x)], { axes: long });
}
