// The jobs of an experiment: each row, network, seed and fold with its whole configuration.
import type { ConfigError } from "../../train/config/check.ts";
import type { PartialConfig, SegmentorName, TrainConfig } from "../../train/config/config.ts";
import { type Layer, layeredConfig, presetOf } from "../../train/config/presets.ts";
import { type Experiment, type Job, jobsOf } from "../../train/experiments.ts";
import { withFeaturesOfFile } from "../run/plan.ts";
import type { ExperimentData } from "./data.ts";

/** A job with its configuration, but for how long it trains, and the ids that it is tested on. */
export interface PlannedJob extends Job {
  readonly config: TrainConfig;
  readonly test: readonly string[];
}

export interface Choices {
  readonly segmentors: readonly SegmentorName[];
  /** Runs of each row: their seeds are 0, 1, …. */
  readonly seeds: number;
  /** Folds of a cross-validation; null for the split that the data has. */
  readonly folds: number | null;
}

/** All jobs, whole tables one after another. `given` are the user's fields. Throws what a layer makes of a mistake. */
export async function planJobs(
  plan: Experiment,
  { segmentors, seeds, folds }: Choices,
  data: ExperimentData,
  given: readonly Layer[],
): Promise<PlannedJob[]> {
  const planned: PlannedJob[] = [];
  for (const job of jobsOf(plan, { segmentors, seeds: Array.from({ length: seeds }, (_, i) => i), folds })) {
    const { test, ...cases } = await data.cases(isSwapped(job), job.fold, folds);
    planned.push({ ...job, test, config: await configOf(job, data, given, cases) });
  }
  return planned;
}

/** Whether the modalities change places in a job's row. */
export const isSwapped = ({ row }: Job): boolean => row.swapped ?? false;

/** "Table I, CMEDL": a job's row. */
export const rowName = ({ row }: Job, separator = ", "): string =>
  row.part === undefined ? row.name : `${row.part}${separator}${row.name}`;

/**
 * A job's whole configuration: its preset; nothing stops early; the data's sizes; the user's fields; what the job
 * itself decides.
 */
async function configOf(
  job: Job,
  data: ExperimentData,
  given: readonly Layer[],
  cases: TrainConfig["cases"],
): Promise<TrainConfig> {
  const plain = (value: PartialConfig): Layer => ({ value, locate: (error: ConfigError) => error });
  const config = layeredConfig(presetOf(job.row.preset), [
    plain({ optimization: { patience: null } }),
    plain(data.fields(isSwapped(job))),
    ...given,
    plain({ seed: job.seed, networks: { segmentor: { kind: job.segmentor } }, cases }),
  ]);
  return data.learned(await withFeaturesOfFile(config), isSwapped(job));
}

/** Fields that layers give, the later over the earlier. */
export function mergedFields(layers: readonly Layer[]): PartialConfig {
  return layers.reduce<unknown>((all, { value }) => merge(all, value), {}) as PartialConfig;
}

function merge(a: unknown, b: unknown): unknown {
  if (!isPlain(a) || !isPlain(b)) return b;
  const merged = { ...a };
  for (const [name, value] of Object.entries(b)) merged[name] = name in a ? merge(a[name], value) : value;
  return merged;
}

const isPlain = (v: unknown): v is Record<string, unknown> => typeof v === "object" && v !== null && !Array.isArray(v);
