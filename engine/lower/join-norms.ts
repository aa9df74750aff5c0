// Norms and their gradients as few dispatches: statistics go together with the elementwise stage that uses them
// first, and into the kernel that writes what they are of.
import type { Steps } from "../pace.ts";
import type { Node, Tensor } from "../tensor.ts";
import { type Fusion, type Stage, endOf } from "../fuse/stage.ts";
import { type Memory, isScratch } from "../fuse/memory.ts";
import type { Dispatch } from "../wgsl/dispatch.ts";
import type { LoweredStage, Lowerer, MapStage, NodeStage } from "./lower.ts";
import { lowerNorm } from "./norm.ts";
import { type StatisticsLowering, statisticsOf } from "./statistics-op.ts";
import { type Parts, lowerParts, lowerStatistics, mergeParts, newParts } from "./statistics.ts";
import { tallied, talliedTensor, tallyHook } from "./tally.ts";

/** How many stages behind its statistics an elementwise stage is looked for. */
const REACH = 12;

type Content = Memory["content"];

const isStatistics = (stage: Stage): stage is NodeStage =>
  stage.kind === "reduce" && statisticsOf(stage.node) !== undefined;

function* joinNorms(lowered: readonly LoweredStage[], lowerer: Lowerer): Steps<LoweredStage[]> {
  const stages: (LoweredStage | undefined)[] = [...lowered];
  const makers = new Map<Tensor, number>();
  lowered.forEach(({ stage }, s) => {
    if (stage.kind === "kernel" && stage.node.outputs.length === 1) makers.set(endOf(stage.chain), s);
  });
  for (const [s, statistics] of lowered.entries()) {
    const { stage } = statistics;
    if (!isStatistics(stage)) continue;
    yield { phase: "join", done: s, total: lowered.length };
    const user = firstUser(s, stages, lowerer);
    let joined: LoweredStage = statistics;
    if (user) {
      joined = user.joined;
      stages[user.position] = undefined;
    }
    // Tallied statistics need no walk of their own.
    const m = makers.get(talliedTensor(stage.node));
    const maker = m === undefined ? undefined : stages[m];
    if (m !== undefined && maker?.stage.kind === "kernel") {
      const tally = tallyOf(lowerer, maker.stage, stage.node);
      const { absorbed } = joined;
      const dispatches =
        tally && (absorbed?.kind === "map" ? normOf(lowerer, stage, absorbed, tally.parts) : [tally.merge]);
      if (tally && dispatches) {
        stages[m] = { ...maker, dispatches: tally.dispatches };
        joined = { ...joined, dispatches };
      }
    }
    stages[s] = joined;
  }
  yield { phase: "join", done: lowered.length, total: lowered.length };
  return stages.filter((p) => p !== undefined);
}

/** The first elementwise stage that reads the statistics at `s` and can be computed with them. */
function firstUser(
  s: number,
  stages: readonly (LoweredStage | undefined)[],
  lowerer: Lowerer,
): { readonly position: number; readonly joined: LoweredStage } | undefined {
  const statistics = stages[s];
  if (!statistics || !isStatistics(statistics.stage)) return undefined;
  const { stage } = statistics;
  const made = contentsOf(statistics, "read_write", lowerer.fusion);
  /** What is written between the statistics and a user, which would move ahead of it. */
  const between = new Set<Content>();
  for (let position = s + 1; position < Math.min(stages.length, s + REACH); position++) {
    const user = stages[position];
    if (!user) continue;
    const reads = [...contentsOf(user, "read", lowerer.fusion)];
    if (user.stage.kind === "map" && reads.some((m) => made.has(m)) && !reads.some((m) => between.has(m))) {
      const dispatches = normOf(lowerer, stage, user.stage);
      if (dispatches) return { position, joined: { stage, absorbed: user.stage, dispatches } };
    }
    for (const m of contentsOf(user, "read_write", lowerer.fusion)) between.add(m);
  }
  return undefined;
}

/** What a stage's dispatches read or write: joined tensors for what stands in them. */
function contentsOf(
  { dispatches }: LoweredStage,
  access: "read" | "read_write",
  { residences }: Fusion,
): ReadonlySet<Content> {
  const found = new Set<Content>();
  for (const { memory } of dispatches) {
    for (const m of memory) {
      if (m.access !== access) continue;
      const { content } = m.memory;
      found.add(isScratch(content) ? content : (residences.get(content)?.into ?? content));
    }
  }
  return found;
}

/**
 * Two statistics, of `parts` where these are known, and the elementwise stage behind them, as one dispatch or two;
 * undefined where that can't be.
 */
function normOf(
  lowerer: Lowerer,
  statistics: NodeStage,
  { result, duplicate }: MapStage,
  parts?: Parts,
): Dispatch[] | undefined {
  const { traits, memoryOf } = lowerer;
  const { maxStorageBuffers, maxBindingBytes } = lowerer.limits;
  if (result.shape.join() !== statistics.node.inputs[0]!.shape.join()) return undefined;
  if (Math.max(result.bytes, duplicate?.into.bytes ?? 0) > maxBindingBytes) return undefined;
  return lowerNorm({
    node: statistics.node,
    result,
    residence: lowerer.fusion.residences.get(result),
    duplicate,
    traits,
    stored: lowerer.stored(result),
    maxStorageBuffers,
    maxBindingBytes,
    memoryOf,
    parts,
    cut: () => lowerParts(lowerer.reduceStage(statistics)),
  });
}

/** A kernel's dispatches where they tally statistics: the parts, and a dispatch that joins these. */
interface TalliedStage {
  readonly dispatches: readonly Dispatch[];
  readonly parts: Parts;
  readonly merge: Dispatch;
}

/** A kernel's dispatches where they tally the moments that `statistics` takes of what they write; else undefined. */
function tallyOf(lowerer: Lowerer, stage: NodeStage, statistics: Node): TalliedStage | undefined {
  const { kernels, limits, memoryOf } = lowerer;
  const writers = kernels.writersOf(stage.node);
  const pixels = writers.at(-1)?.kernel.tally;
  // Windows have tiles of their own.
  const tiles = pixels && writers.length === 1 ? tallied(statistics, pixels) : undefined;
  if (!pixels || !tiles) return undefined;
  const outs = tiles.images * tiles.channels;
  const parts = newParts(outs, tiles.splits, pixels, lowerer.newScratch);
  const dispatches = lowerer.kernel(stage, (context) => tallyHook(tiles, parts, context));
  if (dispatches.some((d) => d.memory.length > limits.maxStorageBuffers)) return undefined;
  const { count, label } = tiles;
  const merge = mergeParts({ node: statistics, memoryOf }, parts, { outs, count, label, columns: true });
  return { dispatches, parts, merge };
}

/** Of moments, and of two sums. */
export const statisticsLowering: StatisticsLowering = { lower: lowerStatistics, join: joinNorms };
