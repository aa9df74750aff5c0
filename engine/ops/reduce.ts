// Reductions over any axes, of floats in f32 and to f32, however they are stored. Partial results are combined in a
// fixed order: the same bits run after run.
import { momentsColumns, momentsGroup, momentsRows, momentsThenMap } from "../../kernels/reduce/moments.ts";
import { full } from "../constant.ts";
import { isFloat } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import { statisticsLowering } from "../lower/join-norms.ts";
import type { ReduceOp } from "../op.ts";
import { normalizeAxes, show } from "../shape.ts";
import { type Tensor, applyAll } from "../tensor.ts";
import { expand, sum } from "./broadcast.ts";
import { toF32 } from "./cast.ts";
import { equal, maximum, minimum, mul, square, sqrt, where } from "./elementwise.ts";
import { reshape, slice } from "./movement.ts";
import {
  type AxesArgument,
  type IntegerStep,
  type ReduceAttrs,
  type ReduceOptions,
  countOf,
  keptSizes,
  reduce,
  reduceOp,
  sizesWithout,
  statisticsOp,
} from "./reduction.ts";

export { sum } from "./broadcast.ts";
export type { ReduceOptions } from "./reduction.ts";

export const maxOp = /* @__PURE__ */ reduceOp("max");
export const minOp = /* @__PURE__ */ reduceOp("min");
export const prodOp = /* @__PURE__ */ reduceOp("prod");
export const momentsOp = /* @__PURE__ */ statisticsOp("moments", "moments", {
  kernels: { columns: momentsColumns, rows: momentsRows, group: momentsGroup, thenMap: momentsThenMap },
  lowering: statisticsLowering,
});

/** Ones, which change no product. */
export const ones: IntegerStep["filler"] = (x, count) => full([count, ...x.shape.slice(1)], 1, x.dtype);
const repeatsOfFirst: IntegerStep["filler"] = (x, count) => expand(slice(x, [[0, 1]]), [count, ...x.shape.slice(1)]);

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
export const max = /* @__PURE__ */ extreme(maxOp, integerMax);
/** Smallest element over `axes`; NaN wins. */
export const min = /* @__PURE__ */ extreme(minOp, integerMin);

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
