// Two sums at once, which the gradients of norms need and no op's forward side does.
import { sumsColumns, sumsGroup, sumsThenMap } from "../../kernels/reduce/sums.ts";
import { statisticsLowering } from "../lower/join-norms.ts";
import { sum } from "../ops/broadcast.ts";
import { toF32 } from "../ops/cast.ts";
import { statisticsOp } from "../ops/reduction.ts";
import { normalizeAxes } from "../shape.ts";
import { type Tensor, applyAll } from "../tensor.ts";

export const sumsOp = statisticsOp("reduce-sums", "sums", {
  kernels: { columns: sumsColumns, group: sumsGroup, thenMap: sumsThenMap },
  lowering: statisticsLowering,
});

/**
 * Sums of a and b, of one shape, over the same axes, sizes kept as 1: one walk where the last axis is not among them.
 */
export function sumPair(a: Tensor, b: Tensor, axes: readonly number[]): [Tensor, Tensor] {
  if (axes.includes(a.rank - 1) || a.shape[a.rank - 1] === 1)
    return [sum(a, axes, { keepDims: true }), sum(b, axes, { keepDims: true })];
  const [p, q] = applyAll(sumsOp, [toF32(a), toF32(b)], { axes: normalizeAxes("sumPair", axes, a.rank) });
  return [p, q!];
}
