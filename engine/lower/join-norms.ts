// Norms and their gradients as few dispatches: statistics go together with the elementwise stage that uses them
// first, and into the kernel that writes what they are of.
import type { Steps } from "../pace.ts";
import type { Tensor } from "../tensor.ts";
import { type Fusion, type Stage, endOf } from "../fuse/stage.ts";
import { type Memory, isScratch } from "../fuse/memory.ts";
import type { LoweredStage, Lowerer } from "./lower.ts";
import { talliedTensor } from "./tally.ts";

/** How many stages behind its statistics an elementwise stage is looked for. */
const REACH = 12;

type Content = Memory["content"];
type StatisticsStage = Extract<Stage, { kind: "kernel" | "reduce" }>;

const isStatistics = (stage: Stage): stage is StatisticsStage =>
  stage.kind === "reduce" && stage.node.outputs.length === 2;

export function* joinNorms(lowered: readonly LoweredStage[], lowerer: Lowerer): Steps<LoweredStage[]> {
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
      const tally = lowerer.tally(maker.stage, stage.node);
      const { absorbed } = joined;
      const dispatches =
        tally && (absorbed?.kind === "map" ? lowerer.norm(stage, absorbed, tally.parts) : [tally.merge]);
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
      const dispatches = lowerer.norm(stage, user.stage);
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
