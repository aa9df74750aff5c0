// Which results are not kept until they are used again but computed again, so that a plan fits a budget; and the
// graph in which they are. Candidates at a peak are results that wait there. Those go first that cost least for the
// bytes they give; a convolution goes only where what it reads is kept, so that what is computed again stays short.
import { ancestors } from "../ancestors.ts";
import { Node, type Tensor } from "../tensor.ts";
import { type Chain, type Fusion, type Stage, endOf, readsOf, writtenBy } from "../fuse/stage.ts";
import type { Plan } from "./plan.ts";
import type { Graph } from "../fuse/simplify.ts";

/** A stored tensor, or a join with all that is written straight into it. */
interface Result {
  readonly tensor: Tensor;
  readonly members: Set<Tensor>;
  readonly makers: Set<Stage>;
  /** Positions of stages that write and read it. */
  first: number;
  readonly uses: Set<number>;
  flops: number;
}

/** More operations a byte than moving it takes: what computes this much is not computed again lightly. */
const HEAVY = 16;
/** Smaller results are not worth a stage. */
const LEAST_BYTES = 1024;
/** Computing a result again must free at least this share of its bytes, beside what has to be kept for it. */
const LEAST_GAIN = 0.25;
/** An input so many times smaller than a result is kept for it, not computed again with it. */
const MUCH_SMALLER = 16;
/** How far back results are computed again for one that is. */
const DEPTH = 4;
/** Peaks that are tried, and how high they are beside the highest. */
const PEAKS = 16;
const HIGH = 1 / 2;

/**
 * The graph with enough of its results computed again to lower the peak by about `excess` bytes; undefined where none
 * is left to.
 */
export function recompute(graph: Graph, fusion: Fusion, plan: Plan, excess: number): Graph | undefined {
  const results = resultsOf(graph, fusion, plan);
  for (const peak of peaksOf(results, fusion.stages.length)) {
    const dropped = new Choice(peak, graph, fusion, results).choose(excess);
    if (dropped.size === 0) continue;
    const cuts = new Map([...dropped].flatMap((r) => [...r.members].map((t) => [t, peak] as const)));
    return new Rebuilder(graph, fusion, cuts).run();
  }
  return undefined;
}

const isSource = (t: Tensor): boolean => t.node.op.kind === "source";
const lastOf = (r: Result): number => Math.max(r.first, ...r.uses);

/** Stages at which most bytes are alive, the highest first: where nothing gives way there, a lower place may. */
function peaksOf(results: ReadonlyMap<Tensor, Result>, stages: number): number[] {
  const live = new Array<number>(stages).fill(0);
  for (const r of results.values())
    for (let s = r.first; s <= Math.min(lastOf(r), stages - 1); s++) live[s]! += r.tensor.bytes;
  const most = Math.max(...live);
  return live
    .map((bytes, s) => ({ bytes, s, before: live[s - 1] ?? 0, behind: live[s + 1] ?? 0 }))
    .filter(({ bytes, before, behind }) => bytes > most * HIGH && bytes >= before && bytes > behind)
    .sort((a, b) => b.bytes - a.bytes)
    .slice(0, PEAKS)
    .map(({ s }) => s);
}

/** Which results that wait at a peak are dropped there. */
class Choice {
  readonly #dropped = new Set<Result>();

  constructor(
    readonly peak: number,
    readonly graph: Graph,
    readonly fusion: Fusion,
    readonly results: ReadonlyMap<Tensor, Result>,
  ) {}

  choose(excess: number): ReadonlySet<Result> {
    const waiting = [...this.results.values()].filter(
      (r) => this.#waits(r) && this.#canRepeat(r) && r.tensor.bytes >= LEAST_BYTES,
    );
    // What only moves memory, the largest first; what computes much only where none of that is left.
    const light = waiting.filter((r) => !isHeavy(r)).sort((a, b) => b.tensor.bytes - a.tensor.bytes);
    this.#dropUntil(excess, light);
    if (this.#dropped.size > 0) return this.#dropped;
    const heavy = waiting
      .filter(isHeavy)
      .sort((a, b) => flopsPerByte(a) - flopsPerByte(b) || b.tensor.bytes - a.tensor.bytes);
    this.#dropUntil(excess, heavy);
    return this.#dropped;
  }

  /** Drops results in this order until that frees `excess` bytes. */
  #dropUntil(excess: number, ranked: readonly Result[]): void {
    let freed = 0;
    for (const r of ranked) {
      if (freed >= excess) return;
      if (this.#dropped.has(r)) continue;
      if (isHeavy(r) && this.#leavesOf(r).some((leaf) => this.#dropped.has(leaf))) continue;
      const along = new Set<Result>();
      const gain = r.tensor.bytes - this.#price(r, along, 0);
      if (gain < LEAST_GAIN * r.tensor.bytes) continue;
      freed += gain;
      this.#dropped.add(r);
      for (const other of along) this.#dropped.add(other);
    }
  }

  /**
   * Bytes that have to be kept, beyond what is kept anyway, to have `r` again later; `along`: results that are
   * computed again with it.
   */
  #price(r: Result, along: Set<Result>, depth: number): number {
    let bytes = 0;
    for (const leaf of this.#leavesOf(r)) {
      if (this.#dropped.has(leaf) || along.has(leaf) || this.#isAlive(leaf)) continue;
      const small = leaf.tensor.bytes * MUCH_SMALLER < r.tensor.bytes;
      if (!small && depth < DEPTH && this.#canRepeat(leaf) && !isHeavy(leaf)) {
        along.add(leaf);
        bytes += this.#price(leaf, along, depth + 1);
      } else bytes += leaf.tensor.bytes;
    }
    return bytes;
  }

  #isAlive(r: Result): boolean {
    return r.first <= this.peak && lastOf(r) >= this.peak;
  }

  /** Whether a result is made before the peak and read behind it, but not there. */
  #waits(r: Result): boolean {
    return r.first < this.peak && lastOf(r) > this.peak && !r.uses.has(this.peak);
  }

  #canRepeat(r: Result): boolean {
    const { op } = r.tensor.node;
    if (op.kind === "concat" && op.zeroFill) return false;
    if ([...r.members].some((t) => this.graph.roots.includes(t))) return false;
    return [...r.makers].every((stage) => {
      if (stage.kind === "reduce") return false;
      return stage.kind !== "kernel" || (stage.node.outputs.length === 1 && !stage.node.op.inPlace);
    });
  }

  /** The results that those stages read which make `r`. */
  #leavesOf(r: Result): Result[] {
    const read = [...r.makers].flatMap((stage) => [...readsOf(stage, this.fusion.stored)]);
    const owners = new Set(read.map((t) => ownerOf(t, this.fusion)));
    owners.delete(r.tensor);
    return [...owners].flatMap((t) => this.results.get(t) ?? []);
  }
}

const flopsPerByte = (r: Result): number => r.flops / r.tensor.bytes;
const isHeavy = (r: Result): boolean => r.flops > HEAVY * r.tensor.bytes;

/** The tensor whose memory holds a stored one. */
const ownerOf = (t: Tensor, { residences }: Fusion): Tensor => residences.get(t)?.into ?? t;

/** The results of a plan, by the tensor whose memory holds them. */
function resultsOf(graph: Graph, fusion: Fusion, plan: Plan): ReadonlyMap<Tensor, Result> {
  const flops = new Map<Stage, number>();
  for (const { stage, dispatches } of plan.stages)
    flops.set(
      stage,
      dispatches.reduce((n, d) => n + d.cost.flops, 0),
    );
  const results = new Map<Tensor, Result>();
  const resultOf = (t: Tensor): Result => {
    const tensor = ownerOf(t, fusion);
    const known = results.get(tensor);
    known?.members.add(t);
    if (known) return known;
    const members = new Set([tensor, t]);
    const made: Result = { tensor, members, makers: new Set(), first: Infinity, uses: new Set(), flops: 0 };
    results.set(tensor, made);
    return made;
  };
  fusion.stages.forEach((stage, s) => {
    for (const t of madeBy(stage)) {
      if (t.node.op.inPlace) continue;
      const r = resultOf(t);
      r.first = Math.min(r.first, s);
      if (!r.makers.has(stage)) r.flops += flops.get(stage) ?? 0;
      r.makers.add(stage);
    }
    for (const t of readsOf(stage, fusion.stored)) if (!isSource(t) && !t.node.op.inPlace) resultOf(t).uses.add(s);
  });
  for (const [t] of fusion.residences) resultOf(t);
  for (const root of graph.roots) results.get(root)?.uses.add(fusion.stages.length);
  for (const [t, r] of results) if (r.first === Infinity) results.delete(t);
  return results;
}

/** What a stage writes, joined tensors among it. */
function madeBy(stage: Stage): readonly Tensor[] {
  if (stage.kind === "part") return [stage.into];
  const duplicate = stage.kind === "map" ? stage.duplicate : undefined;
  return duplicate ? [...writtenBy(stage), duplicate.into] : writtenBy(stage);
}

/** The same graph, stage by stage, where what was cut is computed again for the stages behind its cut. */
class Rebuilder {
  readonly #made = new Map<Tensor, Tensor>();
  readonly #again = new Map<Tensor, Tensor>();
  readonly #makers = new Map<Tensor, Stage>();

  /** `cuts`: for each tensor that is not kept, the position in the order of stages up to which it is. */
  constructor(
    readonly graph: Graph,
    readonly fusion: Fusion,
    readonly cuts: ReadonlyMap<Tensor, number>,
  ) {
    for (const stage of fusion.stages) for (const t of writtenBy(stage)) this.#makers.set(t, stage);
  }

  run(): Graph {
    this.fusion.stages.forEach((stage, s) => {
      for (const t of writtenBy(stage)) if (!this.#made.has(t)) this.#make(t, s, this.#made);
    });
    const end = this.fusion.stages.length;
    const roots = this.graph.roots.map((t) => this.#value(t, end, new Map()));
    return { nodes: ancestors(roots), roots };
  }

  /** A stored tensor as a stage at this position reads it. */
  #stored(t: Tensor, position: number): Tensor {
    if (isSource(t)) return t;
    const cut = this.cuts.get(t);
    const from = cut !== undefined && position > cut ? this.#again : this.#made;
    if (!from.has(t)) this.#make(t, position, from);
    return from.get(t)!;
  }

  /** A tensor within one stage: what is not stored is repeated for each stage. */
  #value(t: Tensor, position: number, own: Map<Tensor, Tensor>): Tensor {
    if (this.fusion.stored.has(t)) return this.#stored(t, position);
    if (isSource(t)) return t;
    const known = own.get(t);
    if (known) return known;
    const { op, inputs, attrs, site } = t.node;
    const node = new Node(
      op,
      inputs.map((x) => this.#value(x, position, own)),
      attrs,
      site,
    );
    const value = node.outputs[t.index]!;
    own.set(t, value);
    return value;
  }

  /** Makes what the stage of `t` stores: an op's results, or the end of its chain. */
  #make(t: Tensor, position: number, into: Map<Tensor, Tensor>): void {
    const stage = this.#makers.get(t);
    const own = new Map<Tensor, Tensor>();
    const ofNode = stage?.kind === "kernel" || stage?.kind === "reduce" ? stage : undefined;
    const node = ofNode?.node ?? t.node;
    const inputs = node.inputs.map((x) => this.#value(x, position, own));
    const { outputs } = new Node(node.op, inputs, node.attrs, node.site);
    if (!ofNode || ofNode.chain.tensors.length === 1) {
      node.outputs.forEach((y, i) => into.set(y, outputs[i]!));
      return;
    }
    into.set(endOf(ofNode.chain), this.#chain(ofNode.chain, outputs[0], position, own));
  }

  /** The end of a chain, computed again from its raw value. */
  #chain({ tensors: [raw, ...steps] }: Chain, value: Tensor, position: number, own: Map<Tensor, Tensor>): Tensor {
    own.set(raw, value);
    let end = value;
    for (const t of steps) {
      const { op, inputs, attrs, site } = t.node;
      const node = new Node(
        op,
        inputs.map((x) => own.get(x) ?? this.#value(x, position, own)),
        attrs,
        site,
      );
      end = node.outputs[t.index]!;
      own.set(t, end);
    }
    return end;
  }
}
