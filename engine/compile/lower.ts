// From stages to dispatches: a kernel, its WGSL with the fused expressions in its hooks, its numbers, and what it binds.
import { type Consts, type Kernel, type Params, type Traits, packParams, specialize } from "../../kernels/kernel.ts";
import { map } from "../../kernels/map.ts";
import { momentsColumns, momentsMerge, momentsRows, reduceColumns, reduceRows, sumsColumns } from "../../kernels/reduce.ts";
import { type DType, bytesPerElement, wgslType } from "../dtype.ts";
import type { KernelOp, ReduceOp, Slot, View } from "../op.ts";
import { type Shape, show, sizeOf } from "../shape.ts";
import type { Node, Tensor } from "../tensor.ts";
import { aliasOf, identityAccess, reshapeAccess } from "./access.ts";
import { Expression, HookContext, type LoopVariable, emitFunction, emitIndexFunction, innerSize, vectorizes } from "./emit.ts";
import { type Chain, type Stage, endOf, rawOf } from "./fuse.ts";

/** Memory that a dispatch binds: a run of a stored tensor, or of scratch that lives within one stage. */
export interface Memory extends Slot {
  readonly of: Tensor | { readonly scratch: number };
  /** In bytes from the start of the stored tensor. */
  readonly offset: number;
}

export interface BoundMemory {
  readonly binding: number;
  readonly access: "read" | "read_write";
  readonly memory: Memory;
}

/** One dispatch, ready but for the buffers. */
export interface Dispatch {
  readonly label: string;
  readonly kernel: Kernel;
  readonly code: string;
  readonly memory: readonly BoundMemory[];
  /** Contents of the uniform bindings. */
  readonly uniforms: readonly { readonly binding: number; readonly data: ArrayBuffer }[];
  readonly workgroups: readonly [number, number, number];
  readonly cost: { readonly flops: number; readonly bytes: number };
}

interface Recorded {
  readonly kernel: Kernel;
  readonly params: Params;
  readonly buffers: Readonly<Record<string, RecordedSlot>>;
  readonly consts: Consts;
}
interface RecordedSlot extends Slot {
  readonly role: "input" | "output" | "scratch";
  readonly index: number;
}

const THREADS = 64;
const MAX_GROUPS = 65535;
const wholeLoop = (shape: Shape): LoopVariable[] => [{ name: "i", dims: shape.map((_, d) => d) }];
const typeAliases = (width: 1 | 4): Record<string, string> =>
  width === 4 ? { F: "vec4<f32>", I: "vec4<i32>", U: "vec4<u32>", B: "vec4<bool>" } : { F: "f32", I: "i32", U: "u32", B: "bool" };
const storageType = (dtype: DType, width: 1 | 4): string => (width === 4 ? `vec4<${wgslType(dtype)}>` : wgslType(dtype));

export class Lowerer {
  readonly #recorded = new Map<Node, Recorded[]>();
  #scratch = 0;
  /** Which tensors are read from memory; set once the graph is fused. */
  stored: ReadonlySet<Tensor> = new Set();

  constructor(readonly traits: Traits, readonly maxStorageBuffers: number) {}

  /** Bindings left for an epilogue on the dispatch that writes a kernel op's result; 0 where no kernel takes one. */
  readonly epilogueRoom = (node: Node): number => {
    const last = this.#lastWriter(this.#record(node));
    if (!last?.kernel.hooks.includes("epilogue")) return 0;
    return this.maxStorageBuffers - last.kernel.bindings.filter((b) => b.access !== "uniform").length;
  };

  lower(stage: Stage): Dispatch[] {
    switch (stage.kind) {
      case "map": return stage.result.size === 0 ? [] : [this.#map(stage.result, stage.result, undefined)];
      case "part": return [this.#map(stage.value, stage.into, stage.view)];
      case "reduce": return this.#reduce(stage.node, stage.chain);
      case "kernel": return this.#kernel(stage.node, stage.chain);
    }
  }

  /** A dispatch that copies a stored tensor into another of the same shape. */
  copy(from: Tensor, to: Tensor): Dispatch {
    return this.#map(from, to, undefined, true);
  }

  memoryOf(t: Tensor): Memory {
    const { base, offset } = aliasOf(t, (x) => this.stored.has(x));
    return { of: base, offset: offset * bytesPerElement(t.dtype), bytes: t.bytes };
  }

  #expression(value: Tensor, computed?: Tensor): Expression {
    return new Expression(value, value.shape, identityAccess(value.shape), (t) => t !== computed && this.stored.has(t));
  }

  /** The epilogue of a chain: from the kernel's value to what is stored; undefined where they are one. */
  #tail(chain: Chain): Expression | undefined {
    const end = endOf(chain);
    if (chain.tensors.length === 1) return undefined;
    return new Expression(end, chain.domain, reshapeAccess(chain.domain, end.shape)!, (t) => t !== end && this.stored.has(t), chain.tensors);
  }

  /** Computes `value` into `into`, or into a view of it. */
  #map(value: Tensor, into: Tensor, view: View | undefined, isCopy = false): Dispatch {
    const computed = into === value && !isCopy ? value : undefined;
    const e = this.#expression(value, computed);
    const loop = wholeLoop(value.shape);
    const views = view ? [...e.views, view] : e.views;
    const placeIsContiguous = !view || view.strides.at(-1) === 1 || value.shape.at(-1) === 1;
    const width = placeIsContiguous && vectorizes(value.shape, loop, 0, views) ? 4 : 1;
    const context = new HookContext(width);
    const hooks: Record<string, string> = { value: emitFunction("fn value(i : u32) -> Y", e, context, loop, 0, { store: true }) };
    if (view) hooks.place = emitIndexFunction("fn place(i : u32) -> u32", value.shape, view, context, loop, 0);
    return this.#dispatch(`${value.node.op.name} ${show(value.shape)}`, map, { n: value.size / width },
      { y: { of: into, offset: 0, bytes: into.bytes } }, {}, context, hooks, { ...typeAliases(width), Y: storageType(value.dtype, width) },
      { flops: e.steps.length * value.size, bytes: value.bytes + e.leaves.reduce((n, t) => n + Math.min(t.bytes, value.bytes), 0) });
  }

  #reduce(node: Node, chain: Chain): Dispatch[] {
    const op = node.op as ReduceOp;
    const [x] = node.inputs;
    const axes = op.axes(node.attrs);
    const kept = x.shape.map((_, d) => d).filter((d) => !axes.includes(d));
    const outs = sizeOf(kept.map((d) => x.shape[d])), count = sizeOf(axes.map((d) => x.shape[d]));
    if (outs === 0) return [];
    const innermost = x.shape.findLastIndex((n) => n !== 1);
    const columns = kept.includes(innermost) && outs > 1;
    const moments = op.combine === "moments";
    const e = this.#expression(x);
    const other = op.combine === "sums" ? this.#expression(node.inputs[1]) : undefined;
    const views = other ? [...e.views, ...other.views] : e.views;
    const loop: LoopVariable[] = [{ name: "o", dims: kept }, { name: "r", dims: axes }];
    const inner = columns ? 0 : 1;
    // A second pass costs a dispatch, so only long sums are split: for more threads, and for less rounding.
    const { target, alone } = this.traits.cpu ? { target: 256, alone: 32768 } : { target: 16384, alone: 4096 };
    const parts = (lanes: number, length: number): number => (x.size <= alone && length <= 1024 ? 1 : Math.max(1, Math.min(Math.ceil(target / lanes), Math.ceil(length / 64))));
    const tail = this.#tail(chain);
    const tailFits = !tail || !columns || innerSize(chain.domain, wholeLoop(chain.domain), 0, tail.views) % 4 === 0;
    let width: 1 | 4 = (columns || !moments) && tailFits && vectorizes(x.shape, loop, inner, views) ? 4 : 1;
    const lanes = (): { outs: number; count: number } => ({ outs: columns ? outs / width : outs, count: columns ? count : count / width });
    let splits = parts(lanes().outs, lanes().count);
    if (!columns && width === 4 && splits === 1 && tail) {
      width = 1;
      splits = parts(outs, count);
    }
    const n = lanes();
    const chunk = Math.max(1, Math.ceil(n.count / splits));
    if (columns) splits = Math.max(1, Math.ceil(n.count / chunk));
    const context = new HookContext(width);
    const hooks: Record<string, string> = { value: emitFunction("fn value(o : u32, r : u32) -> F", e, context, loop, inner) };
    const label = `${op.name} ${show(x.shape)} over ${show(axes)}`;
    const cost = { flops: e.steps.length * x.size, bytes: e.leaves.reduce((s, t) => s + Math.min(t.bytes, x.bytes), 0) };
    const params: Params = { outs: n.outs, count: n.count, chunk, splits };
    const aliases = typeAliases(width);
    if (moments) {
      const [mean, variance] = node.outputs.map((t) => this.memoryOf(t));
      const kernel = columns ? momentsColumns : momentsRows;
      const rowAliases = columns ? aliases : {};
      if (splits === 1) return [this.#dispatch(label, kernel, params, { mean, spread: variance }, {}, context, hooks, rowAliases, cost)];
      const partMean = this.#newScratch(outs * splits * 4), partSpread = this.#newScratch(outs * splits * 4);
      return [
        this.#dispatch(label, kernel, params, { mean: partMean, spread: partSpread }, {}, context, hooks, rowAliases, cost),
        this.#dispatch(`${label}, joined`, momentsMerge, { outs, splits, count, chunk, strideO: columns ? 1 : splits, strideS: columns ? outs : 1 },
          { partMean, partSpread, mean, variance }, { CHUNKED: columns }, new HookContext(1), {}, {}, { flops: 8 * outs * splits, bytes: 8 * outs * (splits + 1) }),
      ];
    }
    if (other) {
      const sums = node.outputs.map((t) => this.memoryOf(t));
      hooks.other = emitFunction("fn other(o : u32, r : u32) -> F", other, context, loop, inner);
      if (splits === 1) return [this.#dispatch(label, sumsColumns, params, { y0: sums[0], y1: sums[1] }, {}, context, hooks, aliases, cost)];
      const parts = sums.map(() => this.#newScratch(outs * splits * 4));
      const join = new HookContext(1);
      const [a, b] = parts.map((m) => join.scratch(m));
      return [
        this.#dispatch(label, sumsColumns, params, { y0: parts[0], y1: parts[1] }, {}, context, hooks, aliases, cost),
        this.#dispatch(`${label}, joined`, sumsColumns, { outs, count: splits, chunk: splits, splits: 1 }, { y0: sums[0], y1: sums[1] }, {}, join, {
          value: `fn value(o : u32, r : u32) -> F { return ${a}[r * params.outs + o]; }`, other: `fn other(o : u32, r : u32) -> F { return ${b}[r * params.outs + o]; }`,
        }, typeAliases(1), { flops: 2 * outs * splits, bytes: 8 * outs * (splits + 1) }),
      ];
    }
    const consts = { COMBINE: { sum: 0, max: 1, min: 2, prod: 3 }[op.combine as "sum" | "max" | "min" | "prod"] };
    const kernel = columns ? reduceColumns : reduceRows;
    if (!columns && width === 4) hooks.lanes = lanesHook(op.combine);
    const y = this.memoryOf(endOf(chain));
    const epilogue = (into: HookContext, h: Record<string, string>, type: "F" | "f32"): void => {
      if (tail) h.epilogue = emitFunction(`fn epilogue(v : ${type}, i : u32) -> ${type}`, tail, into, wholeLoop(chain.domain), 0, { raw: "v" });
    };
    if (splits === 1) {
      epilogue(context, hooks, columns ? "F" : "f32");
      return [this.#dispatch(label, kernel, params, { y }, consts, context, hooks, aliases, cost)];
    }
    const part = this.#newScratch(outs * splits * 4);
    // The second pass walks the partial results: contiguous [outs, splits] or [splits, outs].
    const joinContext = new HookContext(1);
    const name = joinContext.scratch(part);
    const join: Record<string, string> = {
      value: `fn value(o : u32, r : u32) -> F { return ${name}[${columns ? "r * params.outs + o" : "o * params.count + r"}]; }`,
    };
    epilogue(joinContext, join, columns ? "F" : "f32");
    return [
      this.#dispatch(label, kernel, params, { y: part }, consts, context, hooks, aliases, cost),
      this.#dispatch(`${label}, joined`, kernel, { outs, count: splits, chunk: splits, splits: 1 }, { y }, consts, joinContext, join, typeAliases(1),
        { flops: outs * splits, bytes: 4 * outs * (splits + 1) }),
    ];
  }

  #kernel(node: Node, chain: Chain): Dispatch[] {
    const recorded = this.#record(node);
    const last = this.#lastWriter(recorded);
    const scratches = new Map<number, Memory>();
    const memory = (slot: RecordedSlot): Memory => {
      if (slot.role === "input") return this.memoryOf(node.inputs[slot.index]);
      if (slot.role === "output") return this.memoryOf(slot.index === 0 ? endOf(chain) : node.outputs[slot.index]);
      let m = scratches.get(slot.index);
      if (!m) scratches.set(slot.index, (m = this.#newScratch(slot.bytes)));
      return m;
    };
    const label = `${node.op.name} ${node.inputs.slice(0, 2).map((t) => show(t.shape)).join(" ")} → ${show(rawOf(chain).shape)}`;
    const tail = this.#tail(chain);
    return recorded.map((d) => {
      const context = new HookContext(d.kernel.width);
      const hooks: Record<string, string> = {};
      if (d === last && tail) hooks.epilogue = emitFunction("fn epilogue(v : F, i : u32) -> F", tail, context, wholeLoop(chain.domain), 0, { raw: "v" });
      const buffers = Object.fromEntries(Object.entries(d.buffers).map(([name, slot]) => [name, memory(slot)]));
      return this.#dispatch(label, d.kernel, d.params, buffers, d.consts, context, hooks, {}, d.kernel.cost?.(d.params) ?? { flops: 0, bytes: 0 });
    });
  }

  /** What an op's `lower` dispatches, with inputs and outputs by number. */
  #record(node: Node): Recorded[] {
    const known = this.#recorded.get(node);
    if (known) return known;
    const recorded: Recorded[] = [];
    const slot = (role: RecordedSlot["role"], index: number, bytes: number): RecordedSlot => ({ role, index, bytes });
    let scratches = 0;
    const op = node.op as KernelOp;
    op.lower({
      traits: this.traits,
      inputs: node.inputs,
      outputs: node.outputs,
      input: (i) => slot("input", i, node.inputs[i].bytes),
      output: (i) => slot("output", i, node.outputs[i].bytes),
      scratch: (bytes) => slot("scratch", scratches++, bytes),
      select: (kernels, params) => {
        const kernel = kernels.find((k) => !k.fits || k.fits(params, this.traits));
        if (!kernel) throw new Error(`internal: no kernel of ${op.name} fits ${JSON.stringify(params)}`);
        return kernel;
      },
      dispatch: (kernel, params, buffers, consts) => {
        const all = { ...Object.fromEntries(Object.entries(kernel.tunables ?? {}).map(([n, values]) => [n, values[0]])), ...kernel.consts?.(params, this.traits), ...consts };
        recorded.push({ kernel, params, buffers: buffers as Record<string, RecordedSlot>, consts: all });
      },
    }, node.attrs);
    this.#recorded.set(node, recorded);
    return recorded;
  }

  #lastWriter(recorded: readonly Recorded[]): Recorded | undefined {
    return recorded.findLast((d) => d.kernel.bindings.some((b) => {
      const slot = d.buffers[b.name];
      return b.access === "read_write" && slot?.role === "output" && slot.index === 0;
    }));
  }

  #newScratch(bytes: number): Memory {
    return { of: { scratch: this.#scratch++ }, offset: 0, bytes };
  }

  #dispatch(label: string, kernel: Kernel, params: Params, buffers: Readonly<Record<string, Memory>>, consts: Consts, context: HookContext,
    hooks: Readonly<Record<string, string>>, aliases: Readonly<Record<string, string>>, cost: Dispatch["cost"]): Dispatch {
    const memory: BoundMemory[] = [];
    const uniforms: { binding: number; data: ArrayBuffer }[] = [];
    for (const b of kernel.bindings) {
      if (b.access === "uniform") uniforms.push({ binding: b.index, data: packParams(kernel, params) });
      else {
        const m = buffers[b.name];
        if (!m) throw new Error(`internal: kernel ${kernel.name} binds ${b.name}, which its op does not give`);
        memory.push({ binding: b.index, access: b.access, memory: m });
      }
    }
    let next = Math.max(-1, ...kernel.bindings.map((b) => b.index)) + 1;
    const append: string[] = [];
    if (context.usesNumbers) {
      const data = context.numbers;
      append.push(`@group(0) @binding(${next}) var<uniform> k : array<vec4<u32>, ${data.length / 4}>;`);
      uniforms.push({ binding: next++, data: data.buffer });
    }
    for (const { of, name, type } of context.bindings) {
      append.push(`@group(0) @binding(${next}) var<storage, read> ${name} : array<${type}>;`);
      memory.push({ binding: next++, access: "read", memory: "scratch" in of ? of.scratch : { of: of.tensor, offset: 0, bytes: of.tensor.bytes } });
    }
    append.push(...Object.values(context.functions));
    const code = specialize(kernel.source, { consts, aliases, hooks, append: append.length ? append.join("\n") : undefined });
    return { label, kernel, code, memory, uniforms, workgroups: workgroupsOf(kernel, params, consts), cost };
  }
}

/** Workgroup counts; invocations beyond 65,535 groups go on in y. */
function workgroupsOf(kernel: Kernel, params: Params, consts: Consts): readonly [number, number, number] {
  if (kernel.workgroups) return kernel.workgroups(params, consts);
  const groups = Math.max(1, Math.ceil(kernel.threads!(params, consts) / THREADS));
  const y = Math.ceil(groups / MAX_GROUPS);
  return [Math.ceil(groups / y), y, 1];
}

function lanesHook(combine: ReduceOp["combine"]): string {
  const signature = "fn lanes(v : F) -> f32";
  if (combine === "sum") return `${signature} { return (v.x + v.y) + (v.z + v.w); }`;
  if (combine === "prod") return `${signature} { return (v.x * v.y) * (v.z * v.w); }`;
  const nan = `let n = nan(v); if (n.x) { return v.x; } if (n.y) { return v.y; } if (n.z) { return v.z; } if (n.w) { return v.w; }`;
  return `${signature} { ${nan} return ${combine}(${combine}(v.x, v.y), ${combine}(v.z, v.w)); }`;
}
