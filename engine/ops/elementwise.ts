// y[i] = f(x[i], …). Each op is one WGSL expression; chains of them fuse.
import { constantValue, full } from "../constant.ts";
import { type DType, isFloat } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import type { ElementwiseOp } from "../op.ts";
import { broadcastShapes, show } from "../shape.ts";
import { type Tensor, apply } from "../tensor.ts";
import { algebra, bits, exponentials, functionsIn } from "../wgsl/functions.ts";
import { expand } from "./broadcast.ts";
import { cast } from "./cast.ts";
import {
  type BinaryOp,
  type None,
  type Operand,
  binary,
  binaryOp,
  broadcast,
  dtypeOf,
  unary,
  unaryOp,
} from "./expression.ts";

const numbers = { integers: true } as const;
export const addOp = /* @__PURE__ */ binaryOp("add", "(a + b)", numbers);
export const subOp = /* @__PURE__ */ binaryOp("sub", "(a - b)", numbers);
export const mulOp = /* @__PURE__ */ binaryOp("mul", "(a * b)", numbers);
export const divOp = /* @__PURE__ */ binaryOp("div", "(a / b)", numbers);

/** When an operand is a constant that makes the result the other operand, and the result of two constants. */
interface Simplification {
  readonly isLeftUnit?: (a: number, dtype: DType) => boolean;
  readonly isRightUnit: (b: number, dtype: DType) => boolean;
  fold(a: number, b: number): number;
}

/** Applies the op, unless constants make that needless. */
function simplified(op: BinaryOp, x: Operand, y: Operand, { isLeftUnit, isRightUnit, fold }: Simplification): Tensor {
  const { name } = op;
  const [a, b] = broadcast(name, x, y);
  const p = constantValue(a);
  const q = constantValue(b);
  if (p !== undefined && q !== undefined && a.dtype === "f32") return full(a.shape, Math.fround(fold(p, q)), a.dtype);
  if (p !== undefined && isLeftUnit?.(p, a.dtype)) return cast(b, dtypeOf(name, [a, b]));
  if (q !== undefined && isRightUnit(q, b.dtype)) return cast(a, dtypeOf(name, [a, b]));
  return binary(op, a, b);
}

const isOne = (v: number): boolean => v === 1;
/** x + 0 is 0 for x = −0; x + −0 is x. */
const addsNothing = (v: number, dtype: DType): boolean => (isFloat(dtype) ? Object.is(v, -0) : v === 0);
const isZero = (v: number): boolean => Object.is(v, 0);

/** a + b, broadcasting. */
export const add = (a: Operand, b: Operand): Tensor =>
  simplified(addOp, a, b, { isLeftUnit: addsNothing, isRightUnit: addsNothing, fold: (p, q) => p + q });
export const biasOp = /* @__PURE__ */ binaryOp("add", "(a + b)", { out: "first" });
/** y + bias, broadcasting, of y's dtype whatever the bias's is. */
export const addBias = (y: Tensor, bias: Tensor): Tensor =>
  y.dtype === bias.dtype ? add(y, bias) : binary(biasOp, y, bias);
/** a − b, broadcasting. */
export const sub = (a: Operand, b: Operand): Tensor =>
  simplified(subOp, a, b, { isRightUnit: isZero, fold: (p, q) => p - q });
/** a · b, broadcasting. */
export const mul = (a: Operand, b: Operand): Tensor =>
  simplified(mulOp, a, b, { isLeftUnit: isOne, isRightUnit: isOne, fold: (p, q) => p * q });
/** a / b, broadcasting; of integers the quotient towards 0. */
export const div = (a: Operand, b: Operand): Tensor =>
  simplified(divOp, a, b, { isRightUnit: isOne, fold: (p, q) => p / q });

export const maximumOp = /* @__PURE__ */ binaryOp("maximum", "maximum_(a, b)", {
  library: bits,
  integers: "max(a, b)",
});
/** Larger of a and b; NaN wins; ties share the gradient half and half. */
export const maximum = (a: Operand, b: Operand): Tensor => binary(maximumOp, a, b);
export const minimumOp = /* @__PURE__ */ binaryOp("minimum", "minimum_(a, b)", {
  library: bits,
  integers: "min(a, b)",
});
/** Smaller of a and b; NaN wins; ties share the gradient half and half. */
export const minimum = (a: Operand, b: Operand): Tensor => binary(minimumOp, a, b);

const compares = { out: "bool", integers: true } as const;
export const equalOp = /* @__PURE__ */ binaryOp("equal", "(a == b)", { out: "bool", integers: true, bools: true });
/** a = b, a bool tensor; broadcasting, as all comparisons. */
export const equal = (a: Operand, b: Operand): Tensor => binary(equalOp, a, b);
export const notEqualOp = /* @__PURE__ */ binaryOp("not-equal", "(!(a == b))", {
  out: "bool",
  integers: true,
  bools: true,
});
/** a ≠ b, a bool tensor: true beside NaN, which WGSL's own ≠ need not be. */
export const notEqual = (a: Operand, b: Operand): Tensor => binary(notEqualOp, a, b);
export const lessOp = /* @__PURE__ */ binaryOp("less", "(a < b)", compares);
/** a < b, a bool tensor. */
export const less = (a: Operand, b: Operand): Tensor => binary(lessOp, a, b);
export const lessEqualOp = /* @__PURE__ */ binaryOp("less-equal", "(a <= b)", compares);
/** a ≤ b, a bool tensor. */
export const lessEqual = (a: Operand, b: Operand): Tensor => binary(lessEqualOp, a, b);
export const greaterOp = /* @__PURE__ */ binaryOp("greater", "(a > b)", compares);
/** a > b, a bool tensor. */
export const greater = (a: Operand, b: Operand): Tensor => binary(greaterOp, a, b);
export const greaterEqualOp = /* @__PURE__ */ binaryOp("greater-equal", "(a >= b)", compares);
/** a ≥ b, a bool tensor. */
export const greaterEqual = (a: Operand, b: Operand): Tensor => binary(greaterEqualOp, a, b);
export const finiteOp = /* @__PURE__ */ unaryOp("finite", "((bitcast<U>(x) & U(0x7fffffffu)) < U(0x7f800000u))", {
  out: "bool",
});
/** Whether x is neither infinite nor NaN, by its bits: a bool tensor. */
export const finite = (x: Tensor): Tensor => unary(finiteOp, x);

export const whereOp: ElementwiseOp<None, readonly [c: Tensor, a: Tensor, b: Tensor]> = {
  kind: "elementwise",
  name: "where",
  flops: 1,
  wgsl: ([c, a, b]) => `select(${b}, ${a}, ${c})`,
  infer: ([, a, b]) => [{ shape: a.shape, dtype: dtypeOf("where", [a, b]) }],
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

export const copyOp = /* @__PURE__ */ unaryOp("copy", "x", { flops: 0, integers: true, bools: true, rounds: true });
/** A copy of x: a value of its own, rounded where it is f16. */
export const copy = (x: Tensor): Tensor => unary(copyOp, x);

export const negOp = /* @__PURE__ */ unaryOp("neg", "neg_(x)", { library: bits, integers: "(-x)", signed: true });
/** −x. */
export const neg = (x: Tensor): Tensor => {
  const c = constantValue(x);
  return c === undefined ? unary(negOp, x) : full(x.shape, -c, x.dtype);
};
export const absOp = /* @__PURE__ */ unaryOp("abs", "abs(x)", numbers);
/** |x|; the gradient at 0 is 0. */
export const abs = (x: Tensor): Tensor => unary(absOp, x);
export const signOp = /* @__PURE__ */ unaryOp("sign", "sign_(x)", { library: bits, integers: "sign(x)", signed: true });
/** −1, 0 or 1; 0 for NaN, as PyTorch has it. */
export const sign = (x: Tensor): Tensor => unary(signOp, x);
export const squareOp = /* @__PURE__ */ unaryOp("square", "square_(x)", { library: algebra, integers: "(x * x)" });
/** x². */
export const square = (x: Tensor): Tensor => unary(squareOp, x);
export const sqrtOp = /* @__PURE__ */ unaryOp("sqrt", "sqrt_(x)", { library: algebra });
/** √x; NaN below 0. */
export const sqrt = (x: Tensor): Tensor => unary(sqrtOp, x);
export const rsqrtOp = /* @__PURE__ */ unaryOp("rsqrt", "rsqrt_(x)", { library: algebra, flops: 3 });
/** 1 / √x. */
export const rsqrt = (x: Tensor): Tensor => unary(rsqrtOp, x);
export const reciprocalOp = /* @__PURE__ */ unaryOp("reciprocal", "reciprocal_(x)", { library: algebra, flops: 2 });
/** 1 / x. */
export const reciprocal = (x: Tensor): Tensor => unary(reciprocalOp, x);
export const expOp = /* @__PURE__ */ unaryOp("exp", "exp_(x)", { library: exponentials, flops: 4 });
/** eˣ. */
export const exp = (x: Tensor): Tensor => unary(expOp, x);
export const expm1Op = /* @__PURE__ */ unaryOp("expm1", "expm1_(x)", { library: exponentials, flops: 6 });
/** eˣ − 1, exact near 0. */
export const expm1 = (x: Tensor): Tensor => unary(expm1Op, x);
export const logOp = /* @__PURE__ */ unaryOp("log", "log_(x)", { library: exponentials, flops: 4 });
/** The natural logarithm; −∞ at 0, NaN below. */
export const log = (x: Tensor): Tensor => unary(logOp, x);
export const log1pOp = /* @__PURE__ */ unaryOp("log1p", "log1p_(x)", { library: exponentials, flops: 6 });
/** log(1 + x), exact near 0. */
export const log1p = (x: Tensor): Tensor => unary(log1pOp, x);
export const floorOp = /* @__PURE__ */ unaryOp("floor", "floor_(x)", { library: algebra, integers: "x" });
/** The largest whole number ≤ x. */
export const floor = (x: Tensor): Tensor => unary(floorOp, x);
export const ceilOp = /* @__PURE__ */ unaryOp("ceil", "ceil_(x)", { library: algebra, integers: "x" });
/** The smallest whole number ≥ x. */
export const ceil = (x: Tensor): Tensor => unary(ceilOp, x);
export const roundOp = /* @__PURE__ */ unaryOp("round", "round(x)", { integers: "x" });
/** Nearest whole number, halves to even. */
export const round = (x: Tensor): Tensor => unary(roundOp, x);

interface Bounds {
  min?: number;
  max?: number;
}
export const clampOp: ElementwiseOp<None, readonly [x: Tensor, low: Tensor, high: Tensor]> = {
  kind: "elementwise",
  name: "clamp",
  flops: 2,
  functions: /* @__PURE__ */ functionsIn("minimum_(maximum_(x, low), high)", bits),
  wgsl: ([x, low, high]) => `minimum_(maximum_(${x}, ${low}), ${high})`,
  infer: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
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
/** The sum of one tensor or more, which broadcast as in `add`. */
export const total = (...terms: Tensor[]): Tensor => terms.reduce((a, b) => add(a, b));
