// Dropout: elementwise, so the mask is never stored; the backward pass draws the same numbers again from the same key.
import { ShapeError } from "../errors.ts";
import { randomUniform } from "../random.ts";
import { show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { cast } from "./cast.ts";
import { greaterEqual, mul } from "./elementwise.ts";

export interface DropoutOptions {
  /** Drops whole channels of a sample (Dropout2d) in place of single elements. */
  channels?: boolean;
  /** Tells apart several dropouts that share one key. */
  salt?: number;
}

/**
 * x · mask / (1 − rate), where each element of mask is 0 with probability `rate`, else 1. x [N, …, C]; with
 * `channels` the mask is [N, 1, …, 1, C]. `key` is a u32 scalar: a new one each step (stepKey), or every step drops
 * the same.
 */
export function dropout(
  x: Tensor,
  rate: number,
  key: Tensor,
  { channels = false, salt = 0 }: DropoutOptions = {},
): Tensor {
  if (!(rate >= 0 && rate < 1))
    throw new ShapeError("dropout", `rate is ${rate}; give the share to drop, 0 ≤ rate < 1`);
  if (key.dtype !== "u32" || key.size !== 1)
    throw new ShapeError(
      "dropout",
      `key is ${key.dtype}${show(key.shape)}; it must be a u32 scalar, as stepKey() gives`,
    );
  if (channels && x.rank < 2)
    throw new ShapeError("dropout", `x is ${show(x.shape)}; to drop channels it must be [N, …, C]`);
  if (rate === 0) return x;
  const shape = channels ? x.shape.map((n, d) => (d === 0 || d === x.rank - 1 ? n : 1)) : x.shape;
  const keep = cast(greaterEqual(randomUniform(shape, key, salt), rate), "f32");
  return mul(x, mul(keep, 1 / (1 - rate)));
}
