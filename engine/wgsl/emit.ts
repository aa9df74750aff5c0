// WGSL for an expression, as the body of a kernel's hook.
import { type DType, isFloat, wgslType } from "../dtype.ts";
import type { View } from "../op.ts";
import type { Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { type HookContext, registerType } from "./context.ts";
import type { Expression, Step } from "./expression.ts";
import { bits } from "./functions.ts";
import { Indexer, type LoopVariable } from "./indexer.ts";

/**
 * What of hooks stays the same while a loop variable runs: computed once, ahead of the loop, into private variables.
 * `lines` go into a hook that has the loop variables before `moving`.
 */
export interface Ahead {
  readonly moving: number;
  readonly lines: string[];
}

export interface EmitOptions {
  /** Name of the kernel's own value, where a chain starts from it. */
  readonly raw?: string;
  readonly ahead?: Ahead;
  /** Whether the value is stored, and so is of the storage type. */
  readonly store?: boolean;
}

/** Which steps do not depend on a loop variable. */
function stillSteps(e: Expression, { dims }: LoopVariable): boolean[] {
  const still: boolean[] = [];
  const isStill = (step: Step): boolean => {
    switch (step.kind) {
      case "op":
        return step.args.every((a) => still[a]);
      case "leaf":
      case "iota":
        return dims.every((d) => e.domain[d] === 1 || step.view.strides[d] === 0);
      default:
        return step.kind !== "raw";
    }
  };
  for (const step of e.steps) still.push(isStill(step));
  return still;
}

/** Binds by fours what is read by fours at least once. */
function bindFours(e: Expression, context: HookContext, indexer: Indexer): void {
  let view = 0;
  for (const step of e.steps) {
    if (step.kind === "leaf" && indexer.aligned(view)) context.bindByFours(step.tensor);
    if (step.kind === "leaf" || step.kind === "iota") view++;
  }
}

/** Statements that compute an expression, and the name of its value; a stored bool is still a WGSL bool. */
function emitSteps(
  e: Expression,
  context: HookContext,
  loop: readonly LoopVariable[],
  inner: number,
  { raw, ahead, store }: EmitOptions,
): { lines: string[]; value: string } {
  const indexer = new Indexer(context, e.domain, loop, inner, e.views);
  const running = indexer.lines.flat();
  const once = ahead ? indexer.lines.slice(0, ahead.moving).flat() : [];
  const still = ahead ? stillSteps(e, loop[ahead.moving]!) : [];
  // What a running step reads of those that stand still is kept.
  const wanted = new Set([e.root, ...e.steps.flatMap((step, s) => (step.kind === "op" && !still[s] ? step.args : []))]);
  if (context.width === 4) bindFours(e, context, indexer);
  const names: string[] = [];
  const apart = new ApartReads(context);
  const half = (value: string): string => {
    context.functions.half_ = bits.half_!;
    return `half_(${value})`;
  };
  let view = 0;
  e.steps.forEach((step, s) => {
    const name = `v${s}`;
    const lines = still[s] ? once : running;
    switch (step.kind) {
      case "raw":
        names.push(raw!);
        return;
      case "named":
        names.push(step.name);
        return;
      case "constant":
        names.push(constantText(step.value, step.dtype, context));
        return;
      case "iota":
        lines.push(iotaText(name, indexer, view++, context));
        break;
      case "leaf":
        lines.push(...loadText(name, step.tensor, indexer, view++, context));
        break;
      case "op": {
        Object.assign(context.functions, step.op.functions);
        context.fused.push(step.op.name);
        const args = step.args.map((a) => {
          const arg = apart.read(a, e.steps[a]!, names[a]!, lines);
          return leavesHalf(e.steps[a]!, step) ? half(arg) : arg;
        });
        const value = step.op.wgsl(args, step.attrs);
        // What is stored is rounded as it is stored.
        const rounds = roundsToHalf(step) && !(store && s === e.root);
        lines.push(`let ${name} = ${rounds ? half(value) : value};`);
      }
    }
    names.push(still[s] && wanted.has(s) ? context.keep(once, name, step.dtype) : name);
  });
  if (once.some((line) => !line.startsWith("let c"))) ahead!.lines.push("{", ...once, "}");
  return { lines: running, value: names[e.root]! };
}

/** Whether a step gives numbers that f16 holds, whatever it computes in. */
const roundsToHalf = (step: Step): boolean => step.kind === "op" && step.dtype === "f16" && step.op.rounds === true;

/**
 * Whether a cast, a copy or a comparison reads an f16 that was computed here, in f32, and not rounded yet. Arithmetic
 * takes it as it is.
 */
const leavesHalf = (from: Step, to: Step & { kind: "op" }): boolean =>
  from.dtype === "f16" &&
  (to.op.rounds === true || to.dtype === "bool") &&
  (from.kind === "op" || from.kind === "raw") &&
  !roundsToHalf(from);

/**
 * What ops read, each time as if it were another value. Drivers' compilers know that x − x is 0, that (x + y) − y is x
 * and that x = x: which is wrong of NaN and infinity, and of what a sum rounds away. So a float that was read before is
 * read through bits that only the host knows to be 0.
 */
class ApartReads {
  readonly #times = new Map<number, number>();

  constructor(readonly context: HookContext) {}

  /** The name under which an op reads the step whose value has `name`; the statement that makes it goes to `lines`. */
  read(at: number, step: Step, name: string, lines: string[]): string {
    if (!isFloat(step.dtype)) return name;
    const times = this.#times.get(at) ?? 0;
    this.#times.set(at, times + 1);
    if (times === 0) return name;
    const again = `v${at}r${times}`;
    lines.push(`let ${again} = bitcast<F>(bitcast<U>(${name}) ^ U(${this.context.number(0)}));`);
    return again;
  }
}

function iotaText(name: string, indexer: Indexer, view: number, context: HookContext): string {
  const stride = indexer.innerStride(view);
  let lanes = "";
  if (context.width === 4 && stride !== 0) {
    const step = stride === 1 ? "" : `${context.number(stride)} * `;
    lanes = ` + ${step}vec4<u32>(0u, 1u, 2u, 3u)`;
  }
  return `let ${name} = U(${indexer.index(view)})${lanes};`;
}

/** A stored value as it is in a register; `zero` is that of the storage type. */
function converted(value: string, dtype: DType, zero: string): string {
  if (dtype === "bool") return `(${value} != ${zero})`;
  return dtype === "f16" ? `F(${value})` : value;
}

/** One stored value in all lanes of a register. */
function spread(value: string, dtype: DType): string {
  const type = registerType(dtype);
  if (dtype === "bool") return `${type}(${value} != 0u)`;
  return dtype === "f16" ? `${type}(f32(${value}))` : `${type}(${value})`;
}

function loadText(name: string, tensor: Tensor, indexer: Indexer, view: number, context: HookContext): string[] {
  const { dtype } = tensor;
  if (context.width === 1)
    return [`let ${name} = ${converted(context.element(tensor, indexer.index(view)), dtype, "0u")};`];
  const stride = indexer.innerStride(view);
  if (stride === 0) return [`let ${name} = ${spread(context.element(tensor, indexer.index(view)), dtype)};`];
  if (indexer.aligned(view))
    return [`let ${name} = ${converted(context.quad(tensor, indexer.index(view, 4)), dtype, "vec4<u32>()")};`];
  const at = `${name}i`;
  const step = context.number(stride);
  const lanes = [at, ...[1, 2, 3].map((l) => `${at} + ${l}u * ${step}`)].map((i) => context.element(tensor, i));
  const four = `vec4<${wgslType(dtype)}>(${lanes.join(", ")})`;
  return [`let ${at} = ${indexer.index(view)};`, `let ${name} = ${converted(four, dtype, "vec4<u32>()")};`];
}

/**
 * A constant, which the host supplies: of a literal drivers' compilers know too much. They take x · 0 and 0 / x for 0
 * whatever x is, and (x + 1) − 1 for x.
 */
function constantText(value: number, dtype: DType, context: HookContext): string {
  switch (dtype) {
    case "bool":
      return `B(${value !== 0})`;
    case "u32":
      return `U(${context.number(value)})`;
    case "i32":
      return `I(bitcast<i32>(${context.number(value)}))`;
    default:
      return `F(${context.float(value)})`;
  }
}

/** A function of WGSL: its body a statement a line. */
export const functionText = (signature: string, statements: readonly string[]): string =>
  `${signature} {\n  ${statements.join("\n  ")}\n}`;

/** `fn name(parameters) -> result { …; return value; }` for an expression over the loop variables. */
export function emitFunction(
  signature: string,
  e: Expression,
  context: HookContext,
  loop: readonly LoopVariable[],
  inner: number,
  options: EmitOptions = {},
): string {
  const { lines, value } = emitSteps(e, context, loop, inner, options);
  const result = options.store ? stored(value, e.dtype) : value;
  return functionText(signature, [...lines, `return ${result};`]);
}

/** A register's value as it is stored. */
function stored(value: string, dtype: DType): string {
  if (dtype === "bool") return `select(U(0u), U(1u), ${value})`;
  return dtype === "f16" ? `Y(${value})` : value;
}

/** A hook that gives the index of a view, in units of the context's width. */
export function emitIndexFunction(
  signature: string,
  domain: Shape,
  view: View,
  context: HookContext,
  loop: readonly LoopVariable[],
  inner: number,
): string {
  const indexer = new Indexer(context, domain, loop, inner, [view]);
  return functionText(signature, [...indexer.lines.flat(), `return ${indexer.index(0, context.width)};`]);
}
