// y[i] = f(x[i], …). Each op is one WGSL expression and one derivative line; chains of them fuse.
// In the expressions F, I, U, B stand for f32, i32, u32, bool or their vec4: an expression must hold for both.
import { constantValue, full } from "../constant.ts";
import type { DType } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import type { ElementwiseOp } from "../op.ts";
import { broadcastShapes, show } from "../shape.ts";
import { Tensor, apply } from "../tensor.ts";
import { functions } from "./wgsl-functions.ts";
import { expand } from "./movement.ts";

export type Operand = Tensor | number;
type None = Record<never, never>;

const needs = (...names: (keyof typeof functions)[]): Record<string, string> => Object.fromEntries(names.map((n) => [n, functions[n]]));

type Derivative1 = (dy: Tensor, x: Tensor, y: Tensor) => Tensor;
interface UnaryOptions { flops?: number; uses?: Record<string, string> }

function unary(name: string, wgsl: (x: string) => string, d: Derivative1 | null, { flops = 1, uses }: UnaryOptions = {}): (x: Tensor) => Tensor {
  const op: ElementwiseOp<None> = {
    kind: "elementwise", name, flops, functions: uses,
    wgsl: ([x]) => wgsl(x),
    infer: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
    vjp: d ? ([dy], [x], [y]) => [d(dy!, x, y)] : undefined,
  };
  return (x) => apply(op, [x], {});
}

const dtypeOf = (...xs: Operand[]): DType => xs.find((x): x is Tensor => x instanceof Tensor)?.dtype ?? "f32";

/** Operands as tensors of one shape; numbers become constants of the tensors' dtype. */
export function broadcast(name: string, ...xs: Operand[]): Tensor[] {
  const shape = xs.reduce<readonly number[]>((s, x) => (x instanceof Tensor ? broadcastShapes(name, s, x.shape) : s), []);
  const dtype = dtypeOf(...xs);
  return xs.map((x) => {
    if (!(x instanceof Tensor)) return full(shape, x, dtype);
    if (x.dtype !== dtype) throw new ShapeError(name, `operands are ${dtype} and ${x.dtype}; cast one of them`);
    return expand(x, shape);
  });
}

type Derivative2 = (dy: Tensor, a: Tensor, b: Tensor, y: Tensor) => [Tensor | null, Tensor | null];

function binary(name: string, wgsl: (a: string, b: string) => string, d: Derivative2 | null, out?: DType, uses?: Record<string, string>): (a: Operand, b: Operand) => Tensor {
  const op: ElementwiseOp<None> = {
    kind: "elementwise", name, flops: 1, functions: uses,
    wgsl: ([a, b]) => wgsl(a, b),
    infer: ([a]) => [{ shape: a.shape, dtype: out ?? a.dtype }],
    vjp: d ? ([dy], [a, b], [y]) => d(dy!, a, b, y) : undefined,
  };
  return (a, b) => apply(op, broadcast(name, a, b), {});
}

const isZero = (x: Tensor): boolean => constantValue(x) === 0;
const isOne = (x: Tensor): boolean => constantValue(x) === 1;

const addRaw = binary("add", (a, b) => `(${a} + ${b})`, (dy) => [dy, dy]);
const subRaw = binary("sub", (a, b) => `(${a} - ${b})`, (dy) => [dy, neg(dy)]);
const mulRaw = binary("mul", (a, b) => `(${a} * ${b})`, (dy, a, b) => [mul(dy, b), mul(dy, a)]);
const divRaw = binary("div", (a, b) => `(${a} / ${b})`, (dy, a, b, y) => [div(dy, b), neg(div(mul(dy, y), b))]);

/** Applies `f`, unless an operand is a constant that makes the result the other operand. */
function simplified(name: string, raw: (a: Operand, b: Operand) => Tensor, leftUnit: number | null, rightUnit: number | null, fold: (a: number, b: number) => number): (a: Operand, b: Operand) => Tensor {
  return (x, y) => {
    const [a, b] = broadcast(name, x, y);
    const p = constantValue(a), q = constantValue(b);
    if (p !== undefined && q !== undefined && a.dtype === "f32") return full(a.shape, Math.fround(fold(p, q)), a.dtype);
    if (p !== undefined && p === leftUnit) return b;
    if (q !== undefined && q === rightUnit) return a;
    return raw(a, b);
  };
}

/** a + b, broadcasting. */
export const add = simplified("add", addRaw, 0, 0, (a, b) => a + b);
/** a − b, broadcasting. */
export const sub = simplified("sub", subRaw, null, 0, (a, b) => a - b);
/** a · b, broadcasting. */
export const mul = simplified("mul", mulRaw, 1, 1, (a, b) => a * b);
/** a / b, broadcasting. */
export const div = simplified("div", divRaw, null, 1, (a, b) => a / b);

/** Larger of a and b; NaN wins; ties share the gradient half and half. */
export const maximum = binary("maximum", (a, b) => `maximum_(${a}, ${b})`, (dy, a, b) => {
  const wa = add(mul(cast(greater(a, b), "f32"), 1), mul(cast(equal(a, b), "f32"), 0.5));
  return [mul(dy, wa), mul(dy, sub(1, wa))];
}, undefined, needs("isNan", "maximum_"));
/** Smaller of a and b; NaN wins; ties share the gradient half and half. */
export const minimum = binary("minimum", (a, b) => `minimum_(${a}, ${b})`, (dy, a, b) => {
  const wa = add(mul(cast(less(a, b), "f32"), 1), mul(cast(equal(a, b), "f32"), 0.5));
  return [mul(dy, wa), mul(dy, sub(1, wa))];
}, undefined, needs("isNan", "minimum_"));
/** a to the power b, real: NaN for a negative base and a fractional exponent. */
export const pow = binary("pow", (a, b) => `pow_(${a}, ${b})`, (dy, a, b, y) => [
  mul(dy, mul(b, pow(a, sub(b, 1)))),
  mul(dy, where(equal(a, 0), 0, mul(y, log(where(equal(a, 0), 1, a))))),
], undefined, needs("isNan", "pow_"));

/** Comparisons give a bool tensor. */
export const equal = binary("equal", (a, b) => `(${a} == ${b})`, null, "bool");
export const notEqual = binary("not-equal", (a, b) => `(${a} != ${b})`, null, "bool");
export const less = binary("less", (a, b) => `(${a} < ${b})`, null, "bool");
export const lessEqual = binary("less-equal", (a, b) => `(${a} <= ${b})`, null, "bool");
export const greater = binary("greater", (a, b) => `(${a} > ${b})`, null, "bool");
export const greaterEqual = binary("greater-equal", (a, b) => `(${a} >= ${b})`, null, "bool");

const whereOp: ElementwiseOp<None> = {
  kind: "elementwise", name: "where", flops: 1,
  wgsl: ([c, a, b]) => `select(${b}, ${a}, ${c})`,
  infer: ([, a]) => [{ shape: a.shape, dtype: a.dtype }],
  vjp: ([dy], [c]) => [null, where(c, dy!, 0), where(c, 0, dy!)],
};
/** a where the bool tensor `condition` holds, else b; broadcasting. */
export function where(condition: Tensor, a: Operand, b: Operand): Tensor {
  if (condition.dtype !== "bool") throw new ShapeError("where", `the condition is ${condition.dtype}${show(condition.shape)}; it must be a bool tensor, as comparisons give`);
  const [p, q] = broadcast("where", a, b);
  const shape = broadcastShapes("where", condition.shape, p.shape);
  return apply(whereOp, [expand(condition, shape), expand(p, shape), expand(q, shape)], {});
}

interface CastAttrs { dtype: DType }
const castOp: ElementwiseOp<CastAttrs> = {
  kind: "elementwise", name: "cast", flops: 1,
  wgsl: ([x], { dtype }) => ({ f32: `F(${x})`, f16: `F(${x})`, i32: `I(${x})`, u32: `U(${x})`, bool: `B(${x})` })[dtype],
  infer: ([x], { dtype }) => [{ shape: x.shape, dtype }],
  vjp: ([dy], [x], _, { dtype }) => [dtype === "f32" || dtype === "f16" ? (x.dtype === "f32" || x.dtype === "f16" ? cast(dy!, x.dtype) : null) : null],
};
/** x as another dtype; floats to integers truncate, numbers to bool test for non-zero. */
export const cast = (x: Tensor, dtype: DType): Tensor => (x.dtype === dtype ? x : apply(castOp, [x], { dtype }));

/** x computed anew: a stored value of its own. */
export const copy = unary("copy", (x) => x, (dy) => dy, { flops: 0 });

const negRaw = unary("neg", (x) => `(-${x})`, (dy) => neg(dy));
/** −x. */
export const neg = (x: Tensor): Tensor => {
  const c = constantValue(x);
  return c === undefined ? negRaw(x) : full(x.shape, -c, x.dtype);
};
export const abs = unary("abs", (x) => `abs(${x})`, (dy, x) => mul(dy, sign(x)));
export const sign = unary("sign", (x) => `sign_(${x})`, (dy) => mul(dy, 0), { uses: needs("isNan", "sign_") });
export const square = unary("square", (x) => `square_(${x})`, (dy, x) => mul(dy, mul(2, x)), { uses: needs("square_") });
export const sqrt = unary("sqrt", (x) => `sqrt(${x})`, (dy, _, y) => div(mul(dy, 0.5), y));
export const rsqrt = unary("rsqrt", (x) => `(F(1.0) / sqrt(${x}))`, (dy, _, y) => mul(dy, mul(-0.5, mul(y, mul(y, y)))), { flops: 2 });
export const reciprocal = unary("reciprocal", (x) => `(F(1.0) / ${x})`, (dy, _, y) => neg(mul(dy, mul(y, y))));
export const exp = unary("exp", (x) => `exp_(${x})`, (dy, _, y) => mul(dy, y), { flops: 4, uses: needs("isNan", "exp_") });
export const expm1 = unary("expm1", (x) => `expm1_(${x})`, (dy, _, y) => mul(dy, add(y, 1)), { flops: 6, uses: needs("isNan", "exp_", "expm1_") });
export const log = unary("log", (x) => `log_(${x})`, (dy, x) => div(dy, x), { flops: 4, uses: needs("isNan", "log_") });
export const log1p = unary("log1p", (x) => `log1p_(${x})`, (dy, x) => div(dy, add(x, 1)), { flops: 6, uses: needs("isNan", "log_", "log1p_") });
export const sin = unary("sin", (x) => `sin(${x})`, (dy, x) => mul(dy, cos(x)), { flops: 4 });
export const cos = unary("cos", (x) => `cos(${x})`, (dy, x) => neg(mul(dy, sin(x))), { flops: 4 });
export const atan = unary("atan", (x) => `atan(${x})`, (dy, x) => div(dy, add(square(x), 1)), { flops: 4 });
export const floor = unary("floor", (x) => `floor(${x})`, (dy) => mul(dy, 0));
export const ceil = unary("ceil", (x) => `ceil(${x})`, (dy) => mul(dy, 0));
/** Nearest whole number, halves to even. */
export const round = unary("round", (x) => `round(${x})`, (dy) => mul(dy, 0));

export const relu = unary("relu", (x) => `relu_(${x})`, (dy, _, y) => where(greater(y, 0), dy, 0), { uses: needs("isNan", "relu_") });
export const tanh = unary("tanh", (x) => `tanh_(${x})`, (dy, _, y) => mul(dy, sub(1, mul(y, y))), { flops: 6, uses: needs("isNan", "exp_", "expm1_", "tanh_") });
export const sigmoid = unary("sigmoid", (x) => `sigmoid_(${x})`, (dy, _, y) => mul(dy, mul(y, sub(1, y))), { flops: 5, uses: needs("isNan", "exp_", "sigmoid_") });
/** log(1 + eˣ), stable at both ends. */
export const softplus = unary("softplus", (x) => `softplus_(${x})`, (dy, x) => mul(dy, sigmoid(x)), { flops: 8, uses: needs("isNan", "exp_", "log_", "log1p_", "relu_", "softplus_") });
export const logSigmoid = (x: Tensor): Tensor => neg(softplus(neg(x)));

interface SlopeAttrs { slope: number }
const leakyReluOp: ElementwiseOp<SlopeAttrs> = {
  kind: "elementwise", name: "leaky-relu", flops: 2,
  wgsl: ([x], { slope }) => `select(${x} * F(${float(slope)}), ${x}, ${x} > F(0.0))`,
  infer: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
  // With a positive slope y has x's sign, so x need not be kept.
  vjp: ([dy], [x], [y], { slope }) => [where(greater(slope > 0 ? y : x, 0), dy!, mul(dy!, slope))],
};
/** x for x > 0, slope·x otherwise. */
export const leakyRelu = (x: Tensor, slope = 0.01): Tensor => apply(leakyReluOp, [x], { slope });

/** A JS number as a WGSL f32 literal. */
export function float(v: number): string {
  if (!Number.isFinite(Math.fround(v))) throw new ShapeError("attribute", `${v} is no finite f32; give a finite number`);
  const s = String(Math.fround(v));
  return /[.e]/.test(s) ? s : `${s}.0`;
}

interface ClampAttrs { low: number | null; high: number | null }
const clampOp: ElementwiseOp<ClampAttrs> = {
  kind: "elementwise", name: "clamp", flops: 2, functions: needs("isNan", "maximum_", "minimum_"),
  wgsl: ([x], { low, high }) => {
    const lower = low === null ? x : `maximum_(${x}, F(${float(low)}))`;
    return high === null ? lower : `minimum_(${lower}, F(${float(high)}))`;
  },
  infer: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
  vjp: ([dy], [x], _, { low, high }) => {
    const above = low === null ? dy! : where(greaterEqual(x, low), dy!, 0);
    return [high === null ? above : where(lessEqual(x, high), above, 0)];
  },
};
/** x limited to [min, max]; NaN stays NaN. */
export const clamp = (x: Tensor, { min, max }: { min?: number; max?: number }): Tensor => apply(clampOp, [x], { low: min === undefined || min === -Infinity ? null : min, high: max === undefined || max === Infinity ? null : max });

/** Σ weight·term, skipping zero weights. */
export function weightedSum(terms: readonly (readonly [weight: number, term: Tensor])[]): Tensor {
  return terms.filter(([w]) => w !== 0).map(([w, t]) => mul(w, t)).reduce((a, b) => add(a, b));
}
export const total = (...terms: Tensor[]): Tensor => terms.reduce((a, b) => add(a, b));
export { isOne, isZero };
