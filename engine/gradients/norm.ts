// Norms by the moments of what they normalise. The gradient is written as a whole, for it needs two sums where the
// chain of its parts would take four.
import { sumTo } from "../ops/broadcast.ts";
import { add, mul, sub } from "../ops/elementwise.ts";
import { normOp } from "../ops/norm.ts";
import { countOf } from "../ops/reduction.ts";
import { markZeroSum } from "../ops/zero-sum.ts";
import type { Shape } from "../shape.ts";
import { type Gradient, gradientOf } from "./rule.ts";
import { sumPair } from "./sums.ts";

/** Whether a shape that broadcasts to rank `rank` is larger than 1 along one of `axes`. */
const variesAlong = (shape: Shape, rank: number, axes: readonly number[]): boolean =>
  axes.some((d) => (shape[d - rank + shape.length] ?? 1) !== 1);

export const norms: readonly Gradient[] = [
  // With u the unit-variance x and g = weight·dy:  dx = root · (g − mean(g) − u·mean(g·u)).
  gradientOf(normOp, ([dy], [, x], _, { axes, unit, root, weight, bias }) => {
    const n = countOf(x, axes);
    const alongAxes = weight !== undefined && variesAlong(weight.shape, x.rank, axes);
    const g = alongAxes ? mul(dy!, weight) : dy!;
    const [s, su] = sumPair(g, mul(g, unit), axes);
    const centred = sub(g, add(mul(s, 1 / n), mul(unit, mul(su, 1 / n))));
    const dx = markZeroSum(mul(centred, weight && !alongAxes ? mul(root, weight) : root), axes);
    const dWeight = weight && sumTo(alongAxes ? mul(dy!, unit) : su, weight.shape);
    const dBias = bias && sumTo(alongAxes ? dy! : s, bias.shape);
    return [null, dx, ...(dWeight ? [dWeight] : []), ...(dBias ? [dBias] : [])];
  }),
];
