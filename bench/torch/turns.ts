// Turns of a program of ours and of PyTorch: what one run of each took, by wall clock and by processor time.
import type { Feeds, Program } from "../../engine/index.ts";
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

/** Ours: wall time until a result is read, as a loop would. Processor time without what waiting costs. */
export async function ours(
  program: Program,
  feeds: Feeds | undefined,
  driverMs: (() => number) | undefined,
): Promise<Side> {
  const outputs = [...program.opened().parts.outputs].sort(([, a], [, b]) => a.bytes - b.bytes);
  const smallest = outputs[0]![0];
  let ms = 0;
  for (let i = 0; i < WARM_UP; i++) {
    const start = performance.now();
    program.run(feeds);
    await program.read(smallest);
    ms = performance.now() - start;
  }
  const repeats = repeatsFor(ms);
  return {
    async turn() {
      const before = driverMs?.() ?? 0;
      const start = performance.now();
      for (let i = 0; i < repeats; i++) program.run(feeds);
      const host = performance.now() - start;
      await program.read(smallest);
      const wall = performance.now() - start;
      return { wallMs: wall / repeats, cpuMs: driverMs && (driverMs() - before + host) / repeats };
    },
  };
}

export async function pytorch(python: Python): Promise<Side> {
  let ms = 0;
  for (let i = 0; i < WARM_UP; i++) ms = (await python.run(1)).wallMs;
  const repeats = repeatsFor(ms);
  return { turn: () => python.run(repeats) };
}
