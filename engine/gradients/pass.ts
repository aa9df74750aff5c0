// What passes through: casts, and tensors with a derivative that stands where they are made.
import { isFloat } from "../dtype.ts";
import { type CastAttrs, carry, carryOp, castOp } from "../ops/cast.ts";
import { passOp } from "../ops/pass.ts";
import type { Tensor } from "../tensor.ts";
import { type Gradient, type Rule, gradientOf } from "./rule.ts";

/** The cotangent as x's dtype, not rounded; whole numbers have none. */
const uncast: Rule<CastAttrs, readonly [Tensor]> = ([dy], [x], _, { dtype }) => [
  isFloat(dtype) && isFloat(x.dtype) ? carry(dy!, x.dtype) : null,
];

export const passes: readonly Gradient[] = [
  gradientOf(castOp, uncast),
  gradientOf(carryOp, uncast),
  gradientOf(passOp, ([dy], _, __, { derivative }) => (derivative ? [null, ...derivative(dy!)] : [])),
];
