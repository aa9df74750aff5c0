// Rounds: each of several programs runs in turn and is timed: by the GPU's own clock, in one submit with
// timestamps between the programs; on a software adapter by the processor time of its driver; else by wall clock.
import { UsageError } from "../../engine/errors.ts";
import type { Gpu } from "../../engine/gpu/gpu.ts";
import type { Program } from "../../engine/run/program.ts";

/** "gpu": timestamps; "cpu": processor time of the driver's threads; "wall": from submit until the queue is idle. */
export type Clock = "gpu" | "cpu" | "wall";

/** Times a round. */
export interface Rounds {
  readonly clock: Clock;
  /** Milliseconds of one run of each that is named by its number, in the order in which they ran. */
  round(order: readonly number[]): Promise<number[]>;
  dispose?(): void;
}

/** A sample must take this long, so that what starts and ends it weighs nothing. */
const LONG_ENOUGH_MS = { gpu: 0.5, cpu: 1.5, wall: 2 };
const MOST_REPEATS = 256;
const STAMP_BYTES = 8;

/**
 * Rounds of programs on one device, by the best clock that it has: `driverMs`, milliseconds that the driver's threads
 * ran, where it is given, for a software adapter, timestamps where the GPU has them, else wall time.
 */
export function roundsOf(gpu: Gpu, programs: readonly Program[], driverMs?: () => number): Promise<Rounds> {
  if (driverMs) return waitedRounds(gpu, programs, "cpu", driverMs);
  if (gpu.timestamps)
    return programs.every((p) => canBeEncoded(gpu, p)) ? stampedRounds(gpu, programs) : profiledRounds(programs);
  return waitedRounds(gpu, programs, "wall", () => performance.now());
}

function canBeEncoded(gpu: Gpu, program: Program): boolean {
  try {
    program.encode(gpu.device.createCommandEncoder());
    return true;
  } catch (error) {
    if (error instanceof UsageError) return false;
    throw error;
  }
}

/** Of each the time by a clock of the host, from submits until the queue is idle. */
async function waitedRounds(
  gpu: Gpu,
  programs: readonly Program[],
  clock: "cpu" | "wall",
  now: () => number,
): Promise<Rounds> {
  /** Least milliseconds of a run of each so far. */
  const leastMs = programs.map(() => Infinity);
  const runs = async (i: number, repeats: number): Promise<number> => {
    const before = now();
    for (let r = 0; r < repeats; r++) programs[i]!.run();
    if (clock === "cpu" && Number.isFinite(leastMs[i]!)) await almost(now, before + 0.95 * repeats * leastMs[i]!);
    await gpu.device.queue.onSubmittedWorkDone();
    // The system reports a thread's time a little late at times: one without a time is asked again.
    while (!(now() > before)) await sleep(1);
    const ms = (now() - before) / repeats;
    leastMs[i] = Math.min(leastMs[i]!, ms);
    return ms;
  };
  const repeats = await repeatsFor(LONG_ENOUGH_MS[clock], (n) => runs(0, n));
  return {
    clock,
    async round(order) {
      const times: number[] = [];
      for (const i of order) times.push(await runs(i, repeats));
      return times;
    },
  };
}

const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** Looks at a clock that stands still before its time that are believed. */
const MOST_STILL = 20;

/**
 * Sleeps until the driver's clock has come to a time, or stands still: who waits for a promise of Dawn's polls, and
 * takes a core from the driver.
 */
async function almost(now: () => number, until: number): Promise<void> {
  let still = 0;
  for (let last = -1, ms = now(); ms < until && still < MOST_STILL; ms = now()) {
    still = ms === last ? still + 1 : 0;
    last = ms;
    await sleep(1);
  }
}

/** How often a program must run to take `wanted` milliseconds, at most MOST_REPEATS. */
async function repeatsFor(wanted: number, msOf: (repeats: number) => Promise<number>): Promise<number> {
  await msOf(1);
  for (let repeats = 1; ; repeats *= 2)
    if (repeats === MOST_REPEATS || (await msOf(repeats)) * repeats >= wanted) return repeats;
}

/** Of each the sum of its dispatches' own times: for programs that change variables. */
const profiledRounds = async (programs: readonly Program[]): Promise<Rounds> => ({
  clock: "gpu",
  async round(order) {
    const times: number[] = [];
    for (const i of order) times.push((await programs[i]!.profile()).reduce((ms, { timeUs }) => ms + timeUs / 1000, 0));
    return times;
  },
});

async function stampedRounds(gpu: Gpu, programs: readonly Program[]): Promise<Rounds> {
  const { device } = gpu;
  const count = programs.length + 1;
  const querySet = device.createQuerySet({ type: "timestamp", count });
  const usage = GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC;
  const resolved = gpu.createBuffer(count * STAMP_BYTES, usage, "timestamps of a round");
  let repeats = 1;
  const round = async (order: readonly number[]): Promise<number[]> => {
    const encoder = device.createCommandEncoder();
    const stamp = (at: number): void =>
      encoder.beginComputePass({ timestampWrites: { querySet, endOfPassWriteIndex: at } }).end();
    // What ran before this round is not what the first of it finds in the caches.
    programs[order[0]!]!.encode(encoder);
    stamp(0);
    order.forEach((i, at) => {
      for (let r = 0; r < repeats; r++) programs[i]!.encode(encoder);
      stamp(at + 1);
    });
    encoder.resolveQuerySet(querySet, 0, order.length + 1, resolved, 0);
    gpu.submit(encoder.finish());
    const stamps = new BigUint64Array(await gpu.readBuffer(resolved, 0, (order.length + 1) * STAMP_BYTES));
    return order.map((_, at) => Number(stamps[at + 1]! - stamps[at]!) / 1e6 / repeats);
  };
  repeats = await repeatsFor(LONG_ENOUGH_MS.gpu, async (n) => {
    repeats = n;
    return (await round([0]))[0]!;
  });
  return {
    clock: "gpu",
    round,
    dispose() {
      gpu.destroy(resolved);
      querySet.destroy();
    },
  };
}
