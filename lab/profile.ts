// Profiles a subject: its stages by GPU timestamps, whole runs by the wall clock and by the GPU's, and what they hold.
import { type KernelTime, timeDispatches } from "../engine/gpu/profiler.ts";
import { isSoftwareAdapter } from "../engine/gpu/source.ts";
import type { Device } from "../engine/run/device.ts";
import { Explanation, explainDispatch, summaryOf } from "../engine/run/explain.ts";
import type { Feeds, OpenedProgram } from "../engine/run/program.ts";
import { timedOf } from "../engine/run/replays.ts";
import { aside, submitRun } from "./aside.ts";
import { noSamples, restOf, settled, take } from "./clock.ts";
import { withLayers } from "./layers.ts";
import { memoryUse } from "./memory.ts";
import { quantile, summarize } from "./statistics.ts";
import type { Subject } from "./subject.ts";
import { type Stage, type Timeline, quantumOf } from "./timeline.ts";

export interface ProfileOptions {
  /** Machine, and browser or Node, in words. */
  readonly host: string;
  readonly signal?: AbortSignal;
  onProgress?(what: string, part: number): void;
}

/** Whole runs and profiles: so many at least and at most, and no more after so long. */
const TURNS = { least: 15, most: 30, ms: 3000 };

const total = (times: readonly number[]): number => times.reduce((sum, t) => sum + t, 0);

/**
 * Compiles a subject on `device` and profiles it. It trains on nothing: variables are as before. A mean of several
 * profiles is right on average even where timestamps are rounded, for each begins at another place between two ticks.
 * Throws what its size makes it throw, what the GPU reports, and the reason of `signal`.
 */
export async function profileOf(
  device: Device,
  subject: Subject,
  { host, signal, onProgress }: ProfileOptions,
): Promise<Timeline> {
  const { name, mode, inputs } = subject;
  onProgress?.("compiling", 0);
  using program = await device.compile(withLayers(subject.make()), inputs, { mode, name, horizontal: false });
  signal?.throwIfAborted();
  const feeds = subject.feeds();
  return await aside(program, async (opened) => {
    const samples = await sampled(opened, feeds, (part) => {
      signal?.throwIfAborted();
      onProgress?.("profiling", part);
    });
    return timelineOf(name, opened, samples, host);
  });
}

interface Sampled {
  readonly wallMs: readonly number[];
  readonly encodeMs: readonly number[];
  readonly passMs: readonly number[];
  readonly profiles: readonly (readonly KernelTime[])[];
}

/** Runs and profiles in turns, so that what else the machine does slows both alike. */
async function sampled(opened: OpenedProgram, feeds: Feeds, onTurn: (part: number) => void): Promise<Sampled> {
  const { parts, replays } = opened;
  const { gpu } = parts;
  const run = (): void => submitRun(opened, feeds);
  await settled(gpu, run); // the first time, drivers compile: what the next takes is expected of those that count
  const wall = noSamples(await settled(gpu, run));
  const passMs: number[] = [];
  const profiles: KernelTime[][] = [];
  const profiledMs: number[] = [];
  const timed = replays.map(timedOf);
  if (gpu.timestamps) await timeDispatches(gpu, timed); // not counted either
  const start = performance.now();
  const elapsed = (): number => performance.now() - start;
  const isEnough = (): boolean =>
    wall.ms.length >= TURNS.most || (wall.ms.length >= TURNS.least && elapsed() > TURNS.ms);
  for (let turn = 0; turn < 2 * TURNS.most && !isEnough(); turn++) {
    onTurn(Math.min(1, Math.max(wall.ms.length / TURNS.most, elapsed() / TURNS.ms)));
    await take(gpu, run, wall);
    if (!gpu.timestamps) continue;
    passMs.push(await passTime(opened, feeds, () => restOf(gpu, passMs)));
    const times = await timeDispatches(gpu, timed, () => restOf(gpu, profiledMs));
    profiles.push(times);
    profiledMs.push(total(times.map(({ timeUs }) => timeUs)) / 1000);
  }
  return { wallMs: wall.ms, encodeMs: wall.hostMs, passMs, profiles };
}

/** What a run takes on the GPU, between timestamps before and behind its pass, ms. */
async function passTime(opened: OpenedProgram, feeds: Feeds, rest: () => Promise<void>): Promise<number> {
  const { gpu } = opened.parts;
  const querySet = gpu.device.createQuerySet({ type: "timestamp", count: 2, label: "a run's ends" });
  const usage = GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC;
  const resolved = gpu.createBuffer(16, usage, "a run's ends");
  const mark = (label: string, writes: Omit<GPUComputePassTimestampWrites, "querySet">) => (e: GPUCommandEncoder) =>
    e.beginComputePass({ label, timestampWrites: { querySet, ...writes } }).end();
  try {
    submitRun(opened, feeds, mark("begin", { endOfPassWriteIndex: 0 }), (encoder) => {
      mark("end", { beginningOfPassWriteIndex: 1 })(encoder);
      encoder.resolveQuerySet(querySet, 0, 2, resolved, 0);
    });
    await rest();
    const [begin = 0n, end = 0n] = new BigUint64Array(await gpu.readBuffer(resolved, 0, 16));
    return Number(end - begin) / 1e6;
  } finally {
    gpu.destroy(resolved);
    querySet.destroy();
  }
}

function timelineOf(
  name: string,
  { parts, replays }: OpenedProgram,
  { wallMs, encodeMs, passMs, profiles }: Sampled,
  host: string,
): Timeline {
  const { gpu, plan, estimate } = parts;
  const quantumUs = quantumOf(profiles.flat().map(({ timeUs }) => timeUs));
  // Rounded times are right in the mean alone; of exact ones the median is the better estimate.
  const middle = (times: readonly number[]): number => (quantumUs ? total(times) / times.length : quantile(times, 0.5));
  const gapUs = (times: readonly KernelTime[], i: number): number => {
    const before = times[i - 1];
    return before ? times[i]!.startUs - before.startUs - before.timeUs : 0;
  };
  const timed = profiles.length > 0;
  const explained = replays.map(({ dispatch }, i) =>
    explainDispatch(dispatch, timed ? middle(profiles.map((times) => times[i]!.timeUs)) : undefined),
  );
  const stages = explained.map(
    ({ label, kernel, flops, bytes, fused, timeUs }, i): Stage => ({
      label,
      kernel,
      flops,
      bytes,
      fused,
      ...(replays[i]!.site === undefined ? {} : { site: replays[i]!.site }),
      ...(timeUs === undefined ? {} : { timeUs, gapUs: middle(profiles.map((times) => gapUs(times, i))) }),
    }),
  );
  return {
    name,
    adapter: gpu.adapterName,
    software: isSoftwareAdapter(gpu.device.adapterInfo),
    date: new Date().toISOString(),
    host,
    stages,
    wallMs: summarize(wallMs),
    encodeMs: summarize(encodeMs),
    ...(timed
      ? {
          sumUs: total(stages.map(({ timeUs = 0 }) => timeUs)),
          profileMs: summarize(profiles.map((times) => total(times.map(({ timeUs }) => timeUs)) / 1000)),
          passMs: summarize(passMs),
        }
      : {}),
    profiles: profiles.length,
    ...(quantumUs ? { quantumUs } : {}),
    memory: memoryUse(plan),
    table: new Explanation(name, explained, summaryOf(estimate)).toString(),
  };
}
