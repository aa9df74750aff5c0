// Which results are not kept until they are used again but computed again, so that a plan fits a budget; and the
// graph in which they are. Candidates at a peak are results that wait there. Those go first that cost least for the
// bytes they give; a convolution goes only where what it reads is kept, so that what is computed again stays short.
import { ancestors } from "../grad.ts";
import { Node, type Tensor } from "../tensor.ts";
import { type Chain, type Fusion, type Stage, endOf, readsOf, writtenBy } from "../fuse/stage.ts";
import type { Plan } from "../plan/plan.ts";
import type { Graph } from "../fuse/simplify.ts";

/** A memory of its own: a stored tensor, or a join with all that is written straight into it. */
interface Unit {
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

/**
 * The graph with enough of its results computed again to lower the peak by about `excess` bytes; undefined where none
 * is left to.
 */
export function recompute(graph: Graph, fusion: Fusion, plan: Plan, excess: number): Graph | undefined {
  const cuts = choose(graph, fusion, plan, excess);
  return cuts.size ? new Rebuilder(graph, fusion, cuts).run() : undefined;
}

const isSource = (t: Tensor): boolean => t.node.op.kind === "source";

/** For each tensor that is not kept, the position in the order of stages up to which it is. */
function choose(graph: Graph, fusion: Fusion, plan: Plan, excess: number): ReadonlyMap<Tensor, number> {
  const units = unitsOf(graph, fusion, plan);
  const live = fusion.stages.map(() => 0);
  for (const u of units.values())
    for (let s = u.first; s <= lastOf(u) && s < live.length; s++) live[s] += u.tensor.bytes;
  const most = Math.max(...live);
  // Where nothing gives way at the peak itself, a place almost as high may.
  const places = live
    .map((bytes, s) => ({ bytes, s }))
    .filter(({ bytes, s }) => bytes > most / 2 && bytes >= (live[s - 1] ?? 0) && bytes > (live[s + 1] ?? 0))
    .sort((a, b) => b.bytes - a.bytes);
  for (const { s } of places.slice(0, 16)) {
    const cuts = chooseAt(s, graph, fusion, units, excess);
    if (cuts.size) return cuts;
  }
  return new Map();
}

function chooseAt(
  peak: number,
  graph: Graph,
  fusion: Fusion,
  units: ReadonlyMap<Tensor, Unit>,
  excess: number,
): ReadonlyMap<Tensor, number> {
  const owner = (t: Tensor): Tensor => fusion.residences.get(t)?.into ?? t;
  const waits = (u: Unit): boolean => u.first < peak && lastOf(u) > peak && !u.uses.has(peak);
  const isAlive = (u: Unit): boolean => u.first <= peak && lastOf(u) >= peak;
  const heavy = (u: Unit): boolean => u.flops > HEAVY * u.tensor.bytes;
  const canRepeat = (u: Unit): boolean =>
    [...u.makers].every((s) => s.kind !== "kernel" || (s.node.outputs.length === 1 && !s.node.op.inPlace)) &&
    !(u.tensor.node.op.kind === "concat" && u.tensor.node.op.zeroFill) &&
    [...u.makers].every((s) => s.kind !== "reduce") &&
    [...u.members].every((t) => !graph.roots.includes(t));
  const leavesOf = (u: Unit): Unit[] =>
    [...new Set([...u.makers].flatMap((s) => [...readsOf(s, fusion.stored)]).map(owner))].flatMap((t) =>
      t === u.tensor ? [] : (units.get(t) ?? []),
    );

  const out = new Set<Unit>();
  let freed = 0;
  /** What it takes to have `u` again later, beyond what is kept: bytes to keep, units to compute again with it. */
  const price = (u: Unit, along: Set<Unit>, depth: number): number => {
    let bytes = 0;
    for (const leaf of leavesOf(u)) {
      if (out.has(leaf) || along.has(leaf) || (isAlive(leaf) && !out.has(leaf))) continue;
      const small = leaf.tensor.bytes * 16 < u.tensor.bytes;
      if (!small && depth < 4 && canRepeat(leaf) && !heavy(leaf)) {
        along.add(leaf);
        bytes += price(leaf, along, depth + 1);
      } else bytes += leaf.tensor.bytes;
    }
    return bytes;
  };
  const rank = (u: Unit): number => u.flops / u.tensor.bytes;
  const waiting = [...units.values()].filter((u) => waits(u) && canRepeat(u) && u.tensor.bytes >= 1024);
  for (const weighty of [false, true]) {
    if (weighty && out.size) break;
    for (const u of waiting
      .filter((c) => heavy(c) === weighty)
      .sort((a, b) => (weighty ? rank(a) - rank(b) : 0) || b.tensor.bytes - a.tensor.bytes)) {
      if (freed >= excess) break;
      if (out.has(u)) continue;
      if (weighty && leavesOf(u).some((l) => out.has(l))) continue;
      const along = new Set<Unit>();
      const gain = u.tensor.bytes - price(u, along, 0);
      if (gain < 0.25 * u.tensor.bytes) continue;
      freed += gain;
      out.add(u);
      for (const a of along) out.add(a);
    }
  }
  return new Map([...out].flatMap((u) => [...u.members].map((t) => [t, peak] as const)));
}

const lastOf = (u: Unit): number => Math.max(u.first, ...u.uses);

function unitsOf(graph: Graph, fusion: Fusion, plan: Plan): Map<Tensor, Unit> {
  const flops = new Map<Stage, number>();
  for (const { stage, dispatches } of plan.stages)
    flops.set(
      stage,
      dispatches.reduce((n, d) => n + d.cost.flops, 0),
    );
  const units = new Map<Tensor, Unit>();
  const owner = (t: Tensor): Tensor => fusion.residences.get(t)?.into ?? t;
  const unit = (t: Tensor): Unit => {
    const tensor = owner(t);
    let u = units.get(tensor);
    if (!u)
      units.set(
        tensor,
        (u = { tensor, members: new Set([tensor]), makers: new Set(), first: Infinity, uses: new Set(), flops: 0 }),
      );
    u.members.add(t);
    return u;
  };
  fusion.stages.forEach((stage, s) => {
    const made =
      stage.kind === "part"
        ? [stage.into]
        : [...writtenBy(stage), ...(stage.kind === "map" && stage.also ? [stage.also.into] : [])];
    for (const t of made) {
      if (t.node.op.inPlace) continue;
      const u = unit(t);
      u.first = Math.min(u.first, s);
      if (!u.makers.has(stage)) u.flops += flops.get(stage) ?? 0;
      u.makers.add(stage);
    }
    for (const t of readsOf(stage, fusion.stored)) if (!isSource(t) && !t.node.op.inPlace) unit(t).uses.add(s);
  });
  for (const [t] of fusion.residences) unit(t);
  for (const root of graph.roots) for (const [t, u] of units) if (t === root) u.uses.add(fusion.stages.length);
  for (const [t, u] of units) if (u.first === Infinity) units.delete(t);
  return units;
}

/** The same graph, stage by stage, where what was cut is made anew for the stages behind its cut. */
class Rebuilder {
  readonly #made = new Map<Tensor, Tensor>();
  readonly #again = new Map<Tensor, Tensor>();
  readonly #makers = new Map<Tensor, Stage>();

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
    let value = own.get(t);
    if (!value)
      own.set(
        t,
        (value = new Node(
          t.node.op,
          t.node.inputs.map((x) => this.#value(x, position, own)),
          t.node.attrs,
        ).outputs[t.index]),
      );
    return value;
  }

  #make(t: Tensor, position: number, into: Map<Tensor, Tensor>): void {
    const stage = this.#makers.get(t);
    const own = new Map<Tensor, Tensor>();
    const node = stage?.kind === "kernel" || stage?.kind === "reduce" ? stage.node : t.node;
    const inputs = node.inputs.map((x) => this.#value(x, position, own));
    const { outputs } = new Node(node.op, inputs, node.attrs);
    const chain: Chain | undefined = stage?.kind === "kernel" || stage?.kind === "reduce" ? stage.chain : undefined;
    if (!chain || chain.tensors.length === 1) return node.outputs.forEach((y, i) => into.set(y, outputs[i]));
    own.set(chain.tensors[0], outputs[0]);
    for (const { node: step, index } of chain.tensors.slice(1)) {
      own.set(
        step.outputs[index],
        new Node(
          step.op,
          step.inputs.map((x) => own.get(x) ?? this.#value(x, position, own)),
          step.attrs,
        ).outputs[index],
      );
    }
    into.set(endOf(chain), own.get(endOf(chain))!);
  }
}
