// WGSL for an expression, as the body of a kernel's hook.
// Numbers that depend on shapes go into a uniform array `k`, so expressions of one structure share one pipeline.
import { type DType, wgslType } from "../dtype.ts";
import type { View } from "../op.ts";
import { type Shape, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import type { Memory } from "./dispatch.ts";
import type { Expression } from "./expression.ts";

/** What the hooks of one dispatch share: extra bindings, numbers and functions. */
export class HookContext {
  readonly bindings: {
    readonly memory: Memory;
    readonly name: string;
    readonly type: string;
    readonly access: "read" | "read_write";
  }[] = [];
  readonly functions: Record<string, string> = {};
  /** Names of the ops whose expressions are in the hooks. */
  readonly fused: string[] = [];
  readonly #numbers: number[] = [];
  #kept = 0;

  /** `runs`: for tensors that are not bound whole, the run that is. */
  constructor(
    readonly width: 1 | 4,
    readonly runs: ReadonlyMap<Tensor, Memory> = new Map(),
  ) {}

  /** WGSL of a u32 that the host supplies; negative values wrap as u32 arithmetic does. */
  number(value: number): string {
    const i = this.#numbers.push(value >>> 0) - 1;
    return `k[${i >> 2}].${"xyzw"[i & 3]}`;
  }

  float(value: number): string {
    return `bitcast<f32>(${this.number(new Uint32Array(new Float32Array([value]).buffer)[0])})`;
  }

  /** One element of a tensor. A buffer is bound once, by ones or by fours: bindings are few. */
  element(tensor: Tensor, index: string): string {
    const fours = this.#bound(tensor, true);
    return fours ? `${fours}[(${index}) >> 2u][(${index}) & 3u]` : `${this.#buffer(tensor, false)}[${index}]`;
  }

  /** Four neighbouring elements, `quad` in units of four. */
  quad(tensor: Tensor, quad: string): string {
    const ones = this.#bound(tensor, false);
    if (!ones) return `${this.#buffer(tensor, true)}[${quad}]`;
    return `vec4<${wgslType(tensor.dtype)}>(${[0, 1, 2, 3].map((l) => `${ones}[4u * (${quad}) + ${l}u]`).join(", ")})`;
  }

  /** Binds a tensor that will be read by fours before anything reads it by ones. */
  bindByFours(tensor: Tensor): void {
    if (!this.#bound(tensor, false)) this.#buffer(tensor, true);
  }

  #bound(tensor: Tensor, byFours: boolean): string | undefined {
    return this.bindings.find((b) => b.memory.of === tensor && b.type.startsWith("vec4") === byFours)?.name;
  }

  #buffer(tensor: Tensor, byFours: boolean): string {
    const element = wgslType(tensor.dtype);
    return (
      this.#bound(tensor, byFours) ??
      this.bind(
        this.runs.get(tensor) ?? { of: tensor, offset: 0, bytes: tensor.bytes },
        byFours ? `vec4<${element}>` : element,
      )
    );
  }

  /** Adds a statement that keeps a value in a private variable, whose name it gives. */
  keep(lines: string[], value: string, dtype: DType): string {
    const name = `h${this.#kept++}`;
    this.functions[name] = `var<private> ${name} : ${registerType(dtype)};`;
    lines.push(`${name} = ${value};`);
    return name;
  }

  /** Binds a buffer that a hook of the host reads or writes itself: its elements' WGSL type; the name. */
  bind(memory: Memory, type: string, access: "read" | "read_write" = "read"): string {
    const name = `x${this.bindings.length}`;
    this.bindings.push({ memory, name, type, access });
    return name;
  }

  get numbers(): Uint32Array<ArrayBuffer> {
    const padded = new Uint32Array(Math.max(4, Math.ceil(this.#numbers.length / 4) * 4));
    padded.set(this.#numbers);
    return padded;
  }

  get usesNumbers(): boolean {
    return this.#numbers.length > 0;
  }
}

/** One loop variable of a hook and the domain dimensions it enumerates, row-major. */
export interface LoopVariable {
  readonly name: string;
  readonly dims: readonly number[];
}

interface Collapsed {
  readonly sizes: number[];
  /** Strides of each view over the collapsed dimensions, by view. */
  readonly strides: number[][];
}

/** Merges neighbouring dimensions that every view walks in step, and drops those of size 1. */
function collapse(domain: Shape, dims: readonly number[], views: readonly View[]): Collapsed {
  const sizes: number[] = [];
  const strides: number[][] = views.map(() => []);
  for (const d of dims) {
    if (domain[d] === 1) continue;
    const last = sizes.length - 1;
    const merges = last >= 0 && views.every((v, i) => strides[i][last] === v.strides[d] * domain[d]);
    if (merges) {
      sizes[last] *= domain[d];
      views.forEach((v, i) => (strides[i][last] = v.strides[d]));
    } else {
      sizes.push(domain[d]);
      views.forEach((v, i) => strides[i].push(v.strides[d]));
    }
  }
  return { sizes, strides };
}

/** Size of the innermost dimension that is left after merging; 1 where none is. */
export const innerSize = (
  domain: Shape,
  loop: readonly LoopVariable[],
  inner: number,
  views: readonly View[],
): number => collapse(domain, loop[inner].dims, views).sizes.at(-1) ?? 1;

/** Whether the loop variable's innermost collapsed dimension can be taken four at a time for all these views. */
export function vectorizes(
  domain: Shape,
  loop: readonly LoopVariable[],
  inner: number,
  views: readonly View[],
): boolean {
  if (sizeOf(domain) === 0) return false;
  const groups = loop.map((l) => collapse(domain, l.dims, views));
  const { sizes, strides } = groups[inner];
  const n = sizes.length - 1;
  if (n < 0 || sizes[n] % 4 !== 0) return false;
  return views.every((v, i) => {
    const step = strides[i][n];
    if (step === 0) return true;
    return (
      step === 1 &&
      v.offset % 4 === 0 &&
      groups.every((g, j) => g.strides[i].every((s, d) => (j === inner && d === n) || s % 4 === 0))
    );
  });
}

/** Places values of views over loop variables: index expressions, each coordinate computed once. */
class Indexer {
  /** Statements that compute the coordinates, by loop variable. */
  readonly lines: string[][];
  readonly #coordinates: string[][] = [];
  readonly #groups: Collapsed[];

  /** `inner`: the loop variable whose innermost dimension counts in steps of the context's width. */
  constructor(
    readonly context: HookContext,
    domain: Shape,
    readonly loop: readonly LoopVariable[],
    readonly inner: number,
    readonly views: readonly View[],
    prefix = "c",
  ) {
    this.#groups = loop.map((l) => collapse(domain, l.dims, views));
    this.lines = loop.map(() => []);
    this.#groups.forEach(({ sizes }, g) => {
      let rest = loop[g].name;
      const names = new Array<string>(sizes.length);
      for (let d = sizes.length - 1; d >= 0; d--) {
        const name = `${prefix}${g}_${d}`;
        names[d] = name;
        if (d === 0) {
          this.lines[g].push(`let ${name} = ${rest};`);
          break;
        }
        const count = d === sizes.length - 1 && g === inner ? sizes[d] / context.width : sizes[d];
        const n = context.number(count);
        this.lines[g].push(`let ${name}q = ${rest} / ${n};`, `let ${name} = ${rest} - ${name}q * ${n};`);
        rest = `${name}q`;
      }
      this.#coordinates.push(names);
    });
  }

  /** Stride of view `v` along the dimension that is taken `width` at a time; 0 where there is none. */
  innerStride(v: number): number {
    const { strides } = this.#groups[this.inner];
    return strides[v].at(-1) ?? 0;
  }

  /** Whether view `v` walks the innermost dimension by ones from multiples of four. */
  aligned(v: number): boolean {
    return (
      this.innerStride(v) === 1 &&
      this.views[v].offset % 4 === 0 &&
      this.#groups.every(({ strides }, g) =>
        strides[v].every((s, d) => (g === this.inner && d === strides[v].length - 1) || s % 4 === 0),
      )
    );
  }

  /** Index of view `v`: of the first element, or in units of four where `quads`. */
  index(v: number, quads = false): string {
    const { context } = this;
    const scale = quads ? 4 : 1;
    const terms: string[] = [];
    const { offset } = this.views[v];
    // What is read for several places, parameters and statistics, may be part of an arena: also where it is the first
    // part, so that layers share a pipeline.
    const repeats = this.#groups.some(({ sizes, strides }) => strides[v].some((s, d) => s === 0 && sizes[d] > 1));
    if (offset !== 0 || repeats) terms.push(context.number(offset / scale));
    this.#groups.forEach(({ strides }, g) =>
      strides[v].forEach((stride, d) => {
        if (stride === 0) return;
        const isInner = g === this.inner && d === strides[v].length - 1;
        const factor = (isInner ? stride * context.width : stride) / scale;
        const c = this.#coordinates[g][d];
        terms.push(factor === 1 ? c : `${c} * ${context.number(factor)}`);
      }),
    );
    return terms.length ? terms.join(" + ") : "0u";
  }
}

/**
 * What of hooks stays the same while a loop variable runs: computed once, ahead of the loop, into private variables.
 * `lines` go into a hook that has the loop variables before `moving`.
 */
export interface Ahead {
  readonly moving: number;
  readonly lines: string[];
}

/** Which steps do not depend on a loop variable. */
function stillSteps(e: Expression, { dims }: LoopVariable): boolean[] {
  const still: boolean[] = [];
  for (const step of e.steps) {
    still.push(
      step.kind === "op"
        ? step.args.every((a) => still[a])
        : step.kind === "leaf" || step.kind === "iota"
          ? dims.every((d) => e.domain[d] === 1 || step.view.strides[d] === 0)
          : step.kind !== "raw",
    );
  }
  return still;
}

/** Statements that compute an expression, and the name of its value; a stored bool is still a WGSL bool. */
function emitSteps(
  e: Expression,
  context: HookContext,
  loop: readonly LoopVariable[],
  inner: number,
  { raw, ahead }: { raw?: string; ahead?: Ahead },
): { lines: string[]; value: string } {
  const { width } = context;
  const views = e.views;
  const indexer = new Indexer(context, e.domain, loop, inner, views);
  const running: string[] = indexer.lines.flat();
  const names: string[] = [];
  const still = ahead ? stillSteps(e, loop[ahead.moving]) : [];
  const wanted = new Set([e.root, ...e.steps.flatMap((step, s) => (step.kind === "op" && !still[s] ? step.args : []))]);
  const once = ahead ? indexer.lines.slice(0, ahead.moving).flat() : [];
  if (width === 4) {
    let view = 0;
    for (const step of e.steps) {
      if (step.kind === "leaf" && indexer.aligned(view)) context.bindByFours(step.tensor);
      if (step.kind === "leaf" || step.kind === "iota") view++;
    }
  }
  let v = 0;
  e.steps.forEach((step, s) => {
    const name = `v${s}`;
    const lines = still[s] ? once : running;
    switch (step.kind) {
      case "raw":
        names.push(raw!);
        return;
      case "given":
        names.push(step.name);
        return;
      case "constant":
        names.push(constantText(step.value, step.dtype, context));
        return;
      case "iota": {
        const i = v++;
        const stride = indexer.innerStride(i);
        const lanes =
          width === 4 && stride !== 0
            ? ` + ${stride === 1 ? "" : `${context.number(stride)} * `}vec4<u32>(0u, 1u, 2u, 3u)`
            : "";
        lines.push(`let ${name} = U(${indexer.index(i)})${lanes};`);
        break;
      }
      case "leaf": {
        const i = v++;
        lines.push(...loadText(name, step.tensor, indexer, i, context));
        break;
      }
      case "op":
        Object.assign(context.functions, step.op.functions);
        context.fused.push(step.op.name);
        lines.push(
          `let ${name} = ${step.op.wgsl(
            step.args.map((a) => names[a]),
            step.attrs,
          )};`,
        );
    }
    names.push(still[s] && wanted.has(s) ? context.keep(once, name, step.dtype) : name);
  });
  if (once.some((line) => !line.startsWith("let c"))) ahead!.lines.push("{", ...once, "}");
  return { lines: running, value: names[e.root] };
}

/** Alias of what a value is in a register. */
const registerType = (dtype: DType): string =>
  dtype === "bool" ? "B" : dtype === "i32" ? "I" : dtype === "u32" ? "U" : "F";

function loadText(name: string, tensor: Tensor, indexer: Indexer, view: number, context: HookContext): string[] {
  const stride = indexer.innerStride(view);
  const { dtype } = tensor;
  const convert = (x: string, zero: string): string =>
    dtype === "bool" ? `(${x} != ${zero})` : dtype === "f16" ? `F(${x})` : x;
  if (context.width === 1) return [`let ${name} = ${convert(context.element(tensor, indexer.index(view)), "0u")};`];
  if (stride === 0) {
    const cast = registerType(dtype);
    const one = context.element(tensor, indexer.index(view));
    return [`let ${name} = ${cast}(${dtype === "bool" ? `${one} != 0u` : dtype === "f16" ? `f32(${one})` : one});`];
  }
  if (indexer.aligned(view))
    return [`let ${name} = ${convert(context.quad(tensor, indexer.index(view, true)), "vec4<u32>()")};`];
  const at = `${name}i`;
  const step = context.number(stride);
  const four = `vec4<${wgslType(dtype)}>(${[0, 1, 2, 3].map((l) => context.element(tensor, `${at}${l === 0 ? "" : ` + ${l}u * ${step}`}`)).join(", ")})`;
  return [`let ${at} = ${indexer.index(view)};`, `let ${name} = ${convert(four, "vec4<u32>()")};`];
}

function constantText(value: number, dtype: DType, context: HookContext): string {
  switch (dtype) {
    case "bool":
      return `B(${value !== 0})`;
    case "u32":
      return `U(${context.number(value)})`;
    case "i32":
      return `I(bitcast<i32>(${context.number(value)}))`;
    default:
      return commonConstants.has(value) && !Object.is(value, -0)
        ? `F(${value.toFixed(1)})`
        : `F(${context.float(value)})`;
  }
}
const commonConstants = new Set([0, 1, -1, 2, 0.5, -0.5]);

/** `fn name(parameters) -> result { …; return value; }` for an expression over the loop variables. */
export function emitFunction(
  signature: string,
  e: Expression,
  context: HookContext,
  loop: readonly LoopVariable[],
  inner: number,
  options: { raw?: string; ahead?: Ahead; store?: boolean } = {},
): string {
  const { lines, value } = emitSteps(e, context, loop, inner, options);
  const result =
    options.store && e.dtype === "bool"
      ? `select(U(0u), U(1u), ${value})`
      : options.store && e.dtype === "f16"
        ? `Y(${value})`
        : value;
  return `${signature} {\n  ${[...lines, `return ${result};`].join("\n  ")}\n}`;
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
  return `${signature} {\n  ${[...indexer.lines.flat(), `return ${indexer.index(0, context.width === 4)};`].join("\n  ")}\n}`;
}
