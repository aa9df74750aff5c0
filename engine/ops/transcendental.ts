// Functions that few networks have, of the angle, the error and the power: a page bundles their WGSL only where it
// calls one, so each is applied together with its derivative. exp and log, which losses need, stand in elementwise.ts.
import { isFloat } from "../dtype.ts";
import { Tensor } from "../tensor.ts";
import { angles, errorFunctions, powers } from "../wgsl/functions.ts";
import { cast } from "./cast.ts";
import { add, div, equal, exp, greaterEqual, log, mul, neg, square, sub, where } from "./elementwise.ts";
import { type Operand, type UnaryOp, binary, binaryOp, broadcast, unary, unaryOp } from "./expression.ts";
import { withGradient } from "./pass.ts";

/** op(x), whose cotangent `derivative` takes to x's. */
const derived = (op: UnaryOp, x: Tensor, derivative: (dy: Tensor) => Tensor): Tensor =>
  withGradient(unary(op, x), [x], (dy) => [derivative(dy)]);

export const sinOp = /* @__PURE__ */ unaryOp("sin", "sin_(x)", { library: angles, flops: 8 });
/** sin x, x in radians. */
export const sin = (x: Tensor): Tensor => derived(sinOp, x, (dy) => mul(dy, cos(x)));
export const cosOp = /* @__PURE__ */ unaryOp("cos", "cos_(x)", { library: angles, flops: 8 });
/** cos x, x in radians. */
export const cos = (x: Tensor): Tensor => derived(cosOp, x, (dy) => neg(mul(dy, sin(x))));
export const atanOp = /* @__PURE__ */ unaryOp("atan", "atan_(x)", { library: angles, flops: 8 });
/** The angle in radians, within ±π/2, whose tangent is x. */
export const atan = (x: Tensor): Tensor => derived(atanOp, x, (dy) => div(dy, add(square(x), 1)));
/** 2/√π · e^(−x²): the slope of erf. */
const erfSlope = (x: Tensor): Tensor => mul(exp(neg(square(x))), 2 / Math.sqrt(Math.PI));

export const erfOp = /* @__PURE__ */ unaryOp("erf", "erf_(x)", { library: errorFunctions, flops: 12 });
/** The error function. */
export const erf = (x: Tensor): Tensor => derived(erfOp, x, (dy) => mul(dy, erfSlope(x)));
export const erfcOp = /* @__PURE__ */ unaryOp("erfc", "erfc_(x)", { library: errorFunctions, flops: 12 });
/** 1 − erf(x), without cancellation where it is small. */
export const erfc = (x: Tensor): Tensor => derived(erfcOp, x, (dy) => neg(mul(dy, erfSlope(x))));
export const powOp = /* @__PURE__ */ binaryOp("pow", "pow_(a, b)", {
  library: powers,
  flops: 12,
  integers: "powWhole_(a, b)",
  signed: true,
});
/**
 * a to the power b, real: NaN for a negative base and a fractional exponent. Of i32, whole: 1 / a^|b| rounds to 0. An
 * integer tensor beside a float one is taken as that float, as in PyTorch.
 */
export function pow(a: Operand, b: Operand): Tensor {
  const beside = (x: Operand, other: Operand): Operand => {
    if (!(x instanceof Tensor && other instanceof Tensor) || !isFloat(other.dtype)) return x;
    return x.dtype === "i32" || x.dtype === "u32" ? cast(x, other.dtype) : x;
  };
  const [p, q] = broadcast("pow", beside(a, b), beside(b, a));
  const y = withGradient(binary(powOp, p, q), [p, q], (dy) => [
    where(equal(q, 0), 0, mul(dy, mul(q, pow(p, sub(q, 1))))),
    // 0 to a power ≥ 0 does not change with the power.
    mul(
      where(equal(p, 0), where(greaterEqual(q, 0), 0, dy), dy),
      mul(y, log(where(equal(p, 0), where(greaterEqual(q, 0), 1, p), p))),
    ),
  ]);
  return y;
}
