// The form of a run's results: one JSON file an adapter, written by `npm run bench` and by bench/torch alike.
import type { Peaks } from "../measure/peaks.ts";
import type { Clock } from "../../lab/measure/rounds.ts";
import type { Summary } from "../../lab/statistics.ts";
import type { Ratio, Verdict } from "../../lab/measure/verdict.ts";

export type Group = "kernel" | "network" | "step" | "peer";

export interface Row {
  readonly name: string;
  readonly group: Group;
  /** Milliseconds; absent where the result was wrong or nothing ran. */
  readonly ms?: Summary;
  /** Why there is no time: what was wrong, or what is not supported. */
  readonly wrong?: string;
  readonly clock: Clock;
  /** Least work: 2 · multiply–adds, and each operand moved once. */
  readonly flops?: number;
  readonly bytes?: number;
  /** Share of the time that this device's own peaks would need, 0 … 1. */
  readonly ofPeak?: number;
  /** What of the two takes longer at the peaks. */
  readonly bound?: "arithmetic" | "memory";
  /** Times over those of the first row, measured in turn. */
  readonly against?: Ratio & { readonly verdict: Verdict };
  /** The same of processor time, where it was measured beside wall time. */
  readonly cpuMs?: Summary;
  readonly cpuAgainst?: Ratio;
  readonly dispatches?: number;
  readonly submits?: number;
  readonly pipelines?: number;
  /** Activations as planned, the least any plan needs, and the most that was ever allocated. */
  readonly plannedBytes?: number;
  readonly lowerBoundBytes?: number;
  readonly peakBytes?: number;
  /** Time in run() itself, per dispatch, in µs. */
  readonly hostUsPerDispatch?: number;
  /** Tracing, compiling and the first run, in ms. */
  readonly firstMs?: number;
  /** What was checked, and how far off it was. */
  readonly checked?: string;
}

export interface Report {
  /** "cmedl", or "pytorch f32" and the like. */
  readonly engine: string;
  readonly adapter: string;
  readonly software: boolean;
  readonly date: string;
  readonly command: string;
  readonly host: string;
  /** Who was measured in turn with ours, in words. */
  readonly beside?: string;
  /** Processes that wanted a core at the end, for each core: the system's load average of a minute. */
  readonly load?: number;
  /** GFLOP/s of fused multiply–adds and GB/s of a copy (read and written bytes), measured on this device. */
  readonly peaks?: Peaks;
  readonly rows: readonly Row[];
}

/** How a time stands to what the peaks allow; nothing where they were measured by a clock that tells another time. */
export function heldAgainst(
  peaks: Peaks | undefined,
  { flops, bytes, clock, ms }: { flops: number; bytes: number; clock: Clock; ms: number },
): Pick<Row, "ofPeak" | "bound"> {
  if (!peaks || (flops <= 0 && bytes <= 0) || (peaks.clock === "cpu") !== (clock === "cpu")) return {};
  const bound = flops / peaks.gflops > bytes / peaks.gbs ? "arithmetic" : "memory";
  return { ofPeak: rooflineMs(flops, bytes, peaks) / ms, bound };
}

/** Least time in ms that the peaks allow: the roofline. */
export const rooflineMs = (flops: number, bytes: number, peaks: { gflops: number; gbs: number }): number =>
  Math.max(flops / peaks.gflops, bytes / peaks.gbs) / 1e6;

/** An adapter's name as a file name. */
export const fileNameOf = (adapter: string): string =>
  `${adapter
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "")}.json`;
