// Variables: named values that outlive a run. Their memory belongs to the device that first runs them.
import type { DType, TypedArray } from "./dtype.ts";
import { ShapeError, UsageError } from "./errors.ts";
import type { SourceOp } from "./op.ts";
import { type Shape, sameShape, show, sizeOf } from "./shape.ts";
import { type Tensor, apply } from "./tensor.ts";
import { currentTrace, requireTrace } from "./trace.ts";
import { reshape, slice } from "./ops/movement.ts";

export const variableOp: SourceOp<{ variable: Variable }> = {
  kind: "source",
  name: "variable",
  infer: (_, { variable }) => [{ shape: variable.shape, dtype: variable.dtype }],
};

/** The variable whose value a tensor is, where it is one. */
export const variableOf = ({ node: { op, attrs } }: Tensor): Variable | undefined =>
  op === variableOp ? (attrs as { variable: Variable }).variable : undefined;

export interface VariableOptions {
  dtype?: DType;
  /** False for running statistics and other state that no optimizer should move. */
  trainable?: boolean;
  name?: string;
}

/** Elements each member of an arena is aligned to: 256 bytes, the offset alignment every device takes. */
export const ARENA_BLOCK = 64;

/** A value of fixed shape that programs read and assign. `initial` is called when a device first needs it. */
export class Variable {
  readonly dtype: DType;
  readonly trainable: boolean;
  name: string;
  /** The arena this variable is a slice of, once an optimizer has adopted it. */
  arena?: { readonly variable: Variable; readonly offset: number };
  /** Members, where this variable is an arena. */
  members?: readonly { readonly variable: Variable; readonly offset: number }[];
  /** True once a device holds it: it can then no longer move into an arena. */
  bound = false;
  #initial: () => ArrayLike<number>;
  #unbound?: Tensor;

  constructor(
    readonly shape: Shape,
    initial: ArrayLike<number> | (() => ArrayLike<number>),
    { dtype = "f32", trainable = true, name = "" }: VariableOptions = {},
  ) {
    this.dtype = dtype;
    this.trainable = trainable;
    this.name = name;
    this.#initial = typeof initial === "function" ? initial : () => initial;
  }

  get size(): number {
    return sizeOf(this.shape);
  }

  /** The values a device starts this variable with. */
  initialData(): ArrayLike<number> {
    const data = this.#initial();
    if (data.length !== this.size)
      throw new ShapeError(
        "variable",
        `${this.name || "a variable"} ${show(this.shape)} needs ${this.size} initial values, got ${data.length}`,
      );
    return data;
  }

  /** Replaces the values that a device not yet holding this variable will start from. */
  setInitial(data: TypedArray): void {
    this.#initial = () => data;
    this.initialData();
  }

  /** The current value: within a trace, what was last assigned there. */
  get value(): Tensor {
    const trace = currentTrace();
    const pending = trace?.averages.filter((a) => a.running === this) ?? [];
    if (trace && pending.length) {
      trace.averages = trace.averages.filter((a) => a.running !== this);
      for (const a of pending) a.settle();
    }
    const known = trace ? trace.values.get(this) : this.#unbound;
    if (known) return known;
    const t = this.arena
      ? reshape(slice(this.arena.variable.value, [[this.arena.offset, this.arena.offset + this.size]]), this.shape)
      : apply(variableOp, [], { variable: this });
    if (trace) trace.values.set(this, t);
    else this.#unbound = t;
    return t;
  }

  /** Makes `t` this variable's value for the rest of the trace and after the run. */
  assign(t: Tensor): void {
    const trace = requireTrace(`assigning ${this.name || "a variable"}`);
    if (this.arena) throw new UsageError(`assign: ${this.name} belongs to an optimizer, which alone assigns it`);
    if (!sameShape(t.shape, this.shape) || t.dtype !== this.dtype) {
      throw new ShapeError(
        "assign",
        `${this.name || "a variable"} is ${this.dtype}${show(this.shape)}, ` +
          `the new value is ${t.dtype}${show(t.shape)}; they must be equal`,
      );
    }
    trace.values.set(this, t);
    trace.assigned.add(this);
    for (const { variable } of this.members ?? []) trace.values.delete(variable);
  }
}

/**
 * What `f` gives where `value` stands for `variable`, and for what it is an arena of. Within a trace; nothing is
 * assigned.
 */
export function substituted<T>(variable: Variable, value: Tensor, f: () => T): T {
  const { values } = requireTrace(`putting a value in place of ${variable.name || "a variable"}`);
  const hidden = [variable, ...(variable.members ?? []).map((m) => m.variable)].map((v) => [v, values.get(v)] as const);
  for (const [v] of hidden) values.delete(v);
  values.set(variable, value);
  try {
    return f();
  } finally {
    for (const [v, old] of hidden) {
      if (old) values.set(v, old);
      else values.delete(v);
    }
  }
}

/**
 * Gathers variables, in their order, into as few arenas as hold at most `most` bytes each; one that is larger has an
 * arena of its own. Throws UsageError as `arenaOf` does.
 */
export function arenasOf(variables: readonly Variable[], name: string, most: number): readonly Variable[] {
  const groups: Variable[][] = [[]];
  let bytes = 0;
  for (const v of variables) {
    const own = 4 * ARENA_BLOCK * Math.ceil(v.size / ARENA_BLOCK);
    if (bytes > 0 && bytes + own > most) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)!.push(v);
    bytes += own;
  }
  return groups.map((group, i) => arenaOf(group, i === 0 ? name : `${name}.${i + 1}`));
}

/** Gathers variables into one flat variable that they become slices of, so that one dispatch can update all. */
export function arenaOf(variables: readonly Variable[], name: string): Variable {
  for (const v of variables) {
    if (v.arena)
      throw new UsageError(
        `${v.name || "a variable"} already belongs to an optimizer; give each parameter to one only`,
      );
    if (v.dtype !== "f32")
      throw new UsageError(
        `${v.name || "a variable"} is ${v.dtype}; an optimizer moves f32 parameters, ` +
          "which autocast() or cast() gives to ops as f16",
      );
    if (v.bound)
      throw new UsageError(
        `${v.name || "a variable"} is on a device already; ` +
          "make the optimizer before the first program that uses its parameters",
      );
  }
  let length = 0;
  const members = variables.map((variable) => {
    const offset = length;
    length += Math.ceil(variable.size / ARENA_BLOCK) * ARENA_BLOCK;
    return { variable, offset };
  });
  const arena = new Variable(
    [Math.max(length, ARENA_BLOCK)],
    () => {
      const flat = new Float32Array(Math.max(length, ARENA_BLOCK));
      for (const { variable, offset } of members) flat.set(variable.initialData(), offset);
      return flat;
    },
    { name },
  );
  arena.members = members;
  for (const { variable, offset } of members) variable.arena = { variable: arena, offset };
  return arena;
}
