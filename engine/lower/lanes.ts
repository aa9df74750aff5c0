// Dispatches whose workgroups are subgroups hand values from lane to lane. A barrier costs llvmpipe more than most of
// what norms of small images do between them: each subgroup is a coroutine that is left and resumed there.
import type { Traits } from "../../kernels/kernel.ts";
import type { Dispatch } from "../wgsl/dispatch.ts";
import { handsOn, throughLanes } from "../wgsl/lanes.ts";
import type { LoweredStage } from "./lower.ts";

/** The stages with such dispatches, on an adapter that computes on a CPU and has subgroups of a known size. */
export function handOnInLanes(
  stages: readonly LoweredStage[],
  { cpu, subgroups, lanes }: Traits,
): readonly LoweredStage[] {
  if (!cpu || !subgroups || !lanes) return stages;
  const inLanes = (d: Dispatch): Dispatch =>
    handsOn(d.kernel.source) ? { ...d, wgsl: (declared) => throughLanes(d.wgsl(declared), lanes) } : d;
  return stages.map((s) => ({ ...s, dispatches: s.dispatches.map(inLanes) }));
}
