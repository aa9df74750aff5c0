// Normalisation, by f32 statistics and to the dtype of x: one reduction for the moments, then elementwise work that
// fuses with what follows.
import { ShapeError } from "../errors.ts";
import type { OpInputs, PassOp } from "../op.ts";
import { type Shape, sameShape, show } from "../shape.ts";
import { type Tensor, apply } from "../tensor.ts";
import { ranks } from "../trace.ts";
import { cast, toF32 } from "./cast.ts";
import { abs, add, div, greater, maximum, mul, notEqual, rsqrt, sign, sub, where } from "./elementwise.ts";
import { broadcast } from "./expression.ts";
import { reshape } from "./movement.ts";
import { withGradient } from "./pass.ts";
import { max, min, moments, norm2, sum } from "./reduce.ts";
import { pow } from "./transcendental.ts";

export interface Affine {
  weight?: Tensor;
  bias?: Tensor;
}

/** x · weight + bias. */
export const affine = (x: Tensor, { weight, bias }: Affine): Tensor => {
  const scaled = weight ? mul(x, weight) : x;
  return bias ? add(scaled, bias) : scaled;
};

/** (x − mean) / √(variance + eps) · weight + bias, all broadcasting against x: given statistics, as at inference. */
export function normalize(
  x: Tensor,
  mean: Tensor,
  variance: Tensor,
  eps: number,
  weight?: Tensor,
  bias?: Tensor,
): Tensor {
  const unit = mul(sub(toF32(x), mean), rsqrt(add(toF32(variance), eps)));
  return cast(affine(unit, { weight, bias }), x.dtype);
}

interface NormAttrs extends Affine {
  readonly axes: readonly number[];
  /** x − mean over √(variance + eps), and 1 over that root. */
  readonly unit: Tensor;
  readonly root: Tensor;
}
/** unit · weight + bias as it is: its gradient to x, weight and bias is written as a whole. */
export const normOp: PassOp<NormAttrs, readonly [y: Tensor, x: Tensor, ...affine: OpInputs]> = {
  kind: "pass",
  name: "norm",
  infer: ([y]) => [{ shape: y.shape, dtype: y.dtype }],
};

/** Given x normalised by its own moments over `axes`, then weight and bias; with those moments. All f32. */
function normalizeOver(
  given: Tensor,
  axes: readonly number[],
  eps: number,
  { weight, bias }: Affine,
): { y: Tensor; mean: Tensor; variance: Tensor } {
  const x = toF32(given);
  const { mean, variance } = moments(x, axes);
  const root = rsqrt(add(variance, eps));
  const unit = mul(sub(x, mean), root);
  const y = apply(normOp, [affine(unit, { weight, bias }), x, ...(weight ? [weight] : []), ...(bias ? [bias] : [])], {
    axes,
    unit,
    root,
    weight,
    bias,
  });
  return { y, mean, variance };
}

/** Checks that x is [N, …, C] and that weight and bias are [C]; gives C. */
function needsChannels(op: string, x: Tensor, rank: number, { weight, bias }: Affine): number {
  const c = x.shape.at(-1);
  if (c === undefined || x.rank < rank) {
    const layout = rank === 2 ? "[N, …, C]" : "[N, …, C] with space between, as an image batch [N, H, W, C]";
    throw new ShapeError(op, `x is ${show(x.shape)}; it must be ${layout}`);
  }
  needsShape(op, { weight, bias }, [c], `C = ${c}`);
  return c;
}

function needsShape(op: string, given: Affine, shape: Shape, why: string): void {
  for (const [name, t] of Object.entries(given) as [string, Tensor | undefined][]) {
    if (t && !sameShape(t.shape, shape))
      throw new ShapeError(op, `${name} is ${show(t.shape)}; with ${why} it must be ${show(shape)}`);
  }
}

interface NormOptions extends Affine {
  eps?: number;
}

/**
 * Instance norm of x [N, …, C], as [N, H, W, C], over the space of each sample and channel, biased variance; weight
 * and bias [C]. Throws ShapeError.
 */
export function instanceNorm(x: Tensor, { eps = 1e-5, ...rest }: NormOptions = {}): Tensor {
  needsChannels("instanceNorm", x, 3, rest);
  const { y } = normalizeOver(x, x.shape.map((_, d) => d).slice(1, -1), eps, rest);
  return cast(y, x.dtype);
}

/**
 * Batch norm of x [N, …, C] with the statistics of this batch, of all ranks where several train; also those statistics,
 * [C] each. Weight and bias [C]. Throws ShapeError.
 */
export function batchNorm(
  x: Tensor,
  { eps = 1e-5, ...rest }: NormOptions = {},
): { y: Tensor; mean: Tensor; variance: Tensor; count: number } {
  const channels = needsChannels("batchNorm", x, 2, rest);
  const axes = x.shape.map((_, d) => d).slice(0, -1);
  const all = ranks();
  const { y, mean, variance } = (all?.normalize ?? normalizeOver)(x, axes, eps, rest);
  return {
    y: cast(y, x.dtype),
    mean: reshape(mean, [channels]),
    variance: reshape(variance, [channels]),
    count: (x.size / channels) * (all?.size ?? 1),
  };
}

/** Layer norm over the last `rank` axes; weight and bias of those axes' shape. Throws ShapeError. */
export function layerNorm(x: Tensor, rank: number, { eps = 1e-5, ...rest }: NormOptions = {}): Tensor {
  if (!(Number.isInteger(rank) && rank >= 1 && rank <= x.rank))
    throw new ShapeError("layerNorm", `${rank} axes of x ${show(x.shape)} can't be normalised; use 1 … ${x.rank}`);
  const want = x.shape.slice(x.rank - rank);
  for (const [name, t] of Object.entries(rest)) {
    if (t && (t.rank > rank || !t.shape.every((n, d) => n === 1 || n === want[rank - t.rank + d]))) {
      throw new ShapeError(
        "layerNorm",
        `${name} is ${show(t.shape)}; with x ${show(x.shape)} and ${rank} axes ` +
          `it must be ${show(want)} or broadcast to it`,
      );
    }
  }
  return cast(
    normalizeOver(
      x,
      Array.from({ length: rank }, (_, i) => x.rank - rank + i),
      eps,
      rest,
    ).y,
    x.dtype,
  );
}

/**
 * Group norm of x [N, …, C]: each of `groups` runs of channels is normalised with the space of its sample. Weight and
 * bias [C]. Throws ShapeError.
 */
export function groupNorm(x: Tensor, groups: number, { eps = 1e-5, weight, bias }: NormOptions = {}): Tensor {
  const channels = needsChannels("groupNorm", x, 2, { weight, bias });
  if (channels % groups !== 0)
    throw new ShapeError(
      "groupNorm",
      `C = ${channels} channels do not split into ${groups} groups; choose a divisor of C`,
    );
  const split = reshape(x, [...x.shape.slice(0, -1), groups, channels / groups]);
  const axes = split.shape.map((_, d) => d).filter((d) => d !== 0 && d !== split.rank - 2);
  return cast(affine(reshape(normalizeOver(split, axes, eps, {}).y, x.shape), { weight, bias }), x.dtype);
}

interface LengthOptions {
  p?: number;
  eps?: number;
}

/** (Σ|x|^p)^(1/p) along `axis`, kept as size 1; its limit for p = ±∞, and for p = 0 how many x are not 0. */
function lengthAlong(x: Tensor, axis: number, p: number): Tensor {
  const keepDims = { keepDims: true };
  switch (p) {
    case 0:
      return sum(cast(notEqual(x, 0), "f32"), axis, keepDims);
    case 1:
      return sum(abs(x), axis, keepDims);
    case 2:
      return norm2(x, axis, keepDims);
    case Infinity:
      return max(abs(x), axis, keepDims);
    case -Infinity:
      return min(abs(x), axis, keepDims);
    default: {
      const length = pow(sum(pow(abs(x), p), axis, keepDims), 1 / p);
      return withGradient(length, [x], (dy) => {
        // At 0 a power's or a root's slope may be infinite; as in PyTorch it counts for nothing.
        const share = where(greater(length, 0), div(abs(x), length), 0);
        return [mul(dy, where(greater(share, 0), mul(sign(x), pow(share, p - 1)), 0))];
      });
    }
  }
}

/** x / max(‖x‖_p, eps) along `axis`. */
export const unitLength = (x: Tensor, axis = -1, { p = 2, eps = 1e-12 }: LengthOptions = {}): Tensor => {
  const w = toF32(x);
  return cast(div(w, maximum(lengthAlong(w, axis, p), eps)), x.dtype);
};

/**
 * Σ a·b / (max(‖a‖, eps) · max(‖b‖, eps)) along `axis`, f32; a and b broadcast. The slope of max(‖a‖, eps) is
 * a / max(‖a‖, eps), also where eps is the larger, as in PyTorch.
 */
export function cosineSimilarity(a: Tensor, b: Tensor, axis = -1, { eps = 1e-8 }: { eps?: number } = {}): Tensor {
  const [x, z] = broadcast("cosineSimilarity", toF32(a), toF32(b));
  const unit = (t: Tensor): Tensor => {
    const length = maximum(norm2(t, axis, { keepDims: true }), eps);
    return div(
      t,
      withGradient(length, [t], (dy) => [mul(dy, div(t, length))]),
    );
  };
  return sum(mul(unit(x), unit(z)), axis);
}
