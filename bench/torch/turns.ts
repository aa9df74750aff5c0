// Turns of a program of ours and of PyTorch: what one run of each took, by wall clock and by processor time.
import type { Device, Feeds, Program } from "../../engine/index.ts";
import { type Samples, noSamples, settled, take } from "../../lab/clock.ts";
import type { Python } from "./python.ts";

export interface Took {
  readonly wallMs: number;
  /** Of the driver's threads and of run() itself, or of PyTorch's process; undefined where it can't be measured. */
  readonly cpuMs: number | undefined;
}

export interface Side {
  turn(): Promise<Took>;
}

/** A turn takes so long, so that what starts and ends it weighs nothing. */
const TURN_MS = 20;
const MOST_REPEATS = 256;
const repeatsFor = (ms: number): number => Math.max(1, Math.min(MOST_REPEATS, Math.ceil(TURN_MS / ms)));

/** Runs that warm up. */
const WARM_UP = 2;

/** Ours: wall time from submit until the queue is idle. Processor time without what waiting costs. */
export async function ours(
  device: Device,
  program: Program,
  feeds: Feeds | undefined,
  driverMs: (() => number) | undefined,
): Promise<Side> {
  let ms = 0;
  for (let i = 0; i < WARM_UP; i++) ms = await settled(device.gpu, () => program.run(feeds), ms);
  const repeats = repeatsFor(ms);
  let expectedMs = ms * repeats;
  return {
    async turn() {
      while (true) {
        const taken: Samples = noSamples(expectedMs);
        const before = driverMs?.() ?? 0;
        await take(
          device.gpu,
          () => {
            for (let i = 0; i < repeats; i++) program.run(feeds);
          },
          taken,
        );
        ({ expectedMs } = taken);
        const [wall, host] = [taken.ms[0], taken.hostMs[0]];
        // It slept longer than the work took: again.
        if (wall === undefined || host === undefined) continue;
        const cpuMs = driverMs && (driverMs() - before + host) / repeats;
        return { wallMs: wall / repeats, cpuMs };
      }
    },
  };
}

export async function pytorch(python: Python): Promise<Side> {
  let ms = 0;
  for (let i = 0; i < WARM_UP; i++) ms = (await python.run(1)).wallMs;
  const repeats = repeatsFor(ms);
  return { turn: () => python.run(repeats) };
}
