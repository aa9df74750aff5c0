// What is stored and what is recomputed: cuts the graph into stages, each one kernel's worth of work.
//
// Stored are the results of kernels, reductions and joins, what kernels read, and what a program gives out.
// Elementwise ops and views live inside the stages that read them, unless several readers would repeat too much. An
// elementwise chain that is the only reader of a kernel's result becomes that kernel's epilogue, and only the chain's
// end is stored.
import { constantOp, constantValue, iotaOp } from "../constant.ts";
import type { ConcatOp, ElementwiseOp } from "../op.ts";
import type { Shape } from "../shape.ts";
import type { Node, Tensor } from "../tensor.ts";
import { bytesPerElement } from "../dtype.ts";
import { type Alias, aliasOf, mergesOnly } from "./access.ts";
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

interface Cost {
  /** Stored tensors that a reader must read. */
  readonly leaves: ReadonlySet<Tensor>;
  /** Operations per element, and how many ops. */
  readonly flops: number;
  readonly ops: number;
}

export function fuse(graph: Graph, limits: BindingLimits, seams: KernelSeams): Fusion {
  return new Fuser(graph, limits, seams).run();
}

const MAX_OPS = 64;

class Fuser {
  readonly #stored = new Set<Tensor>();
  readonly #costs = new Map<Tensor, Cost>();
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
        canPlace: this.seams.canPlace,
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
        if (op !== constantOp && op !== iotaOp) outputs.forEach((t) => this.#markStored(t));
        else outputs.forEach((t) => this.#costs.set(t, { leaves: new Set(), flops: 0, ops: 0 }));
        return;
      case "kernel":
        for (const x of inputs) this.#storeAligned(x, OFFSET_ALIGNMENT);
        this.#openChain(node, this.seams.epilogueRoom(node));
        return;
      case "reduce":
        this.#fitLeaves(inputs, this.maxBuffers - outputs.length);
        this.#openChain(node, this.maxBuffers - 1 - this.#cost(inputs[0]).leaves.size);
        return;
      case "concat":
        this.#join(node);
        return;
      case "movement": {
        const [x] = inputs;
        const [y] = outputs;
        if (this.#grows(node, y)) return;
        const small = x.size * 4 <= y.size;
        const cost = this.#cost(x);
        // Repeating a small tensor's arithmetic for every element of a large one.
        if (small && !this.#isStoredView(x) && (cost.flops > 8 || cost.leaves.size > 2)) this.#store(x);
        if (!("view" in op && op.view) && !this.#isStoredView(x) && !mergesOnly(y.shape, x.shape)) this.#store(x);
        this.#costs.set(
          y,
          this.#isStoredView(x) ? { leaves: this.#leaf(this.#view(x).base), flops: 0, ops: 0 } : this.#cost(x),
        );
        return;
      }
      case "elementwise": {
        const [y] = outputs;
        if (this.#grows(node, y)) return;
        this.#fitLeaves(inputs, this.maxBuffers - 1);
        const parts = inputs.map((x) => this.#cost(x));
        const leaves = new Set(parts.flatMap((c) => [...c.leaves]));
        const own = (op as ElementwiseOp).flops;
        const cost = {
          leaves,
          flops: own + parts.reduce((n, c) => n + c.flops, 0),
          ops: 1 + parts.reduce((n, c) => n + c.ops, 0),
        };
        this.#costs.set(y, cost);
        const uses = this.#uses(y);
        const full = [...leaves].filter((t) => t.size * 2 >= y.size).length;
        if (uses > 1 && (cost.flops > 12 || uses * full > full + 1 + uses)) this.#storeNarrow(y);
      }
    }
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

  #cost(t: Tensor): Cost {
    return this.#costs.get(t)!;
  }

  /** What a reader of a stored tensor binds. */
  #leaf(t: Tensor): ReadonlySet<Tensor> {
    return new Set([this.#kin.get(t) ?? t]);
  }

  #isStoredView(t: Tensor): boolean {
    return this.#stored.has(this.#view(t).base);
  }

  #markStored(t: Tensor): void {
    this.#stored.add(t);
    this.#costs.set(t, { leaves: this.#leaf(t), flops: 0, ops: 0 });
  }

  #store(t: Tensor): void {
    this.#open.delete(t);
    if (!this.#stored.has(t)) this.#markStored(t);
  }

  /** Stores y, or what y is an f32 cast of where that is f16: half the bytes. */
  #storeNarrow(y: Tensor): void {
    const [x] = y.node.inputs;
    if (y.node.op.name !== "cast" || x.dtype !== "f16" || this.#isStoredView(x)) return this.#store(y);
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
      if (!heaviest) throw new Error(`internal: an op with ${inputs.length} inputs needs more than ${limit} buffers`);
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
  #grows(node: Node, y: Tensor): boolean {
    if (node.op.kind === "movement" && node.op.view) return false;
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
      if (leaves.size > room || ops > MAX_OPS / 2) continue;
      this.#stored.delete(x);
      this.#open.delete(x);
      this.#ends.delete(x);
      this.#markStored(y);
      this.#setChain({ tensors: [...chain.tensors, y], domain }, room - leaves.size);
      return true;
    }
    return false;
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
    const known = new Map<Tensor, ReadonlySet<Tensor>>();
    const leaves = (t: Tensor): ReadonlySet<Tensor> => {
      const base = this.#view(t).base;
      if (this.#stored.has(base)) return this.#leaf(base);
      let found = known.get(t);
      if (!found) known.set(t, (found = new Set(t.node.inputs.flatMap((x) => [...leaves(x)]))));
      return found;
    };
    const all = (ts: readonly Tensor[]): number => new Set(ts.flatMap((t) => [...leaves(t)])).size;
    const storeOneOf = (ts: readonly Tensor[]): boolean => {
      const inner = ts
        .flatMap((t) => (leaves(t).size > 1 ? [t] : []))
        .sort((a, b) => leaves(b).size - leaves(a).size)[0];
      if (!inner) return false;
      this.#store(inner);
      return true;
    };
    for (const stage of this.#stages()) {
      if (stage.kind === "map" || stage.kind === "part") {
        const reads = stage.kind === "part" ? [stage.value] : stage.result.node.inputs;
        if (all(reads) > this.maxBuffers - 1 && storeOneOf(reads)) return true;
        continue;
      }
      const { node, chain } = stage;
      const tail = chain.tensors.slice(1).flatMap((t) => t.node.inputs.filter((x) => !chain.tensors.includes(x)));
      const reads = stage.kind === "reduce" ? node.inputs : [];
      if (all(reads) > this.maxBuffers - node.outputs.length && storeOneOf(reads)) return true;
      const room = stage.kind === "reduce" ? this.maxBuffers - 1 - all(reads) : this.seams.epilogueRoom(node);
      if (tail.length && all(tail) > room) {
        if (!storeOneOf(tail)) this.#shorten(chain);
        return true;
      }
    }
    return false;
  }

  /** Takes the last op out of an epilogue: it becomes a stage of its own. */
  #shorten({ tensors, domain }: Chain): void {
    this.#ends.delete(tensors[tensors.length - 1]);
    const chain = { tensors: tensors.slice(0, -1), domain };
    this.#markStored(endOf(chain));
    this.#setChain(chain, 0);
  }

  #stages(): Stage[] {
    const stages: Stage[] = [];
    for (const node of this.graph.nodes) {
      const { op, outputs } = node;
      if (op.kind === "kernel" || op.kind === "reduce") {
        const chain = this.#chains.get(outputs[0]) ?? { tensors: [outputs[0]], domain: outputs[0].shape };
        stages.push({ kind: op.kind, node, chain, order: endOf(chain).node.id });
      } else if (op.kind === "concat") {
        (op as ConcatOp).views(node.inputs, node.attrs).forEach((view, i) => {
          const value = node.inputs[i];
          // What nothing writes stays zero where gaps are zero.
          const isGap = op.zeroFill === true && constantValue(value) === 0;
          if (isGap || value.size === 0) return;
          stages.push({ kind: "part", value, into: outputs[0], view, order: node.id });
        });
      } else {
        for (const t of outputs) {
          const external = op.kind === "source" && op !== constantOp && op !== iotaOp;
          if (this.#stored.has(t) && !external && !this.#ends.has(t))
            stages.push({ kind: "map", result: t, order: node.id });
        }
      }
    }
    return stages.sort((a, b) => a.order - b.order);
  }
}
