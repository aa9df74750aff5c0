// Ops that are one WGSL expression an element, and the functions that apply them. In expressions F, I, U, B stand for
// f32, i32, u32, bool or their vec4: an expression must hold for both.
import { unrounded } from "../constant.ts";
import { type DType, isFloat, promote } from "../dtype.ts";
import { ShapeError, UsageError } from "../errors.ts";
import type { AtLeastOne, ElementwiseOp } from "../op.ts";
import { type Shape, broadcastShapes, show } from "../shape.ts";
import { Tensor, apply, whatIs } from "../tensor.ts";
import { type Library, functionsIn } from "../wgsl/functions.ts";
import { expand } from "./broadcast.ts";
import { cast } from "./cast.ts";

export type Operand = Tensor | number;
export type None = Record<never, never>;

/** What an op is made of beside its expression. */
export interface ExpressionOptions {
  /** Has the functions that the expressions call. */
  library?: Library;
  /** Rough operations an element. */
  flops?: number;
  /** The expression for i32 and u32; true where it is that of floats. Absent: floats only. */
  integers?: string | true;
  /** Takes bool too. */
  bools?: boolean;
  /** Has no meaning for u32. */
  signed?: boolean;
  /** Whether an f16 result is rounded even where it is not stored. */
  rounds?: boolean;
  /** Dtype of the result; "first": that of the first operand. Absent: what the operands' promote to. */
  out?: DType | "first";
}

/** Throws a ShapeError where an op can't take the dtype of x. */
function needsNumbers(name: string, x: Tensor, options: ExpressionOptions): void {
  if (!(x instanceof Tensor)) throw new UsageError(`${name}: x is ${whatIs(x)}`);
  if (takes(x.dtype, options)) return;
  const to = x.dtype === "bool" && options.integers ? "f32 or i32" : "f32";
  throw new ShapeError(name, `x is ${x.dtype}${show(x.shape)}; cast it to ${to}`);
}

function takes(dtype: DType, { integers, bools, signed }: ExpressionOptions): boolean {
  switch (dtype) {
    case "bool":
      return bools === true;
    case "i32":
      return integers !== undefined;
    case "u32":
      return integers !== undefined && !signed;
    default:
      return true;
  }
}

/** The text with these in place of its words. */
const filled = (text: string, words: Readonly<Record<string, string>>): string =>
  text.replace(/\b\w+\b/g, (word) => words[word] ?? word);

const dtypeOut = (name: string, { out }: ExpressionOptions, xs: AtLeastOne<Tensor>): DType =>
  out === "first" ? xs[0].dtype : (out ?? dtypeOf(name, xs));

interface ExpressionAttrs {
  /** Whether the inputs hold no floats, but whole numbers or bools. */
  readonly whole: boolean;
}
/** An op that is one expression an element. */
export interface ExpressionOp<I extends AtLeastOne<Tensor>> extends ElementwiseOp<ExpressionAttrs, I> {
  readonly options: ExpressionOptions;
}
export type UnaryOp = ExpressionOp<readonly [x: Tensor]>;
export type BinaryOp = ExpressionOp<readonly [a: Tensor, b: Tensor]>;

function expressionOp<I extends AtLeastOne<Tensor>>(
  letters: readonly string[],
  name: string,
  wgsl: string,
  options: ExpressionOptions,
): ExpressionOp<I> {
  const wholes = typeof options.integers === "string" ? options.integers : wgsl;
  return {
    kind: "elementwise",
    name,
    options,
    flops: options.flops ?? 1,
    functions: functionsIn(`${wgsl} ${wholes}`, options.library ?? {}),
    rounds: options.rounds,
    wgsl: (xs, { whole }) => filled(whole ? wholes : wgsl, Object.fromEntries(letters.map((x, i) => [x, xs[i]!]))),
    infer: (xs) => [{ shape: xs[0].shape, dtype: dtypeOut(name, options, xs) }],
  };
}

/** Declares y = f(x); `wgsl` is an expression in x. */
export function unaryOp(name: string, wgsl: string, options: ExpressionOptions = {}): UnaryOp {
  return expressionOp(["x"], name, wgsl, options);
}

/** Declares y = f(a, b); `wgsl` is an expression in a and b. */
export function binaryOp(name: string, wgsl: string, options: ExpressionOptions = {}): BinaryOp {
  return expressionOp(["a", "b"], name, wgsl, options);
}

/** y = f(x) of a tensor. Throws ShapeError. */
export function unary(op: UnaryOp, x: Tensor): Tensor {
  needsNumbers(op.name, x, op.options);
  return apply(op, [x], { whole: !isFloat(x.dtype) });
}

/** y = f(a, b) of broadcast operands. Throws ShapeError. */
export function binary(op: BinaryOp, x: Operand, y: Operand): Tensor {
  const { name, options } = op;
  if (options.integers === undefined && x instanceof Tensor) needsNumbers(name, x, options);
  const [a, b] = broadcast(name, x, y);
  needsNumbers(name, a, options);
  return apply(op, [a, b], { whole: !isFloat(a.dtype) });
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
 * Operands as tensors of one shape; numbers become constants of the dtype that the tensors' promote to, and integers
 * become f32 beside a number that is not whole, as in PyTorch. Throws ShapeError.
 */
export function broadcast<T extends readonly Operand[]>(name: string, ...xs: T): { [K in keyof T]: Tensor } {
  for (const x of xs)
    if (typeof x !== "number" && !(x instanceof Tensor)) throw new UsageError(`${name}: an operand is ${whatIs(x)}`);
  const tensors = xs.filter((x): x is Tensor => x instanceof Tensor);
  const shape = tensors.reduce<Shape>((s, x) => broadcastShapes(name, s, x.shape), []);
  const common = tensors.length ? dtypeOf(name, tensors) : "f32";
  const areIntegers = common === "i32" || common === "u32";
  const toFloat = areIntegers && xs.some((x) => typeof x === "number" && !Number.isInteger(x));
  const dtype = toFloat ? "f32" : common;
  const spread = xs.map((x) =>
    x instanceof Tensor ? expand(toFloat ? cast(x, dtype) : x, shape) : unrounded(shape, x, dtype),
  );
  return spread as { [K in keyof T]: Tensor };
}
