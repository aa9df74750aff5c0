// Declares ops that are one WGSL expression an element. In expressions F, I, U, B stand for f32, i32, u32, bool or
// their vec4: an expression must hold for both.
import { full } from "../constant.ts";
import { type DType, isFloat, promote } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import type { ElementwiseOp } from "../op.ts";
import { broadcastShapes, show } from "../shape.ts";
import { Tensor, apply } from "../tensor.ts";
import { functions } from "../wgsl/functions.ts";
import { expand } from "./movement.ts";

export type Operand = Tensor | number;
export type None = Record<never, never>;

/** WGSL functions by name, with those that they call. */
export function needs(...names: (keyof typeof functions)[]): Record<string, string> {
  const found: Record<string, string> = {};
  const add = (name: string): void => {
    if (name in found) return;
    const text = functions[name as keyof typeof functions];
    for (const called of Object.keys(functions)) if (called !== name && text.includes(`${called}(`)) add(called);
    found[name] = text;
  };
  names.forEach(add);
  return found;
}

/** What an op is made of beside its expression. */
export interface ExpressionOptions {
  /** Rough operations an element. */
  flops?: number;
  uses?: Record<string, string>;
  /** The expression for i32 and u32; "same" where it is that of floats. Absent: floats only. */
  integers?: "same" | ((...x: string[]) => string);
  /** Takes bool too. */
  bools?: boolean;
  /** Has no meaning for u32. */
  signed?: boolean;
  /** Dtype of the result; "first": that of the first operand. Absent: what the operands' promote to. */
  out?: DType | "first";
}

/** Throws a ShapeError where an op can't take the dtype of x. */
function needsNumbers(name: string, x: Tensor, { integers, bools, signed }: ExpressionOptions): void {
  if (isFloat(x.dtype) || (x.dtype === "bool" ? bools : x.dtype === "u32" ? integers && !signed : integers)) return;
  throw new ShapeError(
    name,
    `x is ${x.dtype}${show(x.shape)}; cast it to f32${x.dtype === "bool" && integers ? " or i32" : ""}`,
  );
}

/** The op over floats, and the one over whole numbers, that an expression makes. */
function declare(
  name: string,
  wgsl: (...x: string[]) => string,
  vjp: ElementwiseOp<None>["vjp"],
  { flops = 1, uses, integers, out }: ExpressionOptions,
): { floats: ElementwiseOp<None>; others: ElementwiseOp<None> } {
  const floats: ElementwiseOp<None> = {
    kind: "elementwise",
    name,
    flops,
    functions: uses,
    vjp,
    wgsl: (xs) => wgsl(...xs),
    infer: (xs) => [{ shape: xs[0].shape, dtype: out === "first" ? xs[0].dtype : (out ?? dtypeOf(name, xs)) }],
  };
  if (!integers || integers === "same") return { floats, others: floats };
  return { floats, others: { ...floats, wgsl: (xs) => integers(...xs) } };
}

/** y = f(x), with dy → dx. */
export function unary(
  name: string,
  wgsl: (x: string) => string,
  d: ((dy: Tensor, x: Tensor, y: Tensor) => Tensor) | null,
  options: ExpressionOptions = {},
): (x: Tensor) => Tensor {
  const { floats, others } = declare(name, wgsl, d ? ([dy], [x], [y]) => [d(dy!, x, y)] : undefined, options);
  return (x) => {
    needsNumbers(name, x, options);
    return apply(isFloat(x.dtype) ? floats : others, [x], {});
  };
}

type Derivative2 = (dy: Tensor, a: Tensor, b: Tensor, y: Tensor) => [Tensor | null, Tensor | null];

/** y = f(a, b) of broadcast operands, with dy → da, db. */
export function binary(
  name: string,
  wgsl: (a: string, b: string) => string,
  d: Derivative2 | null,
  options: ExpressionOptions = {},
): (a: Operand, b: Operand) => Tensor {
  const { floats, others } = declare(name, wgsl, d ? ([dy], [a, b], [y]) => d(dy!, a, b, y) : undefined, options);
  return (x, y) => {
    const [a, b] = broadcast(name, x, y);
    needsNumbers(name, a, options);
    return apply(isFloat(a.dtype) ? floats : others, [a, b], {});
  };
}

/** The dtype that the operands' promote to. Throws ShapeError. */
export const dtypeOf = (name: string, xs: readonly Tensor[]): DType =>
  xs
    .map((x) => x.dtype)
    .reduce((a, b) => {
      const both = promote(a, b);
      if (!both) throw new ShapeError(name, `operands are ${a} and ${b}; cast one of them`);
      return both;
    });

/**
 * Operands as tensors of one shape; numbers become constants of the dtype that the tensors' promote to. Throws
 * ShapeError.
 */
export function broadcast(name: string, ...xs: Operand[]): Tensor[] {
  const shape = xs.reduce<readonly number[]>(
    (s, x) => (x instanceof Tensor ? broadcastShapes(name, s, x.shape) : s),
    [],
  );
  const tensors = xs.filter((x): x is Tensor => x instanceof Tensor);
  const dtype = tensors.length ? dtypeOf(name, tensors) : "f32";
  return xs.map((x) => (x instanceof Tensor ? expand(x, shape) : full(shape, x, dtype)));
}

/** A JS number as a WGSL f32 literal. */
export function float(v: number): string {
  if (!Number.isFinite(Math.fround(v)))
    throw new ShapeError("attribute", `${v} is no finite f32; give a finite number`);
  const s = String(Math.fround(v));
  return /[.e]/.test(s) ? s : `${s}.0`;
}
