// Joined tensors without copies. A part is written straight into the joined tensor by its producer, or once more by
// it; a join whose parts stand side by side in a larger join is a view of that one: a dense block of n layers joins
// once, not n times.
import type { Attrs, ConcatOp, OpInputs, View } from "../op.ts";
import { bytesPerElement } from "../dtype.ts";
import type { Node, Tensor } from "../tensor.ts";
import { type Residence, aliasOf, isContiguous, mergesOnly, reshapeAccess, viewThrough } from "./access.ts";
import {
  type BindingLimits,
  type KernelSeams,
  OFFSET_ALIGNMENT,
  type Stage,
  endOf,
  rawOf,
  readsOf,
  writtenBy,
} from "./stage.ts";
import type { Graph } from "./simplify.ts";

/** A graph that is cut into stages, before joins are looked at. */
export interface CutGraph {
  readonly graph: Graph;
  readonly stages: readonly Stage[];
  readonly stored: ReadonlySet<Tensor>;
  readonly readers: ReadonlyMap<Tensor, readonly Node[]>;
  readonly limits: BindingLimits;
  readonly seams: KernelSeams;
}

/** Who resides where, and the stages that are left. */
export interface Resided {
  readonly residences: ReadonlyMap<Tensor, Residence>;
  readonly kept: Stage[];
}

export function reside(cut: CutGraph): Resided {
  return new Resident(cut).run();
}

/** Whether a view of a tensor's shape is a run that a binding can begin with. */
export const isRun = (view: View, { shape, dtype }: Tensor): boolean =>
  isContiguous(view, shape) && (view.offset * bytesPerElement(dtype)) % OFFSET_ALIGNMENT === 0;

type Part = Extract<Stage, { kind: "part" }>;

class Resident {
  readonly #residences = new Map<Tensor, Residence>();
  readonly #roots: ReadonlySet<Tensor>;
  /** The stage that makes a stored tensor. */
  readonly #makers = new Map<Tensor, Stage>();
  readonly #denied = new Set<Tensor>();

  constructor(readonly cut: CutGraph) {
    this.#roots = new Set(cut.graph.roots);
    for (const stage of cut.stages) for (const t of writtenBy(stage)) this.#makers.set(t, stage);
  }

  run(): Resided {
    const joins = this.cut.graph.nodes
      .filter((n) => n.op.kind === "concat")
      .sort((a, b) => b.inputs.length - a.inputs.length);
    do {
      this.#residences.clear();
      for (const join of joins) this.#asPartOfAnother(join, joins);
      for (const stage of this.cut.stages)
        if (stage.kind === "part" && !this.#residences.has(stage.into)) this.#writtenInPlace(stage);
    } while (this.#conflicts());
    return { residences: this.#residences, kept: this.#stages() };
  }

  /** A join whose inputs are some of a longer one's, in its order and axis, where all readers can follow strides. */
  #asPartOfAnother(join: Node, joins: readonly Node[]): void {
    const [y] = join.outputs;
    if (join.op.kind !== "concat" || join.op.zeroFill || this.#denied.has(y) || !this.#followsStrides(y)) return;
    for (const other of joins) {
      if (other.op !== join.op || other.inputs.length <= join.inputs.length) continue;
      const [into] = other.outputs;
      if (this.#residences.has(into) || into.bytes > this.cut.limits.maxBindingBytes) continue;
      const view = viewWithin(join, other, join.op);
      if (!view) continue;
      this.#residences.set(y, { into, view });
      return;
    }
  }

  /** Lets the producer of a part write it where it belongs, if it can and all other readers find it there. */
  #writtenInPlace(part: Part): void {
    const { value, into, view } = part;
    const base = this.#baseOf(value);
    const maker = this.#makers.get(base);
    if (!maker || maker.kind === "part" || !this.#canMove(base) || base.size !== value.size) return;
    if (this.cut.stages.filter((s) => s.kind === "part" && s.into === into && s.value === value).length > 1) return;
    const access = reshapeAccess(base.shape, value.shape);
    if (!access) return;
    const placed = viewThrough(access, view, base.rank);
    const aligned = isRun(placed, base);
    const onlyHere = this.cut.readers.get(base)?.length === 1;
    if (into.bytes > this.cut.limits.maxBindingBytes && !(aligned && onlyHere && maker.kind !== "map")) return;
    if (!aligned && !this.#followsStrides(base)) return;
    if (aligned || this.#canWriteAt(maker, base, placed)) this.#residences.set(base, { into, view: placed });
  }

  /** Whether a stored tensor may stand within another. */
  #canMove(t: Tensor): boolean {
    return !this.#residences.has(t) && !this.#denied.has(t) && !this.#roots.has(t);
  }

  /** Whether the stage that makes a tensor can write its elements wherever a view has them. */
  #canWriteAt(maker: Stage, t: Tensor, view: View): boolean {
    if (maker.kind === "map") return true;
    return (
      maker.kind === "kernel" &&
      maker.node.outputs.length === 1 &&
      endOf(maker.chain) === t &&
      rawOf(maker.chain).shape.join() === t.shape.join() &&
      this.cut.seams.canPlace(maker.node, view)
    );
  }

  /** Whether everything that reads t computes its own indices. */
  #followsStrides(t: Tensor): boolean {
    if (this.#roots.has(t)) return false;
    return (this.cut.readers.get(t) ?? []).every(({ op, outputs: [y] }) => {
      if (op.kind === "kernel") return false;
      if (op.kind !== "movement") return true;
      if (op.view === undefined && !mergesOnly(y.shape, t.shape)) return false;
      return this.cut.stored.has(y) || this.#followsStrides(y);
    });
  }

  /** The tensor whose memory holds t. */
  #ownerOf(t: Tensor): Tensor {
    const residence = this.#residences.get(t);
    return residence ? this.#ownerOf(residence.into) : t;
  }

  /**
   * One buffer can't be read and written by one dispatch: what a stage reads of the tensor it writes to gets memory
   * of its own.
   */
  #conflicts(): boolean {
    const before = this.#denied.size;
    for (const stage of this.cut.stages) {
      if (stage.kind === "part" && this.#isWritten(stage)) continue;
      const written = stage.kind === "part" ? [stage.into] : writtenBy(stage);
      const targets = new Set(written.map((t) => this.#ownerOf(t)));
      for (const leaf of readsOf(stage, this.cut.stored))
        if (targets.has(this.#ownerOf(leaf)) && this.#residences.has(leaf)) this.#denied.add(leaf);
    }
    return this.#denied.size > before;
  }

  /** Whether a part needs no stage: its producer writes it, or it belongs to a join that is a view of another. */
  #isWritten({ value, into }: Part): boolean {
    return this.#residences.has(into) || this.#residences.get(this.#baseOf(value))?.into === into;
  }

  #baseOf(t: Tensor): Tensor {
    return aliasOf(t, (x) => this.cut.stored.has(x)).base;
  }

  /** The stages that are left: parts without a writer, as a second target of their producer where that works. */
  #stages(): Stage[] {
    const kept: Stage[] = [];
    const duplicates = new Map<Tensor, Residence>();
    const orders = this.#ordersOfParts();
    for (const stage of this.cut.stages) {
      if (stage.kind !== "part") kept.push(stage);
      else if (this.#isWritten(stage)) continue;
      else if (this.#isWrittenTwice(stage, duplicates))
        duplicates.set(stage.value, { into: stage.into, view: stage.view });
      else kept.push({ ...stage, order: orders.get(stage.into)?.get(stage.value) ?? stage.order });
    }
    return kept
      .map((s): Stage => (s.kind === "map" ? { ...s, duplicate: duplicates.get(s.result) } : s))
      .sort((a, b) => a.order - b.order);
  }

  /** By joined tensor and part: a part is written as soon as the first join that holds it needs it. */
  #ordersOfParts(): ReadonlyMap<Tensor, ReadonlyMap<Tensor, number>> {
    const orders = new Map<Tensor, Map<Tensor, number>>();
    for (const stage of this.cut.stages) {
      if (stage.kind !== "part") continue;
      const target = this.#residences.get(stage.into)?.into ?? stage.into;
      const known = orders.get(target) ?? new Map<Tensor, number>();
      orders.set(target, known);
      known.set(stage.value, Math.min(known.get(stage.value) ?? Infinity, stage.order));
    }
    return orders;
  }

  /** Whether the elementwise stage that makes a part can write it into the joined tensor too. */
  #isWrittenTwice({ value, into }: Part, duplicates: ReadonlyMap<Tensor, Residence>): boolean {
    if (this.#baseOf(value) !== value || duplicates.has(value) || this.#residences.has(value)) return false;
    const maker = this.#makers.get(value);
    return maker?.kind === "map" && this.#roomFor(maker, into);
  }

  /** Whether a stage that writes its result twice binds neither too much nor what it reads. */
  #roomFor(maker: Stage, into: Tensor): boolean {
    const { maxStorageBuffers, maxBindingBytes } = this.cut.limits;
    const reads = new Set([...readsOf(maker, this.cut.stored)].map((t) => this.#residences.get(t)?.into ?? t));
    return into.bytes <= maxBindingBytes && reads.size + 2 <= maxStorageBuffers && !reads.has(into);
  }
}

/**
 * Where a join stands within a longer one of the same op; undefined where its inputs do not follow each other there,
 * along the same axis.
 */
function viewWithin(join: Node, longer: Node, op: ConcatOp<Attrs, OpInputs>): View | undefined {
  const [x] = join.inputs;
  if (!x) return undefined;
  const first = longer.inputs.indexOf(x);
  if (first < 0 || !join.inputs.every((t, i) => longer.inputs[first + i] === t)) return undefined;
  const views = op.views(longer.inputs, longer.attrs).slice(first);
  const own = op.views(join.inputs, join.attrs);
  const { offset, strides } = views[0]!;
  const along = strides.findIndex((_, d) => join.outputs[0].shape[d] !== x.shape[d]);
  if (along < 0) return undefined;
  // Equal steps between parts: the same axis, and nothing between them.
  const follow = own.every((view, i) => {
    const coordinate = view.offset / view.strides[along]!;
    return views[i]!.offset - offset === coordinate * strides[along]!;
  });
  return follow ? { offset, strides } : undefined;
}
