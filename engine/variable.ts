// Variables: named values that outlive a run. Each device that uses them has memory of its own for them.
import { oneOf } from "./choice.ts";
import { DTYPES, type DType, type TypedArray } from "./dtype.ts";
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

/** A variable of an arena, and the element that it begins at. */
export interface Member {
  readonly variable: Variable;
  readonly offset: number;
}

/** Elements each member of an arena is aligned to: 256 bytes, the offset alignment every device takes. */
export const ARENA_BLOCK = 64;

/** Where the newest values of a variable are once a device changed them. */
export interface Holder {
  /** The values. Throws where the device is gone. */
  valuesOf(variable: Variable): Promise<TypedArray>;
}

/**
 * A value of fixed shape that programs read and assign. `initial` is called when a device first needs it; where it is
 * a variable, this one starts with the values that variable has by then.
 */
export class Variable {
  readonly dtype: DType;
  readonly trainable: boolean;
  name: string;
  /** Members, where this variable is an arena; a later optimizer may have taken some over. */
  members?: readonly Member[];
  /** True once a device holds it. */
  bound = false;
  /** The device that changed its values last, if one did. */
  holder?: Holder;
  /** The variable whose values this one starts with. */
  origin?: Variable | undefined;
  #arena?: { readonly variable: Variable; readonly offset: number };
  #initial: () => ArrayLike<number>;
  #unbound?: Tensor;

  constructor(
    readonly shape: Shape,
    initial: ArrayLike<number> | (() => ArrayLike<number>) | Variable,
    { dtype = "f32", trainable = true, name = "" }: VariableOptions = {},
  ) {
    this.dtype = oneOf("Variable", "dtype", dtype, DTYPES);
    this.trainable = trainable;
    this.name = name;
    if (initial instanceof Variable) this.origin = initial;
    this.#initial = initialOf(initial);
  }

  /** The arena this variable is a slice of, once an optimizer has adopted it. */
  get arena(): { readonly variable: Variable; readonly offset: number } | undefined {
    return this.#arena;
  }

  /** Makes this variable a slice of `variable`, from element `offset` on. */
  moveInto(variable: Variable, offset: number): void {
    this.#arena = { variable, offset };
    this.#unbound = undefined;
  }

  /** Number of elements. */
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

  /** Replaces the values that a device not yet holding this variable will start from, whatever others made of them. */
  setInitial(data: TypedArray): void {
    this.#initial = () => data;
    this.holder = undefined;
    this.origin = undefined;
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
    const lost = this.members?.find((m) => m.variable.arena?.variable !== this)?.variable;
    if (lost)
      throw new UsageError(
        `assign: ${lost.name || "a variable"} belongs to an optimizer that was made later (${lost.arena?.variable.name}); ` +
          "use that one, or make a new one",
      );
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

const initialOf = (initial: ArrayLike<number> | (() => ArrayLike<number>) | Variable): (() => ArrayLike<number>) => {
  if (initial instanceof Variable) return () => initial.initialData();
  return typeof initial === "function" ? initial : () => initial;
};

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

/**
 * Gathers variables into one flat variable that they become slices of, so that one dispatch can update all. Those of
 * another arena leave it; devices move the values that they hold.
 */
export function arenaOf(variables: readonly Variable[], name: string): Variable {
  const seen = new Set<Variable>();
  for (const v of variables) {
    if (seen.has(v)) throw new UsageError(`${v.name || "a variable"} is given to one optimizer twice; give it once`);
    seen.add(v);
    if (v.dtype !== "f32")
      throw new UsageError(
        `${v.name || "a variable"} is ${v.dtype}; an optimizer moves f32 parameters, ` +
          "which autocast() gives to ops as f16",
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
  for (const { variable, offset } of members) variable.moveInto(arena, offset);
  return arena;
}

/** What has a buffer of its own, a variable in no arena or an arena, and holds `v` or a part of it. */
export const ownersOf = (v: Variable): readonly Variable[] => {
  if (!v.members?.length) return [v.arena?.variable ?? v];
  return v.members.map((m) => m.variable.arena?.variable ?? m.variable);
};
