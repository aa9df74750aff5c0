// A step as one of several ranks traces it: what it needs of the whole batch goes through sums over the ranks. Batch
// norm's gradient is written as a whole, as that of one process is (gradients/norm.ts).
import { iota } from "../constant.ts";
import { sumAcrossRanks, sumOfGradients } from "./across-ranks.ts";
import { sum, sumTo } from "./broadcast.ts";
import { toF32 } from "./cast.ts";
import { add, mul, rsqrt, square, sub } from "./elementwise.ts";
import { concat, place, reshape, slice } from "./movement.ts";
import { affine } from "./norm.ts";
import { withGradient } from "./pass.ts";
import { mean, moments } from "./reduce.ts";
import { countOf } from "./reduction.ts";
import { markZeroSum } from "./zero-sum.ts";
import { sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import type { TracedRanks } from "../trace.ts";

/** Rank `rank` of `size` as a step that is traced for it sees them. */
export function tracedRanks(rank: number, size: number): TracedRanks {
  const whole = (x: Tensor): Tensor => {
    const start = x.shape.map((n, d) => (d === 0 ? rank * n : 0));
    const step = x.shape.map(() => 1);
    return sumAcrossRanks(place(x, x.shape.with(0, size * x.shape[0]!), start, step));
  };
  const momentsOf: TracedRanks["moments"] = (x, axes) => {
    const own = moments(x, axes);
    // One exchange for both: the mean and the variance of each rank's part.
    const parts = reshape(whole(concat([own.mean, own.variance], 0)), [size, 2, ...own.mean.shape.slice(1)]);
    const of = (k: number): Tensor => reshape(slice(parts, [null, [k, k + 1]]), own.mean.shape.with(0, size));
    const centre = mean(of(0), 0, { keepDims: true });
    return { mean: centre, variance: mean(add(of(1), square(sub(of(0), centre))), 0, { keepDims: true }) };
  };
  return {
    size,
    sum: sumAcrossRanks,
    mean: (x) => mul(sumAcrossRanks(x), 1 / size),
    meanGradient: (x) => mul(sumOfGradients(x), 1 / size),
    moments: momentsOf,
    // With u the unit-variance x and g = weight·dy:  dx = root · (g − mean(g) − u·mean(g·u)), means over all ranks.
    normalize: (given, axes, eps, { weight, bias }) => {
      const x = toF32(given);
      const { mean: centre, variance } = momentsOf(x, axes);
      const root = rsqrt(add(variance, eps));
      const unit = mul(sub(x, centre), root);
      const inputs = [x, ...(weight ? [weight] : []), ...(bias ? [bias] : [])];
      const y = withGradient(affine(unit, { weight, bias }), inputs, (dy) => {
        const own = [dy, mul(dy, unit)].map((t) => sum(t, axes, { keepDims: true })) as [Tensor, Tensor];
        const both = sumAcrossRanks(concat(own, 0));
        const meanOf = (k: number): Tensor => mul(slice(both, [[k, k + 1]]), 1 / (size * countOf(x, axes)));
        const centred = sub(dy, add(meanOf(0), mul(unit, meanOf(1))));
        // Over all ranks it sums to zero, and so does the gradient of a bias before the norm.
        const dx = markZeroSum(mul(centred, weight ? mul(root, weight) : root), axes);
        return [dx, ...(weight ? [sumTo(own[1], weight.shape)] : []), ...(bias ? [sumTo(own[0], bias.shape)] : [])];
      });
      return { y, mean: centre, variance };
    },
    whole,
    own: (x) => {
      const n = x.shape[0]! / size;
      return slice(x, [[rank * n, (rank + 1) * n]]);
    },
    places: (shape) => add(iota(shape), rank * sizeOf(shape)),
  };
}
