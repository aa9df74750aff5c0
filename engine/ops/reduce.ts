// Reductions over any axes, of floats in f32 and to f32, however they are stored. Partial results are combined in a
// fixed order: the same bits run after run.
import { isFloat } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import type { ReduceOp } from "../op.ts";
import { full } from "../constant.ts";
import { normalizeAxes, show, sizeOf } from "../shape.ts";
import { type Tensor, apply, applyAll } from "../tensor.ts";
import { add, cast, div, equal, maximum, minimum, mul, square, sqrt, sub, where, wide } from "./elementwise.ts";
import { concat, expand, reshape, slice, transpose } from "./movement.ts";

interface ReduceAttrs {
  axes: readonly number[];
}
export interface ReduceOptions {
  keepDims?: boolean;
}
type Axes = number | readonly number[];

const kept = (x: Tensor, axes: readonly number[]): number[] => x.shape.map((n, d) => (axes.includes(d) ? 1 : n));

const reduceOp = (
  combine: ReduceOp["combine"],
  vjp: ReduceOp<ReduceAttrs>["vjp"],
  outputs = 1,
): ReduceOp<ReduceAttrs> => ({
  kind: "reduce",
  name: combine === "moments" ? "moments" : `reduce-${combine}`,
  combine,
  axes: (a) => a.axes,
  infer: ([x], { axes }) => Array.from({ length: outputs }, () => ({ shape: kept(x, axes), dtype: x.dtype })),
  vjp,
});

/** Extremes share the gradient evenly among ties. */
const shareAmongTies: ReduceOp<ReduceAttrs>["vjp"] = ([dy], [x], [y], { axes }) => {
  const hit = cast(equal(x, expand(y, x.shape)), "f32");
  return [mul(hit, expand(div(dy!, sum(hit, axes, { keepDims: true })), x.shape))];
};

const sumOp = reduceOp("sum", ([dy], [x]) => [expand(dy!, x.shape)]);
const maxOp = reduceOp("max", shareAmongTies);
const minOp = reduceOp("min", shareAmongTies);
const prodOp = reduceOp("prod", ([dy], [x], _, { axes }) => [
  mul(expand(dy!, x.shape), fromFront(productsOfOthers(toFront(x, axes, 1)), x, axes)),
]);
const momentsOp = reduceOp(
  "moments",
  ([dMean, dVariance], [x], [mean_], { axes }) => {
    const n = sizeOf(axes.map((d) => x.shape[d]));
    const centred = (): Tensor => mul(sub(x, expand(mean_, x.shape)), expand(mul(dVariance!, 2 / n), x.shape));
    if (!dMean) return [dVariance ? centred() : null];
    const flat = expand(mul(dMean, 1 / n), x.shape);
    return [dVariance ? add(flat, centred()) : flat];
  },
  2,
);

const sumsOp: ReduceOp<ReduceAttrs> = {
  kind: "reduce",
  name: "reduce-sums",
  combine: "sums",
  axes: (a) => a.axes,
  infer: ([x], { axes }) => [0, 1].map(() => ({ shape: kept(x, axes), dtype: x.dtype })),
  vjp: ([da, db], [x]) => [da && expand(da, x.shape), db && expand(db, x.shape)],
};

/**
 * Sums of a and b, of one shape, over the same axes, sizes kept as 1: one walk where the last axis is not among them.
 */
export function sumPair(a: Tensor, b: Tensor, axes: readonly number[]): [Tensor, Tensor] {
  if (axes.includes(a.rank - 1) || a.shape[a.rank - 1] === 1)
    return [sum(a, axes, { keepDims: true }), sum(b, axes, { keepDims: true })];
  const [p, q] = applyAll(sumsOp, [wide(a), wide(b)], { axes: normalizeAxes("sumPair", axes, a.rank) });
  return [p, q];
}

const inFront = (x: Tensor, axes: readonly number[]): number[] => [
  ...axes,
  ...x.shape.map((_, d) => d).filter((d) => !axes.includes(d)),
];

/**
 * x as [n, …]: the axes as one, in front, filled up to a power of two with `unit`, or with repeats of the first
 * element if that is null.
 */
function toFront(x: Tensor, axes: readonly number[], unit: number | null): Tensor {
  const n = sizeOf(axes.map((d) => x.shape[d]));
  const rest = x.shape.filter((_, d) => !axes.includes(d));
  const front = reshape(transpose(x, inFront(x, axes)), [n, ...rest]);
  const missing = 2 ** Math.ceil(Math.log2(Math.max(1, n))) - n;
  if (missing === 0) return front;
  return concat(
    [
      front,
      unit === null ? expand(slice(front, [[0, 1]]), [missing, ...rest]) : full([missing, ...rest], unit, x.dtype),
    ],
    0,
  );
}

/** Undoes toFront for a tensor of x's shape. */
function fromFront(y: Tensor, x: Tensor, axes: readonly number[]): Tensor {
  const perm = inFront(x, axes);
  const n = sizeOf(axes.map((d) => x.shape[d]));
  return transpose(
    reshape(
      slice(y, [[0, n]]),
      perm.map((d) => x.shape[d]),
    ),
    perm.map((_, d) => perm.indexOf(d)),
  );
}

const halves = (x: Tensor): [Tensor, Tensor] => [slice(x, [[0, x.shape[0] / 2]]), slice(x, [[x.shape[0] / 2, null]])];

/**
 * For x [n, …], n a power of two, the product along n of all elements but one's own, by a tree: zeros need no
 * division.
 */
function productsOfOthers(x: Tensor): Tensor {
  if (x.shape[0] === 1) return full(x.shape, 1);
  const [a, b] = halves(x);
  const outside = productsOfOthers(mul(a, b));
  return concat([mul(outside, b), mul(outside, a)], 0);
}

/**
 * How integers are reduced, exactly: halves are combined until one element is left. The kernels' sums are of floats.
 */
const integerSteps: Partial<
  Record<ReduceOp["combine"], { unit: number | null; step: (a: Tensor, b: Tensor) => Tensor }>
> = {
  sum: { unit: 0, step: add },
  prod: { unit: 1, step: mul },
  max: { unit: null, step: maximum },
  min: { unit: null, step: minimum },
};
function reduceIntegers(op: ReduceOp<ReduceAttrs>, x: Tensor, axes: readonly number[]): Tensor {
  const { unit, step } = integerSteps[op.combine]!;
  let y = toFront(x, axes, unit);
  while (y.shape[0] > 1) y = step(...halves(y));
  return reshape(y, kept(x, axes));
}

function reduce(op: ReduceOp<ReduceAttrs>, x: Tensor, axes: Axes | undefined, keepDims: boolean): Tensor {
  const list = normalizeAxes(op.name, axes, x.rank);
  if (x.dtype === "bool") throw new ShapeError(op.name, `x is bool${show(x.shape)}; cast it to i32 or f32`);
  // A dimension of size 1 is its own sum and its own largest element.
  const long = list.filter((d) => x.shape[d] !== 1);
  const y =
    long.length === 0
      ? wide(x)
      : x.dtype === "i32" || x.dtype === "u32"
        ? reduceIntegers(op, x, long)
        : apply(op, [wide(x)], { axes: long });
  return keepDims
    ? y
    : reshape(
        y,
        x.shape.filter((_, d) => !list.includes(d)),
      );
}

/** Σ x over `axes` (all if absent). An empty sum is 0. */
export const sum = (x: Tensor, axes?: Axes, { keepDims = false }: ReduceOptions = {}): Tensor =>
  reduce(sumOp, x, axes, keepDims);

/** Product over `axes`; an empty product is 1. */
export const prod = (x: Tensor, axes?: Axes, { keepDims = false }: ReduceOptions = {}): Tensor =>
  reduce(prodOp, x, axes, keepDims);

/** Mean over `axes`; an empty mean is NaN. */
export function mean(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  needsFloats("mean", x);
  const n = sizeOf(normalizeAxes("mean", axes, x.rank).map((d) => x.shape[d]));
  return mul(sum(x, axes, options), 1 / n);
}

const extreme =
  (op: ReduceOp<ReduceAttrs>) =>
  (x: Tensor, axes?: Axes, { keepDims = false }: ReduceOptions = {}): Tensor => {
    const list = normalizeAxes(op.name, axes, x.rank);
    if (list.some((d) => x.shape[d] === 0))
      throw new ShapeError(
        op.name,
        `${show(x.shape)} is empty along axes ${show(list)}, and an empty set has no ${op.combine}`,
      );
    return reduce(op, x, axes, keepDims);
  };
/** Largest element over `axes`; NaN wins. */
export const max = extreme(maxOp);
/** Smallest element over `axes`; NaN wins. */
export const min = extreme(minOp);

/** Mean and biased variance over `axes`, sizes kept as 1, in one pass that survives a large mean. */
export function moments(x: Tensor, axes: Axes): { mean: Tensor; variance: Tensor } {
  needsFloats("moments", x);
  const [m, v] = applyAll(momentsOp, [wide(x)], { axes: normalizeAxes("moments", axes, x.rank) });
  return { mean: m, variance: v };
}

/** Variance over `axes` with n − correction in the denominator (0: biased). */
export function variance(
  x: Tensor,
  axes?: Axes,
  { correction = 0, keepDims = false }: ReduceOptions & { correction?: number } = {},
): Tensor {
  const list = normalizeAxes("variance", axes, x.rank);
  const n = sizeOf(list.map((d) => x.shape[d]));
  const v = mul(moments(x, list).variance, n / Math.max(0, n - correction));
  return keepDims
    ? v
    : reshape(
        v,
        x.shape.filter((_, d) => !list.includes(d)),
      );
}

/** √s for s ≥ 0; the gradient at 0 is 0. */
const rootOrZero = (s: Tensor): Tensor => where(equal(s, 0), 0, sqrt(where(equal(s, 0), 1, s)));

/** Standard deviation over `axes`, as variance; the gradient is 0 where it is. */
export const std = (x: Tensor, axes?: Axes, options: ReduceOptions & { correction?: number } = {}): Tensor =>
  rootOrZero(variance(x, axes, options));

/** √Σx² over `axes`; the gradient at 0 is 0. */
export const norm2 = (x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor =>
  rootOrZero(sum(square(wide(x)), axes, options));

function needsFloats(op: string, x: Tensor): void {
  if (!isFloat(x.dtype)) throw new ShapeError(op, `x is ${x.dtype}${show(x.shape)}; cast it to f32`);
}
