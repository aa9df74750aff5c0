// Reductions over any axes. Partial results are combined in a fixed order: the same bits run after run.
import { ShapeError } from "../errors.ts";
import type { ReduceOp } from "../op.ts";
import { normalizeAxes, show, sizeOf } from "../shape.ts";
import { type Tensor, apply, applyAll } from "../tensor.ts";
import { add, cast, div, equal, mul, square, sqrt, sub, where } from "./elementwise.ts";
import { expand, reshape } from "./movement.ts";

interface ReduceAttrs { axes: readonly number[] }
export interface ReduceOptions { keepDims?: boolean }
type Axes = number | readonly number[];

const kept = (x: Tensor, axes: readonly number[]): number[] => x.shape.map((n, d) => (axes.includes(d) ? 1 : n));

const reduceOp = (combine: ReduceOp["combine"], vjp: ReduceOp<ReduceAttrs>["vjp"], outputs = 1): ReduceOp<ReduceAttrs> => ({
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
const prodOp = reduceOp("prod", ([dy], [x], [y]) => [mul(expand(mul(dy!, y), x.shape), div(1, x))]);
const momentsOp = reduceOp("moments", ([dMean, dVariance], [x], [mean_], { axes }) => {
  const n = sizeOf(axes.map((d) => x.shape[d]));
  const centred = (): Tensor => mul(sub(x, expand(mean_, x.shape)), expand(mul(dVariance!, 2 / n), x.shape));
  if (!dMean) return [dVariance ? centred() : null];
  const flat = expand(mul(dMean, 1 / n), x.shape);
  return [dVariance ? add(flat, centred()) : flat];
}, 2);

const sumsOp: ReduceOp<ReduceAttrs> = {
  kind: "reduce", name: "reduce-sums", combine: "sums",
  axes: (a) => a.axes,
  infer: ([x], { axes }) => [0, 1].map(() => ({ shape: kept(x, axes), dtype: x.dtype })),
  vjp: ([da, db], [x]) => [da && expand(da, x.shape), db && expand(db, x.shape)],
};

/** Sums of a and b, of one shape, over the same axes, sizes kept as 1: one walk where the last axis is not among them. */
export function sumPair(a: Tensor, b: Tensor, axes: readonly number[]): [Tensor, Tensor] {
  if (axes.includes(a.rank - 1) || a.shape[a.rank - 1] === 1) return [sum(a, axes, { keepDims: true }), sum(b, axes, { keepDims: true })];
  const [p, q] = applyAll(sumsOp, [a, b], { axes: normalizeAxes("sumPair", axes, a.rank) });
  return [p, q];
}

function reduce(op: ReduceOp<ReduceAttrs>, x: Tensor, axes: Axes | undefined, keepDims: boolean): Tensor {
  const list = normalizeAxes(op.name, axes, x.rank);
  const y = list.length === 0 ? x : apply(op, [x], { axes: list });
  return keepDims ? y : reshape(y, x.shape.filter((_, d) => !list.includes(d)));
}

/** Σ x over `axes` (all if absent). An empty sum is 0. */
export const sum = (x: Tensor, axes?: Axes, { keepDims = false }: ReduceOptions = {}): Tensor => reduce(sumOp, x, axes, keepDims);

/** Product over `axes`; an empty product is 1. */
export const prod = (x: Tensor, axes?: Axes, { keepDims = false }: ReduceOptions = {}): Tensor => reduce(prodOp, x, axes, keepDims);

/** Mean over `axes`; an empty mean is NaN. */
export function mean(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  const n = sizeOf(normalizeAxes("mean", axes, x.rank).map((d) => x.shape[d]));
  return mul(sum(x, axes, options), 1 / n);
}

const extreme = (op: ReduceOp<ReduceAttrs>) => (x: Tensor, axes?: Axes, { keepDims = false }: ReduceOptions = {}): Tensor => {
  const list = normalizeAxes(op.name, axes, x.rank);
  if (list.some((d) => x.shape[d] === 0)) throw new ShapeError(op.name, `${show(x.shape)} is empty along axes ${show(list)}, and an empty set has no ${op.combine}`);
  return reduce(op, x, axes, keepDims);
};
/** Largest element over `axes`; NaN wins. */
export const max = extreme(maxOp);
/** Smallest element over `axes`; NaN wins. */
export const min = extreme(minOp);

/** Mean and biased variance over `axes`, sizes kept as 1, in one pass that survives a large mean. */
export function moments(x: Tensor, axes: Axes): { mean: Tensor; variance: Tensor } {
  const [m, v] = applyAll(momentsOp, [x], { axes: normalizeAxes("moments", axes, x.rank) });
  return { mean: m, variance: v };
}

/** Variance over `axes` with n − correction in the denominator (0: biased). */
export function variance(x: Tensor, axes?: Axes, { correction = 0, keepDims = false }: ReduceOptions & { correction?: number } = {}): Tensor {
  const list = normalizeAxes("variance", axes, x.rank);
  const n = sizeOf(list.map((d) => x.shape[d]));
  const v = mul(moments(x, list).variance, n / Math.max(0, n - correction));
  return keepDims ? v : reshape(v, x.shape.filter((_, d) => !list.includes(d)));
}

/** √Σx² over `axes`; the gradient at 0 is 0. */
export function norm2(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  const s = sum(square(x), axes, options);
  return where(equal(s, 0), 0, sqrt(where(equal(s, 0), 1, s)));
}
