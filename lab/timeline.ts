// One run of a network, dispatch by dispatch: what the GPU took for each, and what a run took from outside. Pure data.
import type { ExplainedDispatch } from "../engine/run/explain.ts";
import type { MemoryUse } from "./memory.ts";
import type { Summary } from "./statistics.ts";

/** A dispatch. Times are the middle of some profiles, absent where the device tells none. */
export interface Stage extends Pick<ExplainedDispatch, "label" | "kernel" | "flops" | "bytes" | "fused" | "timeUs"> {
  /** Where it was made: the path of a module, behind GRADIENT_OF for what its gradient computes. */
  readonly site?: string;
  /** From the end of the dispatch before to its begin, µs. */
  readonly gapUs?: number;
}

export interface Timeline {
  readonly name: string;
  readonly adapter: string;
  readonly software: boolean;
  readonly date: string;
  readonly host: string;
  readonly stages: readonly Stage[];
  /** From run() until the queue is idle, ms. */
  readonly wallMs: Summary;
  /** Of all stages as they are shown; absent without times. */
  readonly sumUs?: number;
  /** What the stages of one profile sum to, ms; absent without times. */
  readonly profileMs?: Summary;
  /** What encoding a run and handing it over takes the host, ms. */
  readonly encodeMs: Summary;
  /** A run on the GPU from its first dispatch to its last, in one pass as always, ms; absent without times. */
  readonly passMs?: Summary;
  readonly memory: MemoryUse;
  /** How often the stages were timed. */
  readonly profiles: number;
  /** What timestamps are multiples of, where they are rounded coarsely. */
  readonly quantumUs?: number;
  /** Stages as the engine explains them, a line each. */
  readonly table: string;
}

/** What Dawn and browsers round timestamps to, µs. */
const QUANTA_US = [65.536, 100];

/** What all times are multiples of, if that is one of the coarse steps that timestamps are rounded to. */
export const quantumOf = (timesUs: readonly number[]): number | undefined =>
  timesUs.length === 0
    ? undefined
    : QUANTA_US.find((quantum) => timesUs.every((t) => Math.abs(t - quantum * Math.round(t / quantum)) < 1e-3));

/** What the stages of one kernel take together. */
export interface KernelShare {
  readonly kernel: string;
  readonly launches: number;
  readonly flops: number;
  readonly bytes: number;
  readonly timeUs?: number;
  /** Of the sum of all stages, 0 … 1. */
  readonly share?: number;
}

/** By kernel, the most time first; without times, the most operations first. */
export function byKernel({ stages, sumUs }: Pick<Timeline, "stages" | "sumUs">): KernelShare[] {
  const kernels = [...new Set(stages.map(({ kernel }) => kernel))];
  const shares = kernels.map((kernel): KernelShare => {
    const own = stages.filter((stage) => stage.kernel === kernel);
    const total = (of: (stage: Stage) => number): number => own.reduce((sum, stage) => sum + of(stage), 0);
    const row = { kernel, launches: own.length, flops: total((s) => s.flops), bytes: total((s) => s.bytes) };
    if (sumUs === undefined) return row;
    const timeUs = total((s) => s.timeUs ?? 0);
    return { ...row, timeUs, share: sumUs > 0 ? timeUs / sumUs : 0 };
  });
  return shares.sort((a, b) => (b.timeUs ?? b.flops) - (a.timeUs ?? a.flops));
}

/** Sums of medians and medians of sums differ by this much only where something else kept the machine busy. */
const BUSY = 1.1;

/** A part of a run's wall time, by name. */
export interface Part {
  readonly what: string;
  readonly ms: number;
}

/**
 * A run's wall time as its parts, which sum to it: encoding, the stages as they were timed one by one, what a run
 * takes beyond or below these in one pass, and the rest: submitting, and waiting for the answer. Medians each; without
 * times the stages and what lies between them are one part.
 */
export function partsOf({ wallMs, encodeMs, passMs, profileMs }: Timeline): Part[] {
  const encode = { what: "encoding", ms: encodeMs.median };
  if (!passMs || !profileMs) return [encode, { what: "the GPU and its answer", ms: wallMs.median - encodeMs.median }];
  return [
    encode,
    { what: "stages", ms: profileMs.median },
    {
      what: passMs.median < profileMs.median ? "saved by one pass" : "between stages",
      ms: passMs.median - profileMs.median,
    },
    { what: "submit and answer", ms: wallMs.median - encodeMs.median - passMs.median },
  ];
}

/** What stages sum to against a whole run, and how far the times are to be believed: sentences. */
export function reconciled(timeline: Timeline): string[] {
  const { wallMs, sumUs, profileMs, profiles, quantumUs } = timeline;
  const wall = `A run takes ${wallMs.median.toFixed(2)} ms (p10–p90 ${wallMs.p10.toFixed(2)}–${wallMs.p90.toFixed(2)})`;
  if (sumUs === undefined || profileMs === undefined)
    return [`${wall}. This device has no timestamp-query, so no stage has a time of its own.`];
  const share = (ms: number): string => `${((100 * ms) / wallMs.median).toFixed(0)} %`;
  const parts = partsOf(timeline)
    .map(({ what, ms }) => `${what} ${ms.toFixed(2)} ms (${share(ms)})`)
    .join(", ");
  const sentences = [`${wall}: ${parts}.`];
  if (quantumUs)
    sentences.push(
      `Timestamps are rounded to ${quantumUs} µs here; the means of ${profiles} profiles are shown, and stages much ` +
        "shorter than that are rough. Chrome gives exact ones with --enable-webgpu-developer-features " +
        "(chrome://flags, WebGPU Developer Features).",
    );
  else if (profileMs.median > (BUSY * sumUs) / 1000)
    sentences.push(
      "Something else keeps the device busy: stages are shown by the medians of " +
        `${profiles} profiles, which sum to ${(sumUs / 1000).toFixed(2)} ms.`,
    );
  return sentences;
}
