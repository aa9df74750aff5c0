// Tensors that are known to sum to zero: the gradient in front of a norm does, so a bias there has none, and no sum
// is computed.
import type { Tensor } from "../tensor.ts";

const axesOf = new WeakMap<Tensor, readonly number[]>();

/** Notes that t sums to zero over `axes` (and so over any more); gives t back. */
export function markZeroSum(t: Tensor, axes: readonly number[]): Tensor {
  axesOf.set(t, axes);
  return t;
}

/** Notes of `to` what is known of `from`, of which it is a cast; gives it back. */
export function keepZeroSum(from: Tensor, to: Tensor): Tensor {
  const axes = axesOf.get(from);
  return axes ? markZeroSum(to, axes) : to;
}

/** Whether t is known to sum to zero over `axes`. */
export const isZeroSum = (t: Tensor, axes: readonly number[]): boolean =>
  axesOf.get(t)?.every((d) => axes.includes(d)) ?? false;
