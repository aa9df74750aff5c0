// Reductions over any axes, of floats in f32 and to f32, however they are stored. Partial results are combined in a
// fixed order: the same bits run after run.
import { full } from "../constant.ts";
import { isFloat } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import type { ReduceOp } from "../op.ts";
import { normalizeAxes, show } from "../shape.ts";
import { type Tensor, applyAll } from "../tensor.ts";
import { expand, sum } from "./broadcast.ts";
import { cast, toF32 } from "./cast.ts";
import { add, div, equal, maximum, minimum, mul, square, sqrt, sub, where } from "./elementwise.ts";
import { concat, reshape, slice } from "./movement.ts";
import {
  type AxesArgument,
  type IntegerStep,
  type ReduceAttrs,
  type ReduceOptions,
  countOf,
  fromFront,
  halves,
  keptSizes,
  reduce,
  reduceOp,
  sizesWithout,
  toFront,
} from "./reduction.ts";

export { sum } from "./broadcast.ts";
export type { ReduceOptions } from "./reduction.ts";

/** Extremes share the gradient evenly among ties. */
const shareAmongTies: ReduceOp<ReduceAttrs>["vjp"] = ([dy], [x], [y], { axes }) => {
  const hit = cast(equal(x, expand(y, x.shape)), "f32");
  return [mul(hit, expand(div(dy!, sum(hit, axes, { keepDims: true })), x.shape))];
};

const maxOp = reduceOp("max", shareAmongTies);
const minOp = reduceOp("min", shareAmongTies);
const prodOp = reduceOp("prod", ([dy], [x], _, { axes }) => [
  mul(expand(dy!, x.shape), fromFront(productsOfOthers(toFront(x, axes, ones)), x, axes)),
]);
const momentsOp = reduceOp(
  "moments",
  ([dMean, dVariance], [x], [mean_], { axes }) => {
    const n = countOf(x, axes);
    const centred = (): Tensor => mul(sub(x, expand(mean_, x.shape)), expand(mul(dVariance!, 2 / n), x.shape));
    if (!dMean) return [dVariance ? centred() : null];
    const flat = expand(mul(dMean, 1 / n), x.shape);
    return [dVariance ? add(flat, centred()) : flat];
  },
  2,
);

const sumsOp = reduceOp(
  "sums",
  ([da, db], [x]) => [da ? expand(da, x.shape) : null, db ? expand(db, x.shape) : null],
  2,
);

/**
 * Sums of a and b, of one shape, over the same axes, sizes kept as 1: one walk where the last axis is not among them.
 */
export function sumPair(a: Tensor, b: Tensor, axes: readonly number[]): [Tensor, Tensor] {
  if (axes.includes(a.rank - 1) || a.shape[a.rank - 1] === 1)
    return [sum(a, axes, { keepDims: true }), sum(b, axes, { keepDims: true })];
  const [p, q] = applyAll(sumsOp, [toF32(a), toF32(b)], { axes: normalizeAxes("sumPair", axes, a.rank) });
  return [p, q!];
}

const ones: IntegerStep["filler"] = (x, count) => full([count, ...x.shape.slice(1)], 1, x.dtype);
const repeatsOfFirst: IntegerStep["filler"] = (x, count) => expand(slice(x, [[0, 1]]), [count, ...x.shape.slice(1)]);

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

const integerProd: IntegerStep = { step: mul, filler: ones };
const integerMax: IntegerStep = { step: maximum, filler: repeatsOfFirst };
const integerMin: IntegerStep = { step: minimum, filler: repeatsOfFirst };

/** Product over `axes`; an empty product is 1. */
export const prod = (x: Tensor, axes?: AxesArgument, { keepDims = false }: ReduceOptions = {}): Tensor =>
  reduce(prodOp, integerProd, x, axes, keepDims);

/** Mean over `axes`; an empty mean is NaN. */
export function mean(x: Tensor, axes?: AxesArgument, options: ReduceOptions = {}): Tensor {
  needsFloats("mean", x);
  const n = countOf(x, normalizeAxes("mean", axes, x.rank));
  return mul(sum(x, axes, options), 1 / n);
}

const extreme =
  (op: ReduceOp<ReduceAttrs>, integers: IntegerStep) =>
  (x: Tensor, axes?: AxesArgument, { keepDims = false }: ReduceOptions = {}): Tensor => {
    const list = normalizeAxes(op.name, axes, x.rank);
    if (list.some((d) => x.shape[d] === 0))
      throw new ShapeError(
        op.name,
        `${show(x.shape)} is empty along axes ${show(list)}, and an empty set has no ${op.combine}`,
      );
    return reduce(op, integers, x, axes, keepDims);
  };
/** Largest element over `axes`; NaN wins. */
export const max = extreme(maxOp, integerMax);
/** Smallest element over `axes`; NaN wins. */
export const min = extreme(minOp, integerMin);

/** Mean and biased variance over `axes`, sizes kept as 1, in one pass that survives a large mean; of nothing NaN. */
export function moments(x: Tensor, axes: AxesArgument): { mean: Tensor; variance: Tensor } {
  needsFloats("moments", x);
  const list = normalizeAxes("moments", axes, x.rank);
  if (countOf(x, list) === 0) {
    const ofNothing = full(keptSizes(x, list), NaN);
    return { mean: ofNothing, variance: ofNothing };
  }
  const [m, v] = applyAll(momentsOp, [toF32(x)], { axes: list });
  return { mean: m, variance: v! };
}

/** Variance over `axes` with n − correction in the denominator (0: biased). */
export function variance(
  x: Tensor,
  axes?: AxesArgument,
  { correction = 0, keepDims = false }: ReduceOptions & { correction?: number } = {},
): Tensor {
  const list = normalizeAxes("variance", axes, x.rank);
  const n = countOf(x, list);
  const v = mul(moments(x, list).variance, n / Math.max(0, n - correction));
  return keepDims ? v : reshape(v, sizesWithout(x, list));
}

/** √s for s ≥ 0; the gradient at 0 is 0. */
const rootOrZero = (s: Tensor): Tensor => where(equal(s, 0), 0, sqrt(where(equal(s, 0), 1, s)));

/** Standard deviation over `axes`, as variance; the gradient is 0 where it is. */
export const std = (x: Tensor, axes?: AxesArgument, options: ReduceOptions & { correction?: number } = {}): Tensor =>
  rootOrZero(variance(x, axes, options));

/** √Σx² over `axes`; the gradient at 0 is 0. */
export const norm2 = (x: Tensor, axes?: AxesArgument, options: ReduceOptions = {}): Tensor =>
  rootOrZero(sum(square(toF32(x)), axes, options));

function needsFloats(op: string, x: Tensor): void {
  if (!isFloat(x.dtype)) throw new ShapeError(op, `x is ${x.dtype}${show(x.shape)}; cast it to f32`);
}
