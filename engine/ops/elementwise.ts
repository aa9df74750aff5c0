// y[i] = f(x[i], …). Each op is one WGSL expression and one derivative line; chains of them fuse.
import { constantValue, full, zerosLike } from "../constant.ts";
import { type DType, isFloat } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import type { ElementwiseOp } from "../op.ts";
import { broadcastShapes, show } from "../shape.ts";
import { Tensor, apply } from "../tensor.ts";
import { expand } from "./broadcast.ts";
import { cast } from "./cast.ts";
import { type None, type Operand, binary, broadcast, dtypeOf, functionsIn, unary } from "./expression.ts";

const numbers = { integers: true } as const;
const addRaw = binary("add", "(a + b)", (dy) => [dy, dy], numbers);
const subRaw = binary("sub", "(a - b)", (dy) => [dy, neg(dy)], numbers);
const mulRaw = binary("mul", "(a * b)", (dy, a, b) => [mul(dy, b), mul(dy, a)], numbers);
const divRaw = binary("div", "(a / b)", (dy, _, b, y) => [div(dy, b), neg(div(mul(dy, y), b))], numbers);

/** Applies `f`, unless an operand is a constant that makes the result the other operand. */
function simplified(
  name: string,
  raw: (a: Operand, b: Operand) => Tensor,
  isLeftUnit: (a: number, dtype: DType) => boolean,
  isRightUnit: (b: number, dtype: DType) => boolean,
  fold: (a: number, b: number) => number,
): (a: Operand, b: Operand) => Tensor {
  return (x, y) => {
    const [a, b] = broadcast(name, x, y);
    const p = constantValue(a);
    const q = constantValue(b);
    if (p !== undefined && q !== undefined && a.dtype === "f32") return full(a.shape, Math.fround(fold(p, q)), a.dtype);
    if (p !== undefined && isLeftUnit(p, a.dtype)) return cast(b, dtypeOf(name, [a, b]));
    if (q !== undefined && isRightUnit(q, b.dtype)) return cast(a, dtypeOf(name, [a, b]));
    return raw(a, b);
  };
}

const never = (): boolean => false;
const isOne = (v: number): boolean => v === 1;
/** x + 0 is 0 for x = −0; x + −0 is x. */
const addsNothing = (v: number, dtype: DType): boolean => (isFloat(dtype) ? Object.is(v, -0) : v === 0);
const isZero = (v: number): boolean => Object.is(v, 0);

/** a + b, broadcasting. */
export const add = simplified("add", addRaw, addsNothing, addsNothing, (a, b) => a + b);
const biasRaw = binary("add", "(a + b)", (dy) => [dy, dy], { out: "first" });
/** y + bias, broadcasting, of y's dtype whatever the bias's is. */
export const addBias = (y: Tensor, bias: Tensor): Tensor => (y.dtype === bias.dtype ? add(y, bias) : biasRaw(y, bias));
/** a − b, broadcasting. */
export const sub = simplified("sub", subRaw, never, isZero, (a, b) => a - b);
/** a · b, broadcasting. */
export const mul = simplified("mul", mulRaw, isOne, isOne, (a, b) => a * b);
/** a / b, broadcasting; of integers the quotient towards 0. */
export const div = simplified("div", divRaw, never, isOne, (a, b) => a / b);

/** a's share of dy: none where it `loses` to b, half in a tie. */
const share = (dy: Tensor, a: Tensor, b: Tensor, loses: (a: Operand, b: Operand) => Tensor): Tensor =>
  where(equal(a, b), mul(dy, 0.5), where(loses(a, b), 0, dy));

/** Larger of a and b; NaN wins; ties share the gradient half and half. */
export const maximum = binary(
  "maximum",
  "maximum_(a, b)",
  (dy, a, b) => [share(dy, a, b, less), share(dy, b, a, less)],
  { integers: "max(a, b)" },
);
/** Smaller of a and b; NaN wins; ties share the gradient half and half. */
export const minimum = binary(
  "minimum",
  "minimum_(a, b)",
  (dy, a, b) => [share(dy, a, b, greater), share(dy, b, a, greater)],
  { integers: "min(a, b)" },
);
const powRaw = binary(
  "pow",
  "pow_(a, b)",
  (dy, a, b, y) => [
    where(equal(b, 0), 0, mul(dy, mul(b, pow(a, sub(b, 1))))),
    // 0 to a power ≥ 0 does not change with the power.
    mul(
      where(equal(a, 0), where(greaterEqual(b, 0), 0, dy), dy),
      mul(y, log(where(equal(a, 0), where(greaterEqual(b, 0), 1, a), a))),
    ),
  ],
  { flops: 12, integers: "powWhole_(a, b)", signed: true },
);

/**
 * a to the power b, real: NaN for a negative base and a fractional exponent. Of i32, whole: 1 / a^|b| rounds to 0. An
 * integer tensor beside a float one is taken as that float, as in PyTorch.
 */
export function pow(a: Operand, b: Operand): Tensor {
  const beside = (x: Operand, other: Operand): Operand => {
    if (!(x instanceof Tensor && other instanceof Tensor) || !isFloat(other.dtype)) return x;
    return x.dtype === "i32" || x.dtype === "u32" ? cast(x, other.dtype) : x;
  };
  return powRaw(beside(a, b), beside(b, a));
}

const compares = { out: "bool", integers: true } as const;
/** a = b, a bool tensor; broadcasting, as all comparisons. */
export const equal = binary("equal", "(a == b)", null, { ...compares, bools: true });
/** a ≠ b, a bool tensor: true beside NaN, which WGSL's own ≠ need not be. */
export const notEqual = binary("not-equal", "(!(a == b))", null, { ...compares, bools: true });
/** a < b, a bool tensor. */
export const less = binary("less", "(a < b)", null, compares);
/** a ≤ b, a bool tensor. */
export const lessEqual = binary("less-equal", "(a <= b)", null, compares);
/** a > b, a bool tensor. */
export const greater = binary("greater", "(a > b)", null, compares);
/** a ≥ b, a bool tensor. */
export const greaterEqual = binary("greater-equal", "(a >= b)", null, compares);
/** Whether x is neither infinite nor NaN, by its bits: a bool tensor. */
export const finite = unary("finite", "((bitcast<U>(x) & U(0x7fffffffu)) < U(0x7f800000u))", null, { out: "bool" });

const whereOp: ElementwiseOp<None, readonly [c: Tensor, a: Tensor, b: Tensor]> = {
  kind: "elementwise",
  name: "where",
  flops: 1,
  wgsl: ([c, a, b]) => `select(${b}, ${a}, ${c})`,
  infer: ([, a, b]) => [{ shape: a.shape, dtype: dtypeOf("where", [a, b]) }],
  vjp: ([dy], [c]) => [null, where(c, dy!, 0), where(c, 0, dy!)],
};
/** a where the bool tensor `condition` holds, else b; broadcasting. */
export function where(condition: Tensor, a: Operand, b: Operand): Tensor {
  if (condition.dtype !== "bool")
    throw new ShapeError(
      "where",
      `the condition is ${condition.dtype}${show(condition.shape)}; it must be a bool tensor, as comparisons give`,
    );
  const [p, q] = broadcast("where", a, b);
  const shape = broadcastShapes("where", condition.shape, p.shape);
  return apply(whereOp, [expand(condition, shape), expand(p, shape), expand(q, shape)], {});
}

/** x computed anew: a value of its own, and as f16 a rounded one. */
export const copy = unary("copy", "x", (dy) => dy, { flops: 0, integers: true, bools: true, rounds: true });

const flat = (_: Tensor, x: Tensor): Tensor => zerosLike(x);

const negRaw = unary("neg", "neg_(x)", (dy) => neg(dy), { integers: "(-x)", signed: true });
/** −x. */
export const neg = (x: Tensor): Tensor => {
  const c = constantValue(x);
  return c === undefined ? negRaw(x) : full(x.shape, -c, x.dtype);
};
/** |x|; the gradient at 0 is 0. */
export const abs = unary("abs", "abs(x)", (dy, x) => mul(dy, sign(x)), numbers);
/** −1, 0 or 1; 0 for NaN, as PyTorch has it. */
export const sign = unary("sign", "sign_(x)", flat, { integers: "sign(x)", signed: true });
/** x². */
export const square = unary("square", "square_(x)", (dy, x) => mul(dy, mul(2, x)), { integers: "(x * x)" });
/** √x; NaN below 0. */
export const sqrt = unary("sqrt", "sqrt_(x)", (dy, _, y) => div(mul(dy, 0.5), y));
/** 1 / √x. */
export const rsqrt = unary("rsqrt", "rsqrt_(x)", (dy, _, y) => mul(dy, mul(-0.5, mul(y, mul(y, y)))), { flops: 3 });
/** 1 / x. */
export const reciprocal = unary("reciprocal", "reciprocal_(x)", (dy, _, y) => neg(mul(dy, mul(y, y))), { flops: 2 });
/** eˣ. */
export const exp = unary("exp", "exp_(x)", (dy, _, y) => mul(dy, y), { flops: 4 });
/** eˣ − 1, exact near 0. */
export const expm1 = unary("expm1", "expm1_(x)", (dy, _, y) => mul(dy, add(y, 1)), { flops: 6 });
/** The natural logarithm; −∞ at 0, NaN below. */
export const log = unary("log", "log_(x)", (dy, x) => div(dy, x), { flops: 4 });
/** log(1 + x), exact near 0. */
export const log1p = unary("log1p", "log1p_(x)", (dy, x) => div(dy, add(x, 1)), { flops: 6 });
/** sin x, x in radians. */
export const sin = unary("sin", "sin_(x)", (dy, x) => mul(dy, cos(x)), { flops: 8 });
/** cos x, x in radians. */
export const cos = unary("cos", "cos_(x)", (dy, x) => neg(mul(dy, sin(x))), { flops: 8 });
/** The angle in radians, within ±π/2, whose tangent is x. */
export const atan = unary("atan", "atan_(x)", (dy, x) => div(dy, add(square(x), 1)), { flops: 8 });
/** 2/√π · e^(−x²): the slope of erf. */
const erfSlope = (x: Tensor): Tensor => mul(exp(neg(square(x))), 2 / Math.sqrt(Math.PI));
/** The error function. */
export const erf = unary("erf", "erf_(x)", (dy, x) => mul(dy, erfSlope(x)), { flops: 12 });
/** 1 − erf(x), without cancellation where it is small. */
export const erfc = unary("erfc", "erfc_(x)", (dy, x) => neg(mul(dy, erfSlope(x))), { flops: 12 });
/** The largest whole number ≤ x. */
export const floor = unary("floor", "floor_(x)", flat, { integers: "x" });
/** The smallest whole number ≥ x. */
export const ceil = unary("ceil", "ceil_(x)", flat, { integers: "x" });
/** Nearest whole number, halves to even. */
export const round = unary("round", "round(x)", flat, { integers: "x" });

interface Bounds {
  min?: number;
  max?: number;
}
const clampOp: ElementwiseOp<None, readonly [x: Tensor, low: Tensor, high: Tensor]> = {
  kind: "elementwise",
  name: "clamp",
  flops: 2,
  functions: functionsIn("minimum_(maximum_(x, low), high)"),
  wgsl: ([x, low, high]) => `minimum_(maximum_(${x}, ${low}), ${high})`,
  infer: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
  vjp: ([dy], [x, low, high]) => [where(greaterEqual(x, low), where(lessEqual(x, high), dy!, 0), 0), null, null],
};
/**
 * x limited to [min, max], max where they cross; NaN stays NaN, and a NaN bound gives NaN. Bounds are inside for the
 * gradient.
 */
export function clamp(x: Tensor, { min = -Infinity, max = Infinity }: Bounds): Tensor {
  if (isFloat(x.dtype)) return apply(clampOp, [x, full(x.shape, min, x.dtype), full(x.shape, max, x.dtype)], {});
  const least = min === -Infinity ? x : maximum(x, Math.ceil(min));
  return max === Infinity ? least : minimum(least, Math.floor(max));
}

/** Σ weight·term, skipping zero weights. */
export function weightedSum(terms: readonly (readonly [weight: number, term: Tensor])[]): Tensor {
  return terms
    .filter(([w]) => w !== 0)
    .map(([w, t]) => mul(w, t))
    .reduce((a, b) => add(a, b));
}
export const total = (...terms: Tensor[]): Tensor => terms.reduce((a, b) => add(a, b));
