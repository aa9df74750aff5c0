// From stages to dispatches.
import type { Run, Traits } from "../../kernels/kernel.ts";
import { bytesPerElement } from "../dtype.ts";
import type { Steps } from "../pace.ts";
import { show } from "../shape.ts";
import type { Node, Tensor } from "../tensor.ts";
import { type StoredTensors, reshapeAccess } from "../fuse/access.ts";
import { isRun } from "../fuse/residence.ts";
import { type Chain, type Fusion, type Stage, endOf, rawOf } from "../fuse/stage.ts";
import { HookContext } from "../wgsl/context.ts";
import { type Dispatch, makeDispatch } from "../wgsl/dispatch.ts";
import { emitFunction, emitIndexFunction } from "../wgsl/emit.ts";
import { Expression } from "../wgsl/expression.ts";
import { type Memory, memoryOf, wholeOf } from "../fuse/memory.ts";
import type { DeviceLimits, OpDispatch, OpKernels, OpMemory } from "./kernels.ts";
import type { ReduceStage } from "./loops.ts";
import { lowerMap } from "./map.ts";
import { lowerReduce } from "./reduce.ts";
import { bindRuns, boxOf, loopFrom } from "./runs.ts";
import { statisticsOf } from "./statistics-op.ts";

export type { Dispatch } from "../wgsl/dispatch.ts";

/** A stage and what it dispatches. */
export interface LoweredStage {
  readonly stage: Stage;
  /** A stage that became part of this one's dispatches. */
  readonly absorbed?: Stage;
  /** Stages whose work the same dispatches do. */
  readonly beside?: readonly LoweredStage[];
  readonly dispatches: readonly Dispatch[];
}

export type NodeStage = Extract<Stage, { kind: "kernel" | "reduce" }>;
export type MapStage = Extract<Stage, { kind: "map" }>;

export class Lowerer {
  readonly traits: Traits;
  readonly limits: DeviceLimits;
  #scratches = 0;

  constructor(
    readonly fusion: Fusion,
    readonly kernels: OpKernels,
  ) {
    this.traits = kernels.traits;
    this.limits = kernels.limits;
  }

  *lower(): Steps<LoweredStage[]> {
    const { stages } = this.fusion;
    const lowered: LoweredStage[] = [];
    for (const stage of stages) {
      yield { phase: "lower", done: lowered.length, total: stages.length };
      lowered.push({ stage, dispatches: this.#dispatchesOf(stage) });
    }
    yield { phase: "lower", done: stages.length, total: stages.length };
    const [statistics] = stages.flatMap((s) => (s.kind === "reduce" ? (statisticsOf(s.node) ?? []) : []));
    if (statistics) return yield* statistics.lowering.join(lowered, this);
    yield { phase: "join", done: stages.length, total: stages.length };
    return lowered;
  }

  #dispatchesOf(stage: Stage): Dispatch[] {
    switch (stage.kind) {
      case "map":
        return this.#map(stage);
      case "part": {
        const { value, into, view } = stage;
        return lowerMap({ value, into, view, ...this.#reading() });
      }
      case "reduce":
        return lowerReduce(this.reduceStage(stage));
      case "kernel":
        return this.kernel(stage);
    }
  }

  #map({ result, duplicate }: MapStage): Dispatch[] {
    if (result.size === 0) return [];
    const residence = this.fusion.residences.get(result);
    return lowerMap({
      value: result,
      into: residence?.into ?? result,
      view: residence?.view,
      duplicate,
      ...this.#reading(result),
    });
  }

  /** Dispatches that copy a stored tensor into another of the same shape. */
  copy(from: Tensor, to: Tensor): Dispatch[] {
    return lowerMap({ value: from, into: to, ...this.#reading() });
  }

  #reading(computed?: Tensor): { stored: StoredTensors; maxBindingBytes: number } {
    return { stored: this.stored(computed), maxBindingBytes: this.limits.maxBindingBytes };
  }

  /** What is read from memory, but for a tensor that is just being computed. */
  stored(computed?: Tensor): StoredTensors {
    const { stored, residences } = this.fusion;
    return { has: (t) => t !== computed && stored.has(t), residence: (t) => residences.get(t) };
  }

  readonly memoryOf = (t: Tensor): Memory => memoryOf(t, this.fusion.stored);
  readonly newScratch = (bytes: number): Memory => ({ content: { scratch: this.#scratches++ }, offset: 0, bytes });

  reduceStage({ node, chain }: NodeStage): ReduceStage {
    return {
      node,
      chain,
      tail: this.#tail(chain),
      traits: this.traits,
      stored: this.stored(),
      maxBindingBytes: this.limits.maxBindingBytes,
      memoryOf: this.memoryOf,
      newScratch: this.newScratch,
    };
  }

  /** The epilogue of a chain: from the kernel's value to what is stored; undefined where they are one. */
  #tail({ tensors, domain }: Chain): Expression | undefined {
    const end = tensors.at(-1)!;
    if (tensors.length === 1) return undefined;
    return new Expression(end, domain, reshapeAccess(domain, end.shape)!, this.stored(end), tensors);
  }

  /** An op's own dispatches; those that write its result have the epilogue, the place and the tally. */
  kernel({ node, chain }: NodeStage, tally?: (context: HookContext) => string): Dispatch[] {
    const writers = this.kernels.writersOf(node);
    const end = endOf(chain);
    const residence = this.fusion.residences.get(end);
    const strided = residence && !isRun(residence.view, end) ? residence : undefined;
    const memory = this.#memoryOfOp(node, strided ? wholeOf(strided.into) : this.memoryOf(end), strided !== undefined);
    const operands = node.inputs.slice(0, 2).map((t) => show(t.shape));
    const label = `${node.op.name} ${operands.join(" ")} → ${show(rawOf(chain).shape)}`;
    const runWritten = (d: OpDispatch): Run => {
      const { offset, bytes } = Object.values(d.buffers).find((m) => m.role === "output" && m.index === 0) ?? {
        offset: 0,
        bytes: 0,
      };
      const each = bytesPerElement(rawOf(chain).dtype);
      return { first: offset / each, count: bytes / each };
    };
    const emit = (d: OpDispatch): Dispatch => {
      const hooks: Record<string, string> = {};
      const writes = writers.includes(d);
      const run = runWritten(d);
      const tail = writes ? this.#tail(chain) : undefined;
      const { maxBindingBytes } = this.limits;
      const context = new HookContext(
        d.kernel.width,
        tail && bindRuns([tail], boxOf(chain.domain, run), maxBindingBytes),
      );
      if (tail) {
        const signature = "fn epilogue(v : F, i : u32) -> F";
        const loop = loopFrom(chain.domain, run.first, context);
        hooks.epilogue = emitFunction(signature, tail, context, loop, 0, { raw: "v" });
      }
      if (strided && writes) {
        const signature = "fn place(i : u32) -> u32";
        const loop = loopFrom(end.shape, run.first, context);
        hooks.place = emitIndexFunction(signature, end.shape, strided.view, context, loop, 0);
      }
      const tallies = d === writers.at(-1) && tally !== undefined;
      if (tallies) hooks.tally = tally(context);
      return makeDispatch({
        label,
        kernel: d.kernel,
        params: d.params,
        buffers: Object.fromEntries(Object.entries(d.buffers).map(([name, m]) => [name, memory(m)])),
        consts: tallies ? { ...d.consts, TALLY: true } : d.consts,
        aliases: d.aliases,
        context,
        hooks,
        cost: d.kernel.cost?.(d.params) ?? { flops: 0, bytes: 0 },
      });
    };
    return this.kernels.dispatchesOf(node).map(emit);
  }

  /**
   * The memory that an op's dispatches bind; `target` is that of its first output, which is `placed` where it stands at
   * a view of a larger one.
   */
  #memoryOfOp({ inputs, outputs }: Node, target: Memory, placed: boolean): (handle: OpMemory) => Memory {
    const scratches = new Map<number, Memory>();
    const wholeOfHandle = ({ role, index, bytes }: OpMemory): Memory => {
      if (role === "input") return this.memoryOf(inputs[index]!);
      if (role === "output") return index === 0 ? target : this.memoryOf(outputs[index]!);
      const known = scratches.get(index) ?? this.newScratch(bytes);
      scratches.set(index, known);
      return known;
    };
    return (handle) => {
      const whole = wholeOfHandle(handle);
      // A result that stands among others is bound with them.
      const among = handle.role === "output" && handle.index === 0 && placed;
      return among ? whole : { ...whole, offset: whole.offset + handle.offset, bytes: handle.bytes };
    };
  }
}
