// What a program's plan holds at each of its stages, and who holds most of it at the peak.
import { siteOf } from "../engine/fuse/stage.ts";
import type { Storage } from "../engine/plan/memory.ts";
import type { Plan } from "../engine/plan/plan.ts";

/** What is alive at the peak. */
export interface Holder {
  /** The tensor, or "scratch". */
  readonly what: string;
  readonly bytes: number;
  /** The layers that write it first and read it last, where they are known. */
  readonly madeBy?: string;
  readonly lastReadBy?: string;
}

export interface MemoryUse {
  /** Held all along: variables, and inputs. */
  readonly variableBytes: number;
  readonly inputBytes: number;
  /** Activations and scratch that live at each dispatch, in the order of dispatches. */
  readonly liveBytes: readonly number[];
  /** The most that lives at once, and at which dispatch; buffers take `slotBytes`. */
  readonly peakBytes: number;
  readonly peakAt: number;
  readonly slotBytes: number;
  /** At the peak, the largest first. */
  readonly holders: readonly Holder[];
}

/** What a plan holds at each of its dispatches, in bytes. */
export function memoryUse(plan: Plan): MemoryUse {
  const storages = new Set<Storage>();
  for (const { memory } of plan.stages.flatMap((s) => s.dispatches).flatMap((d) => d.memory))
    storages.add(plan.place(memory).storage);
  const shared = [...storages].filter((s) => s.slot !== undefined);
  const liveAt = plan.stages.map((_, stage) => shared.filter((s) => s.first <= stage && stage <= s.last));
  const bytesOf = (alive: readonly Storage[]): number => alive.reduce((sum, s) => sum + s.bytes, 0);
  const perStage = liveAt.map(bytesOf);
  const peakBytes = perStage.reduce((most, bytes) => Math.max(most, bytes), 0);
  const peak = Math.max(0, perStage.indexOf(peakBytes));
  const layerAt = (stage: number): string | undefined => {
    const found = plan.stages[stage];
    return found && (siteOf(found.stage) ?? found.dispatches[0]?.label);
  };
  const heldBy = (kind: Storage["kind"]): number => bytesOf(plan.storages.filter((s) => s.kind === kind));
  return {
    variableBytes: heldBy("variable"),
    inputBytes: heldBy("input"),
    liveBytes: plan.stages.flatMap(({ dispatches }, stage) => dispatches.map(() => perStage[stage]!)),
    peakBytes,
    peakAt: plan.stages.slice(0, peak).reduce((n, { dispatches }) => n + dispatches.length, 0),
    slotBytes: plan.slotBytes.reduce((sum, bytes) => sum + bytes, 0),
    holders: (liveAt[peak] ?? [])
      .map(
        (s): Holder => ({
          what: s.label,
          bytes: s.bytes,
          madeBy: layerAt(s.first),
          lastReadBy: s.last >= plan.stages.length ? "outputs" : layerAt(s.last),
        }),
      )
      .sort((a, b) => b.bytes - a.bytes),
  };
}
