// What is stored and what is recomputed: cuts the graph into stages, each one kernel's worth of work.
//
// Stored are the results of kernels, reductions and joins, what kernels read, and what a program gives out.
// Elementwise ops and views live inside the stages that read them, unless several readers would repeat too much. An
// elementwise chain that is the only reader of a kernel's result becomes that kernel's epilogue, and only the chain's
// end is stored.
import type { ElementwiseOp, MovementOp } from "../op.ts";
import type { Shape } from "../shape.ts";
import type { Node, Tensor } from "../tensor.ts";
import { bytesPerElement } from "../dtype.ts";
import { variableOf } from "../variable.ts";
import { type Alias, aliasOf, mergesOnly } from "./access.ts";
import { cutIntoStages, isExternal } from "./cut.ts";
import { type InlineCost, LeafCounter, NOTHING } from "./leaves.ts";
import { reside } from "./residence.ts";
import type { Graph } from "./simplify.ts";
import {
  type BindingLimits,
  type Chain,
  type Fusion,
  COPY_ALIGNMENT,
  type KernelSeams,
  OFFSET_ALIGNMENT,
  type Stage,
  endOf,
  rawOf,
} from "./stage.ts";

export function fuse(graph: Graph, limits: BindingLimits, seams: KernelSeams): Fusion {
  return new Fuser(graph, limits, seams).run();
}

/** Most ops that a stage computes. */
const MAX_OPS = 64;
/** More operations an element than these, or more reads, are not repeated for every element of a larger tensor. */
const FEW_FLOPS = 8;
const FEW_LEAVES = 2;
/** More operations than these are not repeated for several readers. */
const REPEATED_FLOPS = 12;
/** A tensor that becomes so many times larger is small beside what it becomes. */
const MUCH_LARGER = 4;

class Fuser {
  readonly #stored = new Set<Tensor>();
  readonly #costs = new Map<Tensor, InlineCost>();
  readonly #readers = new Map<Tensor, Node[]>();
  readonly #roots: Set<Tensor>;
  /** Chains that may still grow, by their end, and the bindings left to each. */
  readonly #open = new Map<Tensor, { readonly chain: Chain; readonly room: number }>();
  /** Chains of kernels and reductions by their raw result, and by what they store. */
  readonly #chains = new Map<Tensor, Chain>();
  readonly #ends = new Set<Tensor>();
  readonly maxBuffers: number;
  /** Both results of a reduction that a join takes: they will stand in it, and readers bind it once. */
  readonly #kin = new Map<Tensor, Tensor>();

  constructor(
    readonly graph: Graph,
    readonly limits: BindingLimits,
    readonly seams: KernelSeams,
  ) {
    this.maxBuffers = limits.maxStorageBuffers;
    for (const node of graph.nodes) {
      for (const x of new Set(node.inputs)) this.#readers.set(x, [...(this.#readers.get(x) ?? []), node]);
    }
    this.#roots = new Set(graph.roots);
    for (const { op, inputs, outputs } of graph.nodes) {
      if (op.kind !== "concat" || outputs[0].bytes > limits.maxBindingBytes) continue;
      for (const { base } of inputs.map((x) => aliasOf(x)))
        if (base.node.op.kind === "reduce" && base.node.outputs.length > 1 && !this.#kin.has(base))
          this.#kin.set(base, outputs[0]);
    }
  }

  run(): Fusion {
    for (const node of this.graph.nodes) this.#decide(node);
    for (const root of this.#roots) this.#storeAligned(root, COPY_ALIGNMENT);
    for (;;) {
      while (this.#mend()) {
        /* what is stored for one stage is one more thing to read for another */
      }
      const stages = this.#stages();
      const { residences, kept } = reside({
        graph: this.graph,
        stages,
        stored: this.#stored,
        readers: this.#readers,
        limits: this.limits,
        seams: this.seams,
      });
      const strangers = [...this.#kin].filter(([t, into]) => residences.get(t)?.into !== into);
      if (strangers.length === 0) return { stages: kept, stored: this.#stored, residences };
      for (const [t] of strangers) this.#kin.delete(t);
    }
  }

  #decide(node: Node): void {
    const { op, inputs, outputs } = node;
    switch (op.kind) {
      case "source":
        if (isExternal(node)) outputs.forEach((t) => this.#markStored(t));
        else outputs.forEach((t) => this.#costs.set(t, NOTHING));
        return;
      case "kernel":
        for (const x of inputs) this.#storeAligned(x, OFFSET_ALIGNMENT);
        this.#openChain(node, this.seams.epilogueRoom(node));
        return;
      case "reduce":
        this.#fitLeaves(inputs, this.maxBuffers - outputs.length);
        this.#openChain(node, this.maxBuffers - 1 - this.#cost(inputs[0]!).leaves.size);
        return;
      case "concat":
        this.#join(node);
        return;
      case "movement":
        if (!this.#grows(node)) this.#decideView(node, op);
        return;
      case "elementwise":
        if (!this.#grows(node)) this.#decideElementwise(node, op);
    }
  }

  #decideView({ inputs, outputs: [y] }: Node, op: MovementOp): void {
    const x = inputs[0]!;
    const cost = this.#cost(x);
    // Repeating a small tensor's arithmetic for every element of a large one.
    const repeats = x.size * MUCH_LARGER <= y.size && (cost.flops > FEW_FLOPS || cost.leaves.size > FEW_LEAVES);
    const splits = !op.view && !mergesOnly(y.shape, x.shape);
    if ((repeats || splits) && !this.#isStoredView(x)) this.#store(x);
    this.#costs.set(y, this.#isStoredView(x) ? this.#costOfRead(this.#view(x).base) : this.#cost(x));
  }

  #decideElementwise({ inputs, outputs: [y] }: Node, op: ElementwiseOp): void {
    this.#fitLeaves(inputs, this.maxBuffers - 1);
    const parts = inputs.map((x) => this.#cost(x));
    const leaves = new Set(parts.flatMap((c) => [...c.leaves]));
    const cost: InlineCost = {
      leaves,
      flops: op.flops + parts.reduce((n, c) => n + c.flops, 0),
      ops: 1 + parts.reduce((n, c) => n + c.ops, 0),
    };
    this.#costs.set(y, cost);
    const uses = this.#uses(y);
    const full = [...leaves].filter((t) => t.size * 2 >= y.size).length;
    if (uses > 1 && (cost.flops > REPEATED_FLOPS || uses * full > full + 1 + uses)) this.#storeNarrow(y);
  }

  /** Readers of a tensor, looking through views. */
  #uses(t: Tensor): number {
    let n = this.#roots.has(t) ? 1 : 0;
    for (const node of this.#readers.get(t) ?? []) n += node.op.kind === "movement" ? this.#uses(node.outputs[0]) : 1;
    return n;
  }

  #view(t: Tensor): Alias {
    return aliasOf(t, (x) => this.#stored.has(x));
  }

  #cost(t: Tensor): InlineCost {
    return this.#costs.get(t)!;
  }

  /** What a reader of a stored tensor binds. */
  #leaf(t: Tensor): ReadonlySet<Tensor> {
    return new Set([this.#kin.get(t) ?? t]);
  }

  #isStoredView(t: Tensor): boolean {
    return this.#stored.has(this.#view(t).base);
  }

  #costOfRead(stored: Tensor): InlineCost {
    return { ...NOTHING, leaves: this.#leaf(stored) };
  }

  #markStored(t: Tensor): void {
    this.#stored.add(t);
    this.#costs.set(t, this.#costOfRead(t));
  }

  #store(t: Tensor): void {
    this.#open.delete(t);
    if (!this.#stored.has(t)) this.#markStored(t);
  }

  /** Stores y, or what y is an f32 cast of where that is f16: half the bytes. */
  #storeNarrow(y: Tensor): void {
    const [x] = y.node.inputs;
    if (y.node.op.name !== "cast" || x?.dtype !== "f16" || this.#isStoredView(x)) {
      this.#store(y);
      return;
    }
    this.#store(x);
    this.#costs.set(y, { leaves: new Set([x]), flops: 1, ops: 1 });
  }

  /** Makes `t` readable by a kernel or a copy: contiguous, at an offset that a binding or copy can have. */
  #storeAligned(t: Tensor, alignment: number): void {
    const { base, offset } = this.#view(t);
    if ((offset * bytesPerElement(t.dtype)) % alignment === 0) this.#store(base);
    else {
      if (base.node.op.kind !== "movement") this.#store(base);
      this.#store(t);
    }
  }

  /** Stores the heaviest inputs until a stage that reads them all binds at most `limit` buffers and stays small. */
  #fitLeaves(inputs: readonly Tensor[], limit: number): void {
    for (;;) {
      const costs = inputs.map((x) => this.#cost(x));
      const leaves = new Set(costs.flatMap((c) => [...c.leaves]));
      const ops = costs.reduce((n, c) => n + c.ops, 0);
      if (leaves.size <= limit && ops <= MAX_OPS) return;
      const heaviest = inputs
        .filter((x) => !this.#isStoredView(x))
        .sort(
          (a, b) => this.#cost(b).leaves.size - this.#cost(a).leaves.size || this.#cost(b).ops - this.#cost(a).ops,
        )[0];
      if (!heaviest) throw new Error(`internal: ${inputs.length} inputs need more than ${limit} buffers`);
      this.#store(heaviest);
    }
  }

  /** All results of a kernel or reduction are stored; a single one may take an epilogue first. */
  #openChain(node: Node, room: number): void {
    node.outputs.forEach((t) => this.#markStored(t));
    if (node.outputs.length === 1) this.#setChain({ tensors: node.outputs, domain: node.outputs[0].shape }, room);
  }

  #setChain(chain: Chain, room: number): void {
    this.#chains.set(rawOf(chain), chain);
    this.#ends.add(endOf(chain));
    if (room > 0) this.#open.set(endOf(chain), { chain, room });
  }

  /** Lets `node`, the only reader of an open chain's end, join the chain; false if it can't. */
  #grows(node: Node): boolean {
    if (node.op.kind === "movement" && node.op.view) return false;
    const [y] = node.outputs;
    const candidates = [...new Set(node.inputs)]
      .filter(
        (x) => this.#open.has(x) && x.size === y.size && !this.#roots.has(x) && this.#readers.get(x)!.length === 1,
      )
      .sort((a, b) => rawOf(this.#open.get(b)!.chain).node.id - rawOf(this.#open.get(a)!.chain).node.id);
    for (const x of candidates) {
      const { chain, room } = this.#open.get(x)!;
      const domain = this.#domainWith(chain, y);
      if (!domain) continue;
      const others = [...new Set(node.inputs)].filter((t) => t !== x);
      const leaves = new Set(others.flatMap((t) => [...this.#cost(t).leaves]));
      const ops = others.reduce((n, t) => n + this.#cost(t).ops, 0);
      if (leaves.size > room || ops > MAX_OPS / 2 || [...leaves].some((t) => this.#isBeyondBinding(t))) continue;
      this.#stored.delete(x);
      this.#open.delete(x);
      this.#ends.delete(x);
      this.#markStored(y);
      this.#setChain({ tensors: [...chain.tensors, y], domain }, room - leaves.size);
      return true;
    }
    return false;
  }

  /**
   * Whether a tensor is larger than a binding, and is no variable or new value of one, of which a stage reads parts: a
   * kernel's windows may reach too much of it, those of a stage of its own do not.
   */
  #isBeyondBinding(t: Tensor): boolean {
    return t.bytes > this.limits.maxBindingBytes && !variableOf(t) && !t.node.op.inPlace;
  }

  /** The chain's loop once `y` is in it; undefined where no shape serves all. */
  #domainWith({ tensors, domain }: Chain, y: Tensor): Shape | undefined {
    // Kernels store the type of their result.
    if (y.dtype !== tensors[0].dtype) return undefined;
    // A kernel may write four channels at a time: its epilogue must see them in one dimension.
    if (tensors[0].node.op.kind === "kernel" && y.shape.at(-1) !== tensors[0].shape.at(-1)) return undefined;
    if (mergesOnly(domain, y.shape)) return domain;
    return tensors.every((t) => mergesOnly(y.shape, t.shape)) ? y.shape : undefined;
  }

  #join({ inputs, outputs }: Node): void {
    this.#markStored(outputs[0]);
    for (const x of inputs) {
      const { base } = this.#view(x);
      this.#open.delete(base);
      if (!this.#ends.has(base)) this.#fitLeaves([x], this.maxBuffers - 1);
    }
  }

  /**
   * Stores a tensor that a stage reads, or cuts an epilogue, where a stage would bind too many buffers; false once
   * all fit. While deciding, leaves were counted before everything was known: a tensor stored later is read beside
   * its own leaves.
   */
  #mend(): boolean {
    const leaves = new LeafCounter(
      (t) => this.#view(t).base,
      (t) => this.#stored.has(t),
      (t) => this.#leaf(t),
    );
    for (const stage of this.#stages()) {
      if (stage.kind === "map" || stage.kind === "part") {
        const reads = stage.kind === "part" ? [stage.value] : stage.result.node.inputs;
        if (leaves.count(reads) > this.maxBuffers - 1 && this.#storeOneOf(reads, leaves)) return true;
        continue;
      }
      const { node, chain } = stage;
      const [, ...steps] = chain.tensors;
      const tail = steps.flatMap((t) => t.node.inputs.filter((x) => !chain.tensors.includes(x)));
      const reads = stage.kind === "reduce" ? node.inputs : [];
      const bound = leaves.count(reads);
      if (bound > this.maxBuffers - node.outputs.length && this.#storeOneOf(reads, leaves)) return true;
      const room = stage.kind === "reduce" ? this.maxBuffers - 1 - bound : this.seams.epilogueRoom(node);
      if (tail.length && leaves.count(tail) > room) {
        if (!this.#storeOneOf(tail, leaves)) this.#shorten(chain);
        return true;
      }
    }
    return false;
  }

  /** Stores that of several tensors which reads most; false where each reads one at most. */
  #storeOneOf(ts: readonly Tensor[], leaves: LeafCounter): boolean {
    const [inner] = ts
      .filter((t) => leaves.leavesOf(t).size > 1)
      .sort((a, b) => leaves.leavesOf(b).size - leaves.leavesOf(a).size);
    if (inner) this.#store(inner);
    return inner !== undefined;
  }

  /** Takes the last op out of an epilogue: it becomes a stage of its own. */
  #shorten({ tensors: [raw, ...steps], domain }: Chain): void {
    this.#ends.delete(steps.at(-1) ?? raw);
    const chain: Chain = { tensors: [raw, ...steps.slice(0, -1)], domain };
    this.#markStored(endOf(chain));
    this.#setChain(chain, 0);
  }

  #stages(): Stage[] {
    return cutIntoStages(this.graph, { stored: this.#stored, chains: this.#chains, ends: this.#ends });
  }
}
