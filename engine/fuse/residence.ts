// Joined tensors without copies. A part is written straight into the joined tensor by its producer, or once more by
// it; a join whose parts stand side by side in a larger join is a view of that one: a dense block of n layers joins
// once, not n times.
import type { View } from "../op.ts";
import { bytesPerElement } from "../dtype.ts";
import type { Node, Tensor } from "../tensor.ts";
import { type Residence, aliasOf, isContiguous, mergesOnly, reshapeAccess, viewThrough } from "./access.ts";
import { type BindingLimits, OFFSET_ALIGNMENT, type Stage, endOf, rawOf, readsOf, writtenBy } from "./stage.ts";
import type { Graph } from "./simplify.ts";

interface Given {
  readonly graph: Graph;
  readonly stages: readonly Stage[];
  readonly stored: ReadonlySet<Tensor>;
  readonly readers: ReadonlyMap<Tensor, readonly Node[]>;
  readonly limits: BindingLimits;
  canPlace(node: Node, view: View): boolean;
}

/** Who resides where, and the stages that are left. */
export function reside(given: Given): { residences: ReadonlyMap<Tensor, Residence>; kept: Stage[] } {
  return new Resident(given).run();
}

type Part = Extract<Stage, { kind: "part" }>;

class Resident {
  readonly #homes = new Map<Tensor, Residence>();
  readonly #roots: ReadonlySet<Tensor>;
  /** The stage that makes a stored tensor. */
  readonly #makers = new Map<Tensor, Stage>();
  readonly #denied = new Set<Tensor>();

  constructor(readonly given: Given) {
    this.#roots = new Set(given.graph.roots);
    for (const stage of given.stages) for (const t of writtenBy(stage)) this.#makers.set(t, stage);
  }

  run(): { residences: ReadonlyMap<Tensor, Residence>; kept: Stage[] } {
    const joins = this.given.graph.nodes
      .filter((n) => n.op.kind === "concat")
      .sort((a, b) => b.inputs.length - a.inputs.length);
    do {
      this.#homes.clear();
      for (const join of joins) this.#asPartOfAnother(join, joins);
      for (const stage of this.given.stages)
        if (stage.kind === "part" && !this.#homes.has(stage.into)) this.#writtenInPlace(stage);
    } while (this.#conflicts());
    return { residences: this.#homes, kept: this.#stages() };
  }

  /** A join whose inputs are some of a longer one's, in its order and axis, where all readers can follow strides. */
  #asPartOfAnother(join: Node, joins: readonly Node[]): void {
    const {
      op,
      inputs,
      outputs: [y],
    } = join;
    if (op.kind !== "concat" || op.zeroFill || this.#denied.has(y) || !this.#followsStrides(y)) return;
    for (const other of joins) {
      if (
        other.op !== op ||
        other.inputs.length <= inputs.length ||
        this.#homes.has(other.outputs[0]) ||
        other.outputs[0].bytes > this.given.limits.maxBindingBytes
      )
        continue;
      const first = other.inputs.indexOf(inputs[0]);
      if (first < 0 || !inputs.every((x, i) => other.inputs[first + i] === x)) continue;
      const views = op.views(other.inputs, other.attrs);
      const own = op.views(inputs, join.attrs);
      // Equal steps between parts: the same axis, and nothing between them.
      const strides = views[first].strides;
      const along = strides.findIndex((_, d) => y.shape[d] !== inputs[0].shape[d]);
      if (
        along < 0 ||
        !inputs.every(
          (x, i) =>
            views[first + i].offset - views[first].offset === (own[i].offset / own[i].strides[along]) * strides[along],
        )
      )
        continue;
      this.#homes.set(y, { into: other.outputs[0], view: { offset: views[first].offset, strides } });
      return;
    }
  }

  /** Lets the producer of a part write it where it belongs, if it can and all other readers find it there. */
  #writtenInPlace({ value, into, view }: Part): void {
    const base = this.#baseOf(value);
    const maker = this.#makers.get(base);
    if (
      !maker ||
      maker.kind === "part" ||
      this.#homes.has(base) ||
      this.#denied.has(base) ||
      this.#roots.has(base) ||
      base.size !== value.size
    )
      return;
    if (this.given.stages.filter((s) => s.kind === "part" && s.into === into && s.value === value).length > 1) return;
    const access = reshapeAccess(base.shape, value.shape);
    if (!access) return;
    const placed = viewThrough(access, view, base.rank);
    const aligned =
      isContiguous(placed, base.shape) && (placed.offset * bytesPerElement(base.dtype)) % OFFSET_ALIGNMENT === 0;
    const onlyHere = this.given.readers.get(base)?.length === 1;
    if (into.bytes > this.given.limits.maxBindingBytes && !(aligned && onlyHere && maker.kind !== "map")) return;
    if (!aligned && !this.#followsStrides(base)) return;
    const can =
      maker.kind === "map" ||
      aligned ||
      (maker.kind === "kernel" &&
        maker.node.outputs.length === 1 &&
        endOf(maker.chain) === base &&
        rawOf(maker.chain).shape.join() === base.shape.join() &&
        this.given.canPlace(maker.node, placed));
    if (can) this.#homes.set(base, { into, view: placed });
  }

  /** Whether everything that reads t computes its own indices. */
  #followsStrides(t: Tensor): boolean {
    if (this.#roots.has(t)) return false;
    return (this.given.readers.get(t) ?? []).every((node) => {
      if (node.op.kind === "kernel") return false;
      if (node.op.kind !== "movement") return true;
      const [y] = node.outputs;
      return this.given.stored.has(y)
        ? node.op.view !== undefined || mergesOnly(y.shape, t.shape)
        : (node.op.view !== undefined || mergesOnly(y.shape, t.shape)) && this.#followsStrides(y);
    });
  }

  /**
   * One buffer can't be read and written by one dispatch: what a stage reads of the tensor it writes to gets a home
   * of its own.
   */
  #conflicts(): boolean {
    const before = this.#denied.size;
    const owner = (t: Tensor): Tensor => {
      const home = this.#homes.get(t);
      return home ? owner(home.into) : t;
    };
    for (const stage of this.given.stages) {
      if (stage.kind === "part" && this.#isWritten(stage)) continue;
      const targets = new Set((stage.kind === "part" ? [stage.into] : writtenBy(stage)).map(owner));
      for (const leaf of readsOf(stage, this.given.stored))
        if (targets.has(owner(leaf)) && this.#homes.has(leaf)) this.#denied.add(leaf);
    }
    return this.#denied.size > before;
  }

  /** Whether a part needs no stage: its producer writes it, or it belongs to a join that is a view of another. */
  #isWritten({ value, into }: Part): boolean {
    return this.#homes.has(into) || this.#homes.get(this.#baseOf(value))?.into === into;
  }

  #baseOf(t: Tensor): Tensor {
    return aliasOf(t, (x) => this.given.stored.has(x)).base;
  }

  #stages(): Stage[] {
    const kept: Stage[] = [];
    const again = new Map<Tensor, Residence>();
    /** A part is written as soon as the first join that holds it needs it. */
    const orders = new Map<Tensor, Map<Tensor, number>>();
    for (const stage of this.given.stages) {
      if (stage.kind !== "part") continue;
      const target = this.#homes.get(stage.into)?.into ?? stage.into;
      const known = orders.get(target) ?? new Map<Tensor, number>();
      orders.set(target, known.set(stage.value, Math.min(known.get(stage.value) ?? Infinity, stage.order)));
    }
    for (const stage of this.given.stages) {
      if (stage.kind !== "part") {
        kept.push(stage);
        continue;
      }
      if (this.#isWritten(stage)) continue;
      const base = this.#baseOf(stage.value);
      const maker = this.#makers.get(base);
      const order = orders.get(stage.into)!.get(stage.value)!;
      if (
        base === stage.value &&
        maker?.kind === "map" &&
        !again.has(base) &&
        !this.#homes.has(base) &&
        this.#roomFor(maker, stage.into)
      )
        again.set(base, { into: stage.into, view: stage.view });
      else kept.push({ ...stage, order });
    }
    return kept
      .map((s): Stage => (s.kind === "map" && again.has(s.result) ? { ...s, also: again.get(s.result)! } : s))
      .sort((a, b) => a.order - b.order);
  }

  /** Whether a stage that writes its result twice binds neither too much nor what it reads. */
  #roomFor(maker: Stage, into: Tensor): boolean {
    const { maxStorageBuffers, maxBindingBytes } = this.given.limits;
    const reads = new Set([...readsOf(maker, this.given.stored)].map((t) => this.#homes.get(t)?.into ?? t));
    return into.bytes <= maxBindingBytes && reads.size + 2 <= maxStorageBuffers && !reads.has(into);
  }
}
