// Sums, extremes, products and moments over axes.
import { full } from "../constant.ts";
import { addIntegersOp, expand, sum, sumOp } from "../ops/broadcast.ts";
import { cast } from "../ops/cast.ts";
import { add, div, equal, mul, sub } from "../ops/elementwise.ts";
import { concat } from "../ops/movement.ts";
import { maxOp, minOp, momentsOp, ones, prodOp } from "../ops/reduce.ts";
import { type ReduceAttrs, countOf, fromFront, halves, toFront } from "../ops/reduction.ts";
import type { Tensor } from "../tensor.ts";
import { type Gradient, type Rule, gradientOf } from "./rule.ts";
import { sumsOp } from "./sums.ts";

/** Extremes share the gradient evenly among ties. */
const shareAmongTies: Rule<ReduceAttrs, readonly [Tensor]> = ([dy], [x], [y], { axes }) => {
  const hit = cast(equal(x, expand(y, x.shape)), "f32");
  return [mul(hit, expand(div(dy!, sum(hit, axes, { keepDims: true })), x.shape))];
};

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

export const reductions: readonly Gradient[] = [
  gradientOf(sumOp, ([dy], [x]) => [expand(dy!, x.shape)]),
  gradientOf(addIntegersOp, ([dy]) => [dy!, dy!]),
  gradientOf(maxOp, shareAmongTies),
  gradientOf(minOp, shareAmongTies),
  gradientOf(prodOp, ([dy], [x], _, { axes }) => [
    mul(expand(dy!, x.shape), fromFront(productsOfOthers(toFront(x, axes, ones)), x, axes)),
  ]),
  gradientOf(momentsOp, ([dMean, dVariance], [x], [mean], { axes }) => {
    const n = countOf(x, axes);
    const centred = (): Tensor => mul(sub(x, expand(mean, x.shape)), expand(mul(dVariance!, 2 / n), x.shape));
    if (!dMean) return [dVariance ? centred() : null];
    const flat = expand(mul(dMean, 1 / n), x.shape);
    return [dVariance ? add(flat, centred()) : flat];
  }),
  gradientOf(sumsOp, ([da, db], [x]) => [da ? expand(da, x.shape) : null, db ? expand(db, x.shape) : null]),
];
