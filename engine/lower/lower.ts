// From stages to dispatches.
import type { Consts, Kernel, Params, Traits } from "../../kernels/kernel.ts";
import { type DType, bytesPerElement } from "../dtype.ts";
import type { KernelOp, Slot, View } from "../op.ts";
import { show } from "../shape.ts";
import type { Node, Tensor } from "../tensor.ts";
import { type Memories, type Residence, aliasOf, isContiguous, reshapeAccess } from "../fuse/access.ts";
import { type Dispatch, type Memory, makeDispatch, storageAliases, wholeLoop } from "../wgsl/dispatch.ts";
import { HookContext, emitFunction, emitIndexFunction, vectorizes } from "../wgsl/emit.ts";
import { Expression } from "../wgsl/expression.ts";
import { type Chain, type Fusion, type Stage, endOf, rawOf } from "../fuse/stage.ts";
import { lowerMap } from "./map.ts";
import { lowerNorm } from "./norm.ts";
import { type ReduceStage, lowerParts, lowerReduce } from "./reduce.ts";
import { type Parts, mergeParts, newParts } from "./statistics.ts";
import { tallied, tallyHook } from "./tally.ts";

export type { BoundMemory, Dispatch, Memory } from "../wgsl/dispatch.ts";

interface Recorded {
  readonly kernel: Kernel;
  readonly params: Params;
  readonly buffers: Readonly<Record<string, RecordedSlot>>;
  readonly consts: Consts;
}
interface RecordedSlot extends Slot {
  readonly role: "input" | "output" | "scratch";
  readonly index: number;
  readonly dtype?: DType;
}

export interface DeviceLimits {
  readonly maxStorageBuffers: number;
  readonly maxBindingBytes: number;
  /** Values of tunables that were found fastest for this kernel and problem. */
  tuned?(kernel: Kernel, params: Params): Consts | undefined;
}

type NodeStage = Extract<Stage, { kind: "kernel" | "reduce" }>;

export class Lowerer {
  readonly #recorded = new Map<Node, Recorded[]>();
  #scratch = 0;
  #stored: ReadonlySet<Tensor> = new Set();
  #residences: ReadonlyMap<Tensor, Residence> = new Map();

  constructor(
    readonly traits: Traits,
    readonly limits: DeviceLimits,
  ) {}

  /** Bindings left for an epilogue on the dispatch that writes a kernel op's result; 0 where no kernel takes one. */
  readonly epilogueRoom = (node: Node): number => {
    const last = this.#writers(this.#record(node)).at(-1);
    if (!last?.kernel.hooks.includes("epilogue")) return 0;
    return this.limits.maxStorageBuffers - last.kernel.bindings.filter((b) => b.access !== "uniform").length;
  };

  /** Whether the dispatch that writes a kernel op's result can write it at a view of a larger tensor. */
  readonly canPlace = (node: Node, view: View): boolean => {
    const last = this.#writers(this.#record(node)).at(-1);
    const { shape } = node.outputs[0];
    return (
      last !== undefined &&
      last.kernel.hooks.includes("place") &&
      (last.kernel.width === 1 || vectorizes(shape, wholeLoop(shape), 0, [view]))
    );
  };

  /** Takes what fusion decided: from now on `lower` knows what is read from memory, and where that stands. */
  adopt({ stored, residences }: Pick<Fusion, "stored" | "residences">): void {
    this.#stored = stored;
    this.#residences = residences;
  }

  /** What is read from memory, but for a tensor that is just being computed. */
  #memories(computed?: Tensor): Memories {
    return { has: (t) => t !== computed && this.#stored.has(t), home: (t) => this.#residences.get(t) };
  }

  lower(stage: Stage): Dispatch[] {
    const { maxBindingBytes } = this.limits;
    switch (stage.kind) {
      case "map": {
        const { result, also } = stage;
        const home = this.#residences.get(result);
        return result.size === 0
          ? []
          : lowerMap({
              value: result,
              into: home?.into ?? result,
              view: home?.view,
              also,
              memories: this.#memories(result),
              maxBindingBytes,
            });
      }
      case "part":
        return lowerMap({
          value: stage.value,
          into: stage.into,
          view: stage.view,
          memories: this.#memories(),
          maxBindingBytes,
        });
      case "reduce":
        return lowerReduce(this.#reduceStage(stage));
      case "kernel":
        return this.#kernel(stage.node, stage.chain);
    }
  }

  #reduceStage({ node, chain }: NodeStage): ReduceStage {
    return {
      node,
      chain,
      tail: this.#tail(chain),
      traits: this.traits,
      memories: this.#memories(),
      memoryOf: (t) => this.memoryOf(t),
      newScratch: (bytes) => this.#newScratch(bytes),
    };
  }

  /**
   * Two statistics, of `parts` where these are known, and the elementwise stage behind them, as one dispatch or two;
   * undefined where that can't be.
   */
  norm(stage: NodeStage, { result, also }: Extract<Stage, { kind: "map" }>, parts?: Parts): Dispatch[] | undefined {
    const { maxStorageBuffers, maxBindingBytes } = this.limits;
    if (
      result.shape.join() !== stage.node.inputs[0].shape.join() ||
      Math.max(result.bytes, also?.into.bytes ?? 0) > maxBindingBytes
    )
      return undefined;
    return lowerNorm({
      node: stage.node,
      result,
      also,
      home: this.#residences.get(result),
      traits: this.traits,
      memories: this.#memories(result),
      maxStorageBuffers,
      memoryOf: (t) => this.memoryOf(t),
      parts,
      cut: () => lowerParts(this.#reduceStage(stage)),
    });
  }

  /**
   * A kernel's dispatches where they tally the moments that `statistics` takes of what they write; their parts, and a
   * dispatch that joins these. Undefined where they can't.
   */
  tally(
    { node, chain }: NodeStage,
    statistics: Node,
  ): { dispatches: Dispatch[]; parts: Parts; merge: Dispatch } | undefined {
    const pixels = this.#writers(this.#record(node)).at(-1)?.kernel.tally;
    const of = pixels && tallied(statistics, pixels);
    if (!of) return undefined;
    const outs = of.images * of.channels;
    const parts = newParts(outs, of.splits, pixels, (bytes) => this.#newScratch(bytes));
    const dispatches = this.#kernel(node, chain, (context) => tallyHook(of, parts, context));
    if (dispatches.some((d) => d.memory.length > this.limits.maxStorageBuffers)) return undefined;
    return {
      dispatches,
      parts,
      merge: mergeParts({ node: statistics, memoryOf: (t) => this.memoryOf(t) }, parts, outs, of.count, of.label),
    };
  }

  /** Dispatches that copy a stored tensor into another of the same shape. */
  copy(from: Tensor, to: Tensor): Dispatch[] {
    return lowerMap({
      value: from,
      into: to,
      memories: this.#memories(),
      maxBindingBytes: this.limits.maxBindingBytes,
    });
  }

  memoryOf(t: Tensor): Memory {
    const { base, offset } = aliasOf(t, (x) => this.#stored.has(x));
    return { of: base, offset: offset * bytesPerElement(t.dtype), bytes: t.bytes };
  }

  /** The epilogue of a chain: from the kernel's value to what is stored; undefined where they are one. */
  #tail(chain: Chain): Expression | undefined {
    const end = endOf(chain);
    if (chain.tensors.length === 1) return undefined;
    return new Expression(
      end,
      chain.domain,
      reshapeAccess(chain.domain, end.shape)!,
      this.#memories(end),
      chain.tensors,
    );
  }

  #kernel(node: Node, chain: Chain, tally?: (context: HookContext) => string): Dispatch[] {
    const recorded = this.#record(node);
    const writers = this.#writers(recorded);
    const scratches = new Map<number, Memory>();
    const end = endOf(chain);
    const home = this.#residences.get(end);
    const strided = home && !isContiguous(home.view, end.shape) ? home : undefined;
    const target: Memory = strided ? { of: strided.into, offset: 0, bytes: strided.into.bytes } : this.memoryOf(end);
    const memory = (slot: RecordedSlot): Memory => {
      if (slot.role === "input") return this.memoryOf(node.inputs[slot.index]);
      if (slot.role === "output") return slot.index === 0 ? target : this.memoryOf(node.outputs[slot.index]);
      let m = scratches.get(slot.index);
      if (!m) scratches.set(slot.index, (m = this.#newScratch(slot.bytes)));
      return m;
    };
    const label = `${node.op.name} ${node.inputs
      .slice(0, 2)
      .map((t) => show(t.shape))
      .join(" ")} → ${show(rawOf(chain).shape)}`;
    const tail = this.#tail(chain);
    return recorded.map((d) => {
      const context = new HookContext(d.kernel.width);
      const hooks: Record<string, string> = {};
      if (tail && writers.includes(d))
        hooks.epilogue = emitFunction("fn epilogue(v : F, i : u32) -> F", tail, context, wholeLoop(chain.domain), 0, {
          raw: "v",
        });
      if (strided && writers.includes(d))
        hooks.place = emitIndexFunction(
          "fn place(i : u32) -> u32",
          end.shape,
          strided.view,
          context,
          wholeLoop(end.shape),
          0,
        );
      const tallies = d === writers.at(-1) && tally;
      if (tallies) hooks.tally = tally(context);
      const buffers = Object.fromEntries(Object.entries(d.buffers).map(([name, slot]) => [name, memory(slot)]));
      const aliases = storageAliases(d.kernel, (name) => d.buffers[name].dtype);
      return makeDispatch({
        label,
        kernel: d.kernel,
        params: d.params,
        buffers,
        consts: tallies ? { ...d.consts, TALLY: true } : d.consts,
        aliases,
        context,
        hooks,
        cost: d.kernel.cost?.(d.params) ?? { flops: 0, bytes: 0 },
      });
    });
  }

  /** What an op's `lower` dispatches, with inputs and outputs by number. */
  #record(node: Node): Recorded[] {
    const known = this.#recorded.get(node);
    if (known) return known;
    const recorded: Recorded[] = [];
    const slot = (role: RecordedSlot["role"], index: number, bytes: number, dtype?: DType): RecordedSlot => ({
      role,
      index,
      bytes,
      dtype,
    });
    let scratches = 0;
    const op = node.op as KernelOp;
    op.lower(
      {
        traits: this.traits,
        inputs: node.inputs,
        outputs: node.outputs,
        input: (i) => slot("input", i, node.inputs[i].bytes, node.inputs[i].dtype),
        output: (i) => slot("output", i, node.outputs[i].bytes, node.outputs[i].dtype),
        scratch: (bytes, dtype) => slot("scratch", scratches++, bytes, dtype),
        select: (kernels, params) => {
          const kernel = kernels.find((k) => !k.fits || k.fits(params, this.traits));
          if (!kernel) throw new Error(`internal: no kernel of ${op.name} fits ${JSON.stringify(params)}`);
          return kernel;
        },
        dispatch: (kernel, params, buffers, consts) => {
          const all = {
            ...Object.fromEntries(Object.entries(kernel.tunables ?? {}).map(([n, values]) => [n, values[0]])),
            ...kernel.consts?.(params, this.traits),
            ...this.limits.tuned?.(kernel, params),
            ...consts,
          };
          recorded.push({ kernel, params, buffers: buffers as Record<string, RecordedSlot>, consts: all });
        },
      },
      node.attrs,
    );
    this.#recorded.set(node, recorded);
    return recorded;
  }

  /** The last dispatch that writes output 0, and before it those of the same kernel that write other parts of it. */
  #writers(recorded: readonly Recorded[]): Recorded[] {
    const all = recorded.filter((d) =>
      d.kernel.bindings.some((b) => {
        const slot = d.buffers[b.name];
        return b.access === "read_write" && slot?.role === "output" && slot.index === 0;
      }),
    );
    return all.filter((d) => d.kernel === all.at(-1)!.kernel);
  }

  #newScratch(bytes: number): Memory {
    return { of: { scratch: this.#scratch++ }, offset: 0, bytes };
  }
}
