// Normalisation: one reduction for the moments, then elementwise work that fuses with what follows.
import { ShapeError } from "../errors.ts";
import { show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { add, mul, rsqrt, sub } from "./elementwise.ts";
import { reshape } from "./movement.ts";
import { moments } from "./reduce.ts";

/** (x − mean) / √(variance + eps) · weight + bias, all broadcasting against x. */
export function normalize(x: Tensor, mean: Tensor, variance: Tensor, eps: number, weight?: Tensor, bias?: Tensor): Tensor {
  const unit = mul(sub(x, mean), rsqrt(add(variance, eps)));
  const scaled = weight ? mul(unit, weight) : unit;
  return bias ? add(scaled, bias) : scaled;
}

const needsImage = (op: string, x: Tensor): void => {
  if (x.rank !== 4) throw new ShapeError(op, `x is ${show(x.shape)}; it must be an image batch [N, H, W, C]`);
};

/** Instance norm of x [N, H, W, C] over H and W, biased variance; optional weight and bias [C]. */
export function instanceNorm(x: Tensor, { eps = 1e-5, weight, bias }: { eps?: number; weight?: Tensor; bias?: Tensor } = {}): Tensor {
  needsImage("instanceNorm", x);
  const { mean, variance } = moments(x, [1, 2]);
  return normalize(x, mean, variance, eps, weight, bias);
}

/** Batch norm of x [N, H, W, C] with the statistics of this batch; also those statistics, [C] each. */
export function batchNorm(x: Tensor, { eps = 1e-5, weight, bias }: { eps?: number; weight?: Tensor; bias?: Tensor } = {}): { y: Tensor; mean: Tensor; variance: Tensor; count: number } {
  const channels = x.shape[x.rank - 1];
  const m = moments(x, x.shape.map((_, d) => d).slice(0, -1));
  return {
    y: normalize(x, m.mean, m.variance, eps, weight, bias),
    mean: reshape(m.mean, [channels]),
    variance: reshape(m.variance, [channels]),
    count: x.size / channels,
  };
}

/** Layer norm over the last `rank` axes. */
export function layerNorm(x: Tensor, rank: number, { eps = 1e-5, weight, bias }: { eps?: number; weight?: Tensor; bias?: Tensor } = {}): Tensor {
  const axes = Array.from({ length: rank }, (_, i) => x.rank - rank + i);
  const { mean, variance } = moments(x, axes);
  return normalize(x, mean, variance, eps, weight, bias);
}

/** Group norm of x [N, …, C]: each of `groups` runs of channels is normalised with the space of its sample. */
export function groupNorm(x: Tensor, groups: number, { eps = 1e-5, weight, bias }: { eps?: number; weight?: Tensor; bias?: Tensor } = {}): Tensor {
  const channels = x.shape[x.rank - 1];
  if (channels % groups !== 0) throw new ShapeError("groupNorm", `C = ${channels} channels do not split into ${groups} groups; choose a divisor of C`);
  const split = reshape(x, [...x.shape.slice(0, -1), groups, channels / groups]);
  const axes = split.shape.map((_, d) => d).filter((d) => d !== 0 && d !== split.rank - 2);
  const { mean, variance } = moments(split, axes);
  const unit = reshape(normalize(split, mean, variance, eps), x.shape);
  const scaled = weight ? mul(unit, weight) : unit;
  return bias ? add(scaled, bias) : scaled;
}
