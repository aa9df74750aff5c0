// A tensor as it is, with a derivative of its own.
import type { OpInputs, PassOp } from "../op.ts";
import { type Tensor, apply } from "../tensor.ts";

interface PassAttrs {
  /** Cotangents of the inputs behind the first, of the output's; absent: none of them has one. */
  readonly derivative?: (dy: Tensor) => readonly (Tensor | null)[];
}
export const passOp: PassOp<PassAttrs, readonly [y: Tensor, ...xs: OpInputs]> = {
  kind: "pass",
  name: "pass",
  infer: ([y]) => [{ shape: y.shape, dtype: y.dtype }],
};

/**
 * y, whose derivative with respect to `xs` is what `derivative` says of its cotangent (one of each x's shape), not what
 * y was made of. Where y is of an op that has no derivative of its own, one that reads y's value must read it of what
 * this function gives: what it reads of y itself is a constant to second derivatives.
 */
export const withGradient = (
  y: Tensor,
  xs: readonly Tensor[],
  derivative: (dy: Tensor) => readonly (Tensor | null)[],
): Tensor => apply(passOp, [y, ...xs], { derivative });

/** x in the forward pass, a constant to grad. */
export const stopGradient = (x: Tensor): Tensor => apply(passOp, [x], {});
