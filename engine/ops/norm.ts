// Normalisation: one reduction for the moments, then elementwise work that fuses with what follows. The gradient is written as
// a whole, for it needs two sums where the chain of its parts would take four.
import { ShapeError } from "../errors.ts";
import { withGradient } from "../grad.ts";
import { type Shape, show, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { add, mul, rsqrt, sub } from "./elementwise.ts";
import { reshape, sumTo } from "./movement.ts";
import { moments, sumPair } from "./reduce.ts";
import { markZeroSum } from "./zero-sum.ts";

interface Affine { weight?: Tensor; bias?: Tensor }

const affine = (x: Tensor, { weight, bias }: Affine): Tensor => {
  const scaled = weight ? mul(x, weight) : x;
  return bias ? add(scaled, bias) : scaled;
};

/** (x − mean) / √(variance + eps) · weight + bias, all broadcasting against x: given statistics, as at inference. */
export const normalize = (x: Tensor, mean: Tensor, variance: Tensor, eps: number, weight?: Tensor, bias?: Tensor): Tensor =>
  affine(mul(sub(x, mean), rsqrt(add(variance, eps))), { weight, bias });

/** x normalised by its own moments over `axes`, then weight and bias; with those moments. */
function normalizeOver(x: Tensor, axes: readonly number[], eps: number, { weight, bias }: Affine): { y: Tensor; mean: Tensor; variance: Tensor } {
  const { mean, variance } = moments(x, axes);
  const root = rsqrt(add(variance, eps));
  const unit = mul(sub(x, mean), root);
  const n = sizeOf(axes.map((d) => x.shape[d]));
  const y = withGradient(affine(unit, { weight, bias }), [x, ...(weight ? [weight] : []), ...(bias ? [bias] : [])], (dy) => {
    // With u the unit-variance x and g = weight·dy:  dx = root · (g − mean(g) − u·mean(g·u)).
    const alongAxes = weight !== undefined && variesAlong(weight.shape, x.rank, axes);
    const g = alongAxes ? mul(dy, weight) : dy;
    const [s, su] = sumPair(g, mul(g, unit), axes);
    const centred = sub(g, add(mul(s, 1 / n), mul(unit, mul(su, 1 / n))));
    const dx = markZeroSum(mul(centred, weight && !alongAxes ? mul(root, weight) : root), axes);
    const dWeight = weight && sumTo(alongAxes ? mul(dy, unit) : su, weight.shape);
    const dBias = bias && sumTo(alongAxes ? dy : s, bias.shape);
    return [dx, ...(dWeight ? [dWeight] : []), ...(dBias ? [dBias] : [])];
  });
  return { y, mean, variance };
}

/** Whether a shape that broadcasts to rank `rank` is larger than 1 along one of `axes`. */
const variesAlong = (shape: Shape, rank: number, axes: readonly number[]): boolean => axes.some((d) => (shape[d - rank + shape.length] ?? 1) !== 1);

const needsImage = (op: string, x: Tensor): void => {
  if (x.rank !== 4) throw new ShapeError(op, `x is ${show(x.shape)}; it must be an image batch [N, H, W, C]`);
};

interface NormOptions extends Affine { eps?: number }

/** Instance norm of x [N, H, W, C] over H and W, biased variance; optional weight and bias [C]. */
export function instanceNorm(x: Tensor, { eps = 1e-5, ...rest }: NormOptions = {}): Tensor {
  needsImage("instanceNorm", x);
  return normalizeOver(x, [1, 2], eps, rest).y;
}

/** Batch norm of x [N, H, W, C] with the statistics of this batch; also those statistics, [C] each. */
export function batchNorm(x: Tensor, { eps = 1e-5, ...rest }: NormOptions = {}): { y: Tensor; mean: Tensor; variance: Tensor; count: number } {
  const channels = x.shape[x.rank - 1];
  const { y, mean, variance } = normalizeOver(x, x.shape.map((_, d) => d).slice(0, -1), eps, rest);
  return { y, mean: reshape(mean, [channels]), variance: reshape(variance, [channels]), count: x.size / channels };
}

/** Layer norm over the last `rank` axes. */
export function layerNorm(x: Tensor, rank: number, { eps = 1e-5, ...rest }: NormOptions = {}): Tensor {
  return normalizeOver(x, Array.from({ length: rank }, (_, i) => x.rank - rank + i), eps, rest).y;
}

/** Group norm of x [N, …, C]: each of `groups` runs of channels is normalised with the space of its sample. */
export function groupNorm(x: Tensor, groups: number, { eps = 1e-5, weight, bias }: NormOptions = {}): Tensor {
  const channels = x.shape[x.rank - 1];
  if (channels % groups !== 0) throw new ShapeError("groupNorm", `C = ${channels} channels do not split into ${groups} groups; choose a divisor of C`);
  const split = reshape(x, [...x.shape.slice(0, -1), groups, channels / groups]);
  const axes = split.shape.map((_, d) => d).filter((d) => d !== 0 && d !== split.rank - 2);
  return affine(reshape(normalizeOver(split, axes, eps, {}).y, x.shape), { weight, bias });
}
