// One value in, one value out: arithmetic, comparisons, functions and activations.
import {
  type Tensor, abs, add, atan, cast, ceil, clamp, cos, div, elu, equal, erf, exp, expm1, floor, gelu, greater, greaterEqual, leakyRelu, less, lessEqual,
  log, log1p, logSigmoid, maximum, minimum, mul, neg, notEqual, pow, prelu, reciprocal, relu, round, rsqrt, selu, sigmoid, sign, silu, sin, softplus,
  softsign, sqrt, square, sub, tanh, where,
} from "../../../engine/index.ts";
import { type Adapters, single } from "../adapter.ts";

const one = (f: (x: Tensor) => Tensor) => single((_, { x }) => f(x));
const two = (f: (a: Tensor, b: Tensor) => Tensor) => single((_, { a, b }) => f(a, b));

export const elementwise: Adapters = {
  ...Object.fromEntries(Object.entries({
    neg, abs, sign, exp, expm1, log, log1p, sqrt, rsqrt, reciprocal, square, sin, cos, atan, tanh, sigmoid, floor, ceil, round, erf, relu, softsign, silu,
    selu, logsigmoid: logSigmoid,
  }).map(([op, f]) => [op, one(f)])),
  ...Object.fromEntries(Object.entries({
    add, sub, mul, div, maximum, minimum, eq: equal, ne: notEqual, lt: less, le: lessEqual, gt: greater, ge: greaterEqual,
  }).map(([op, f]) => [op, two(f)])),
  // Powers of mixed dtypes are real, and then of the base's.
  pow: two((a, b) => (a.dtype === b.dtype ? pow(a, b) : cast(pow(cast(a, "f32"), cast(b, "f32")), a.dtype))),
  where: single((_, { cond, a, b }) => where(cast(cond, "bool"), a, b)),
  leaky_relu: single(({ slope }: { slope: number }, { x }) => leakyRelu(x, slope)),
  elu: single(({ alpha }: { alpha: number }, { x }) => elu(x, alpha)),
  softplus: single((attrs: { beta: number; threshold: number }, { x }) => softplus(x, attrs)),
  gelu: single(({ approximate }: { approximate: "none" | "tanh" }, { x }) => gelu(x, { approximate: approximate === "tanh" })),
  clamp: single(({ min, max }: { min?: number | null; max?: number | null }, { x }) => clamp(x, { min: min ?? undefined, max: max ?? undefined })),
  pow_scalar: single(({ exponent }: { exponent: number }, { x }) => pow(x, exponent)),
  prelu: single((_, { x, w }) => prelu(x, w)),
};
