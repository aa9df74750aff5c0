// Activations: what networks put between their layers.
import { full } from "../constant.ts";
import { isFloat } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import type { ElementwiseOp } from "../op.ts";
import { show } from "../shape.ts";
import { type Tensor, apply } from "../tensor.ts";
import { bits, exponentials } from "../wgsl/functions.ts";
import { cast, toF32 } from "./cast.ts";
import { abs, add, div, greater, mul, neg, square, where } from "./elementwise.ts";
import { erfc } from "./transcendental.ts";
import { binary, binaryOp, unary, unaryOp } from "./expression.ts";

export const reluOp = /* @__PURE__ */ unaryOp("relu", "relu_(x)", { library: bits, integers: "max(x, x - x)" });
/** max(x, 0); NaN stays NaN, and the gradient at 0 is 0. */
export const relu = (x: Tensor): Tensor => unary(reluOp, x);
export const tanhOp = /* @__PURE__ */ unaryOp("tanh", "tanh_(x)", { library: exponentials, flops: 6 });
/** The hyperbolic tangent. */
export const tanh = (x: Tensor): Tensor => unary(tanhOp, x);
export const sigmoidOp = /* @__PURE__ */ unaryOp("sigmoid", "sigmoid_(x)", { library: exponentials, flops: 5 });
/** 1 / (1 + e⁻ˣ). */
export const sigmoid = (x: Tensor): Tensor => unary(sigmoidOp, x);
export const softplusOp = /* @__PURE__ */ unaryOp("softplus", "softplus_(x)", { library: exponentials, flops: 8 });

/** f in f32 and to x's dtype: what is made of several ops is rounded once. */
const once = (x: Tensor, f: (x: Tensor) => Tensor): Tensor => cast(f(toF32(x)), x.dtype);

/** log(1 + e^(βx)) / β, stable at both ends; x itself where βx > threshold. */
export const softplus = (
  x: Tensor,
  { beta = 1, threshold = Infinity }: { beta?: number; threshold?: number } = {},
): Tensor =>
  once(x, (x) => {
    const scaled = mul(x, beta);
    const y = div(unary(softplusOp, scaled), beta);
    return threshold === Infinity ? y : where(greater(scaled, threshold), x, y);
  });
/** log(1 / (1 + e⁻ˣ)), stable at both ends. */
export const logSigmoid = (x: Tensor): Tensor => once(x, (x) => neg(unary(softplusOp, neg(x))));

interface SlopeAttrs {
  slope: number;
}
export const leakyReluOp: ElementwiseOp<SlopeAttrs, readonly [x: Tensor, slope: Tensor]> = {
  kind: "elementwise",
  name: "leaky-relu",
  flops: 2,
  wgsl: ([x, slope]) => `select(${x} * ${slope}, ${x}, ${x} > F(0.0))`,
  infer: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
};
/** x for x > 0, slope·x otherwise. */
export function leakyRelu(x: Tensor, slope = 0.01): Tensor {
  needsFloat("leakyRelu", x);
  return apply(leakyReluOp, [x, full(x.shape, slope)], { slope });
}
export const preluOp = /* @__PURE__ */ binaryOp("prelu", "select(b * a, a, a > F(0.0))", { out: "first" });
/** x for x > 0, w·x otherwise, of x's dtype; w broadcasts against x. He et al., 2015. */
export const prelu = (x: Tensor, w: Tensor): Tensor => binary(preluOp, x, w);
export const eluOp = /* @__PURE__ */ binaryOp("elu", "select(a, b * expm1_(a), a <= F(0.0))", {
  library: exponentials,
  flops: 7,
});
/** x for x > 0, alpha·(eˣ − 1) otherwise. Clevert et al., 2016. */
export const elu = (x: Tensor, alpha = 1): Tensor => binary(eluOp, x, alpha);
/** Elu whose mean 0 and variance 1 stay through a layer. Klambauer et al., 2017. */
export const selu = (x: Tensor): Tensor => once(x, (x) => mul(1.0507009873554805, elu(x, 1.6732632423543772)));
/** x · sigmoid(x). */
export const silu = (x: Tensor): Tensor => once(x, (x) => mul(x, sigmoid(x)));
/** x / (1 + |x|). */
export const softsign = (x: Tensor): Tensor => once(x, (x) => div(x, add(1, abs(x))));
/** x · Φ(x), Φ the normal distribution's; or with tanh in its place. Hendrycks & Gimpel, 2016. */
export const gelu = (x: Tensor, { approximate = false }: { approximate?: boolean } = {}): Tensor =>
  once(x, (x) => {
    needsFloat(approximate ? "tanh" : "erfc", x);
    if (!approximate) return mul(mul(x, 0.5), erfc(mul(x, -Math.SQRT1_2)));
    const inner = mul(Math.sqrt(2 / Math.PI), add(x, mul(0.044715, mul(x, square(x)))));
    return mul(mul(0.5, x), add(1, tanh(inner)));
  });

function needsFloat(op: string, x: Tensor): void {
  if (!isFloat(x.dtype)) throw new ShapeError(op, `x is ${x.dtype}${show(x.shape)}; cast it to f32`);
}
