// Norms and their gradients as few dispatches: statistics go together with the elementwise stage that uses them
// first, and into the kernel that writes what they are of.
import type { Tensor } from "../tensor.ts";
import type { Lowerer, Memory } from "./lower.ts";
import type { PlannedStage } from "../plan/plan.ts";
import { type Fusion, endOf } from "../fuse/stage.ts";
import { talliedTensor } from "./tally.ts";

/** How many stages behind its statistics an elementwise stage is looked for. */
const REACH = 12;

export function joinNorms(lowered: readonly PlannedStage[], { residences }: Fusion, lowerer: Lowerer): PlannedStage[] {
  const stages: (PlannedStage | undefined)[] = [...lowered];
  const makers = new Map<Tensor, number>();
  lowered.forEach(({ stage }, s) => {
    if (stage.kind === "kernel" && stage.node.outputs.length === 1) makers.set(endOf(stage.chain), s);
  });
  const owner = (m: Memory): Memory["of"] => ("scratch" in m.of ? m.of : (residences.get(m.of)?.into ?? m.of));
  const memories = ({ dispatches }: PlannedStage, access: "read" | "read_write"): Set<Memory["of"]> =>
    new Set(dispatches.flatMap((d) => d.memory.filter((m) => m.access === access).map((m) => owner(m.memory))));

  lowered.forEach((statistics, s) => {
    const { stage } = statistics;
    if (stage.kind !== "reduce" || stage.node.outputs.length !== 2) return;
    const made = memories(statistics, "read_write");
    const between = new Set<Memory["of"]>();
    let joint: PlannedStage = statistics;
    let taken: number | undefined;
    for (let u = s + 1; u < Math.min(lowered.length, s + REACH) && taken === undefined; u++) {
      const user = stages[u];
      if (!user) continue;
      const reads = memories(user, "read");
      if (user.stage.kind === "map" && [...reads].some((m) => made.has(m)) && ![...reads].some((m) => between.has(m))) {
        const dispatches = lowerer.norm(stage, user.stage);
        if (dispatches) {
          joint = { stage, with: user.stage, dispatches };
          taken = u;
        }
      }
      for (const m of memories(user, "read_write")) between.add(m);
    }
    // Tallied statistics need no walk of their own.
    const m = makers.get(talliedTensor(stage.node));
    const maker = m === undefined ? undefined : stages[m];
    if (maker?.stage.kind === "kernel") {
      const tally = lowerer.tally(maker.stage, stage.node);
      const dispatches =
        tally && (joint.with?.kind === "map" ? lowerer.norm(stage, joint.with, tally.parts) : [tally.merge]);
      if (dispatches) {
        stages[m!] = { ...maker, dispatches: tally.dispatches };
        joint = { ...joint, dispatches };
      }
    }
    stages[s] = joint;
    if (taken !== undefined) stages[taken] = undefined;
  });
  return stages.filter((p) => p !== undefined);
}
