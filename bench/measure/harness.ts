// Runs a case: compile, check, warm up, many short samples, and what the program says of itself.
import { Device, type GpuOptions, type GpuSource } from "../../engine/index.ts";
import type { Case, Prepared } from "../cases/case.ts";
import { type Samples, noSamples, settled, take } from "../../lab/clock.ts";
import type { Peaks } from "./peaks.ts";
import { roundsOf } from "../../lab/measure/rounds.ts";
import { type Row, heldAgainst } from "../say/report.ts";
import { quantile, summarize } from "../../lab/statistics.ts";

export interface Effort {
  /** At least this many samples, and more until the time is up. */
  readonly samples: number;
  readonly most: number;
  readonly ms: number;
}
export const FULL: Effort = { samples: 7, most: 60, ms: 1500 };
export const QUICK: Effort = { samples: 3, most: 15, ms: 250 };

const message = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).trim().split("\n").slice(0, 2).join(" ");

/**
 * A device for each case, so that nothing of one is held while another runs. A case that fails has no time and says
 * why.
 */
export async function runCase(
  source: GpuSource,
  c: Case,
  effort: Effort,
  peaks: Peaks | undefined,
  by: { readonly gpuClock: boolean; readonly driverMs?: () => number },
  options?: GpuOptions,
): Promise<Row> {
  const { name, group, flops, bytes } = c;
  const device = await Device.open(source, options);
  const kernelClock = by.driverMs ? "cpu" : by.gpuClock ? "gpu" : "wall";
  const clock = group === "kernel" ? kernelClock : "wall";
  const row = { name, group, clock, flops, bytes } as const;
  try {
    const start = performance.now();
    const prepared = await c.prepare(device);
    const { program } = prepared;
    await settled(device.gpu, () => program.run(prepared.feeds));
    const firstMs = performance.now() - start;
    const stats = program.stats();
    const facts = {
      dispatches: stats.dispatches,
      pipelines: stats.pipelines,
      submits: stats.submits / Math.max(1, stats.runs),
      plannedBytes: stats.activationBytes,
      lowerBoundBytes: stats.lowerBoundBytes,
      peakBytes: device.counters.peakBytes,
      firstMs,
    };
    const { wrong, checked } = await prepared.check();
    if (wrong) return { ...row, ...facts, checked, wrong };
    const samples = await sample(device, prepared, effort, clock, by.driverMs);
    const ms = summarize(samples.ms);
    return {
      ...row,
      ...facts,
      checked,
      ms,
      ...heldAgainst(peaks, { flops, bytes, clock, ms: ms.median }),
      ...(samples.hostMs.length
        ? { hostUsPerDispatch: (1000 * quantile(samples.hostMs, 0.5)) / stats.dispatches }
        : {}),
    };
  } catch (error) {
    return { ...row, wrong: message(error) };
  } finally {
    device.dispose();
  }
}

async function sample(
  device: Device,
  { program, feeds }: Prepared,
  { samples, most, ms }: Effort,
  clock: Row["clock"],
  driverMs: (() => number) | undefined,
): Promise<Samples> {
  const warmUp = noSamples();
  const rounds = clock === "wall" ? undefined : await roundsOf(device.gpu, [program], driverMs);
  const once = async (into: Samples): Promise<void> => {
    if (!rounds) return take(device.gpu, () => program.run(feeds), into);
    into.ms.push(...(await rounds.round([0])));
  };
  for (let i = 0; i < 2; i++) await once(warmUp);
  const taken = noSamples(warmUp.expectedMs);
  const start = performance.now();
  for (
    let i = 0;
    i < 3 * most && taken.ms.length < most && (taken.ms.length < samples || performance.now() - start < ms);
    i++
  )
    await once(taken);
  rounds?.dispose?.();
  return taken;
}
