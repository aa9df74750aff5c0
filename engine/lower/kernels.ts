// What the ops that have kernels of their own dispatch. It is known before anything is fused, for it decides what can
// be fused: how much an epilogue may bind, and where a result may be written.
import type { BindingRoom, Consts, Kernel, Params, Run, Traits } from "../../kernels/kernel.ts";
import { rangesWithin, runOf } from "../../kernels/windows.ts";
import { type DType, bytesPerElement } from "../dtype.ts";
import type { Attrs, KernelOp, Lowering, MemoryHandle, OpInputs, View } from "../op.ts";
import type { Node } from "../tensor.ts";
import type { Graph } from "../fuse/simplify.ts";
import { type BindingLimits, type KernelSeams, OFFSET_ALIGNMENT } from "../fuse/stage.ts";
import { storageAliases, wholeLoop } from "../wgsl/dispatch.ts";
import { vectorizes } from "../wgsl/indexer.ts";

export interface DeviceLimits extends BindingLimits {
  /** Values of tunables that were found fastest for this kernel, problem and types of storage. */
  tuned?(kernel: Kernel, params: Params, aliases: Readonly<Record<string, string>>): Consts | undefined;
  /** Name of the kernel of this list that was found fastest for the problem. */
  preferred?(kernels: readonly Kernel[], params: Params): string | undefined;
}

/** A dispatch of an op: it binds the op's inputs, outputs and scratches, each by its number. */
export interface OpDispatch {
  readonly kernel: Kernel;
  readonly params: Params;
  readonly buffers: Readonly<Record<string, OpMemory>>;
  /** Types of the storage that is not f32. */
  readonly aliases: Readonly<Record<string, string>>;
  readonly consts: Consts;
}
export interface OpMemory extends MemoryHandle {
  readonly role: "input" | "output" | "scratch";
  readonly index: number;
  readonly dtype?: DType;
  /** Where a run of it starts, in bytes. */
  readonly offset: number;
}

/** The dispatches of every op of the graph that has kernels. */
export const kernelsOf = (graph: Graph, traits: Traits, limits: DeviceLimits): OpKernels =>
  new OpKernels(graph, traits, limits);

export class OpKernels implements KernelSeams {
  readonly #dispatches = new Map<Node, readonly OpDispatch[]>();

  constructor(
    graph: Graph,
    readonly traits: Traits,
    readonly limits: DeviceLimits,
  ) {
    for (const node of graph.nodes)
      if (node.op.kind === "kernel") this.#dispatches.set(node, this.#record(node, node.op));
  }

  dispatchesOf(node: Node): readonly OpDispatch[] {
    const found = this.#dispatches.get(node);
    if (!found) throw new Error(`internal: ${node.op.name} has no kernels in this graph`);
    return found;
  }

  /** The last dispatch that writes output 0, and before it those of the same kernel that write other parts of it. */
  writersOf(node: Node): OpDispatch[] {
    const all = this.dispatchesOf(node).filter(writesFirstOutput);
    return all.filter((d) => d.kernel === all.at(-1)!.kernel);
  }

  epilogueRoom(node: Node): number {
    const last = this.writersOf(node).at(-1);
    if (!last?.kernel.hooks.includes("epilogue")) return 0;
    return this.limits.maxStorageBuffers - last.kernel.bindings.filter((b) => b.access !== "uniform").length;
  }

  canPlace(node: Node, view: View): boolean {
    const last = this.writersOf(node).at(-1);
    if (!last?.kernel.hooks.includes("place")) return false;
    const { shape } = node.outputs[0];
    return last.kernel.width === 1 || vectorizes(shape, wholeLoop(shape), 0, [view]);
  }

  #record(node: Node, op: KernelOp<Attrs, OpInputs>): OpDispatch[] {
    const dispatches: OpDispatch[] = [];
    let scratches = 0;
    const bound = (role: "input" | "output", index: number): OpMemory => {
      const t = (role === "input" ? node.inputs : node.outputs)[index];
      if (!t) throw new Error(`internal: ${op.name} has no ${role} ${index}`);
      return { role, index, bytes: t.bytes, dtype: t.dtype, offset: 0 };
    };
    const dispatch: Lowering["dispatch"] = (kernel, params, handles, consts) => {
      // An op has no other handles than those that it was given here.
      const buffers = handles as Readonly<Record<string, OpMemory>>;
      const aliases = storageAliases(kernel, (name) => buffers[name]?.dtype);
      dispatches.push({
        kernel,
        params,
        buffers,
        aliases,
        consts: {
          ...constsOf(kernel, params, this.traits),
          ...this.limits.tuned?.(kernel, params, aliases),
          ...consts,
        },
      });
    };
    op.lower(
      {
        traits: this.traits,
        inputs: node.inputs,
        outputs: node.outputs,
        input: (i) => bound("input", i),
        output: (i) => bound("output", i),
        scratch: (bytes, dtype): OpMemory => ({ role: "scratch", index: scratches++, bytes, dtype, offset: 0 }),
        room: (dtype) => this.#roomOf(dtype),
        part: (memory, run) => partOf(memory as OpMemory, run),
        select: (kernels, params) => this.#select(op.name, kernels, params),
        dispatch,
        dispatchItems: (kernel, params, items, whole = {}) => {
          for (const { n, parts } of this.#windowsOf(params.n, items as Readonly<Record<string, OpMemory>>))
            dispatch(kernel, { ...params, n }, { ...parts, ...whole });
        },
      },
      node.attrs,
    );
    return dispatches;
  }

  /**
   * The kernel that was found fastest for the problem, if one was and can do it; else the first of the list that fits.
   */
  #select(op: string, kernels: readonly Kernel[], params: Params): Kernel {
    const preferred = this.limits.preferred?.(kernels, params);
    const fits = (k: Kernel, traits = this.traits): boolean => !k.fits || k.fits(params, traits);
    // A timed kernel is not judged again: Winograd's way, too, is taken wherever it can do the problem.
    const asked = { winograd: true, ...this.traits };
    const kernel = kernels.find((k) => k.name === preferred && fits(k, asked)) ?? kernels.find((k) => fits(k));
    if (!kernel) throw new Error(`internal: no kernel of ${op} fits ${JSON.stringify(params)}`);
    return kernel;
  }

  /** `n` items in windows that bindings can hold, each memory cut to its window's items. */
  #windowsOf(n: number, items: Readonly<Record<string, OpMemory>>): { n: number; parts: Record<string, OpMemory> }[] {
    const entries = Object.entries(items);
    const room = { most: this.limits.maxBindingBytes, align: OFFSET_ALIGNMENT };
    const each = entries.map(([, { bytes }]) => bytes / Math.max(1, n));
    return (rangesWithin(n, each, room) ?? [{ from: 0, to: n }]).map((range) => {
      const parts = entries.map(([name, memory], i) => {
        const { first, count } = runOf(range, each[i]!);
        return [name, { ...memory, offset: memory.offset + first, bytes: count }] as const;
      });
      return { n: range.to - range.from, parts: Object.fromEntries(parts) };
    });
  }

  #roomOf(dtype: DType): BindingRoom {
    const each = bytesPerElement(dtype);
    return { most: Math.floor(this.limits.maxBindingBytes / each), align: OFFSET_ALIGNMENT / each };
  }
}

/** Tunables as they are shipped, and what follows from the problem. */
function constsOf(kernel: Kernel, params: Params, traits: Traits): Consts {
  const shipped: Record<string, number> = {};
  for (const [name, [first]] of Object.entries(kernel.tunables ?? {})) if (first !== undefined) shipped[name] = first;
  return { ...shipped, ...kernel.consts?.(params, traits) };
}

/** A run of a memory's elements. */
function partOf(memory: OpMemory, { first, count }: Run): OpMemory {
  const each = bytesPerElement(memory.dtype ?? "f32");
  return { ...memory, offset: memory.offset + first * each, bytes: count * each };
}

const writesFirstOutput = ({ kernel, buffers }: OpDispatch): boolean =>
  kernel.bindings.some((b) => {
    const memory = buffers[b.name];
    return b.access === "read_write" && memory?.role === "output" && memory.index === 0;
  });
