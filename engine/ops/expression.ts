// Declares ops that are one WGSL expression an element. In expressions F, I, U, B stand for f32, i32, u32, bool or
// their vec4: an expression must hold for both.
import { unrounded } from "../constant.ts";
import { type DType, isFloat, promote } from "../dtype.ts";
import { ShapeError, UsageError } from "../errors.ts";
import type { AtLeastOne, ElementwiseOp } from "../op.ts";
import { type Shape, broadcastShapes, show } from "../shape.ts";
import { Tensor, apply, whatIs } from "../tensor.ts";
import { functions } from "../wgsl/functions.ts";
import { expand } from "./broadcast.ts";
import { cast } from "./cast.ts";

export type Operand = Tensor | number;
export type None = Record<never, never>;

/** The WGSL functions that a text calls, by name, with those that they call. */
export function functionsIn(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  const add = (calling: string): void => {
    for (const [name, body] of Object.entries(functions)) {
      if (name in found || body === calling || !calling.includes(`${name}(`)) continue;
      add(body);
      found[name] = body;
    }
  };
  add(text);
  return found;
}

/** What an op is made of beside its expression. */
export interface ExpressionOptions {
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

type UnaryDerivative = (dy: Tensor, x: Tensor, y: Tensor) => Tensor;
type BinaryDerivative = (dy: Tensor, a: Tensor, b: Tensor, y: Tensor) => [Tensor | null, Tensor | null];

/** The text with these in place of its words. */
const filled = (text: string, words: Readonly<Record<string, string>>): string =>
  text.replace(/\b\w+\b/g, (word) => words[word] ?? word);

const dtypeOut = (name: string, { out }: ExpressionOptions, xs: AtLeastOne<Tensor>): DType =>
  out === "first" ? xs[0].dtype : (out ?? dtypeOf(name, xs));

/** The expressions over floats and over whole numbers, and the functions that they call. */
function textsOf(
  wgsl: string,
  { integers }: ExpressionOptions,
): {
  floats: string;
  wholes: string;
  functions: Record<string, string>;
} {
  const wholes = typeof integers === "string" ? integers : wgsl;
  return { floats: wgsl, wholes, functions: functionsIn(`${wgsl} ${wholes}`) };
}

/** y = f(x), with dy → dx; null where nothing flows back. `wgsl` is an expression in x. */
export function unary(
  name: string,
  wgsl: string,
  derivative: UnaryDerivative | null,
  options: ExpressionOptions = {},
): (x: Tensor) => Tensor {
  const texts = textsOf(wgsl, options);
  const opOf = (text: string): ElementwiseOp<None> => ({
    kind: "elementwise",
    name,
    flops: options.flops ?? 1,
    functions: texts.functions,
    rounds: options.rounds,
    vjp: derivative ? ([dy], [x], [y]) => [derivative(dy!, x, y)] : undefined,
    wgsl: ([x]) => filled(text, { x }),
    infer: (xs) => [{ shape: xs[0].shape, dtype: dtypeOut(name, options, xs) }],
  });
  const floats = opOf(texts.floats);
  const wholes = texts.wholes === texts.floats ? floats : opOf(texts.wholes);
  return (x) => {
    needsNumbers(name, x, options);
    return apply(isFloat(x.dtype) ? floats : wholes, [x], {});
  };
}

/**
 * y = f(a, b) of broadcast operands, with dy → da, db; null where nothing flows back. `wgsl` is an expression in a
 * and b.
 */
export function binary(
  name: string,
  wgsl: string,
  derivative: BinaryDerivative | null,
  options: ExpressionOptions = {},
): (a: Operand, b: Operand) => Tensor {
  const texts = textsOf(wgsl, options);
  const opOf = (text: string): ElementwiseOp<None, readonly [Tensor, Tensor]> => ({
    kind: "elementwise",
    name,
    flops: options.flops ?? 1,
    functions: texts.functions,
    vjp: derivative ? ([dy], [a, b], [y]) => derivative(dy!, a, b, y) : undefined,
    wgsl: ([a, b]) => filled(text, { a, b }),
    infer: (xs) => [{ shape: xs[0].shape, dtype: dtypeOut(name, options, xs) }],
  });
  const floats = opOf(texts.floats);
  const wholes = texts.wholes === texts.floats ? floats : opOf(texts.wholes);
  return (x, y) => {
    if (options.integers === undefined && x instanceof Tensor) needsNumbers(name, x, options);
    const [a, b] = broadcast(name, x, y);
    needsNumbers(name, a, options);
    return apply(isFloat(a.dtype) ? floats : wholes, [a, b], {});
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
