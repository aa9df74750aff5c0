// Cases to the slices that networks see, one volume in memory at a time, wherever the cases come from.
import { DataError } from "./errors.ts";
import { type IntensityRule, isHu, rangeOf } from "./intensity.ts";
import { type CollectOptions, type PreparedCase, SliceCollector, prepareCase } from "./prepare.ts";
import { type LoadedCase, type SliceSet, bytesOfSlices } from "./slices.ts";
import type { CaseName } from "./split.ts";
import { type ValueStatistics, statisticsOf } from "./value-statistics.ts";

/**
 * The mask's values that are the classes 1, 2, …. "any": all values but 0 are one class. null: the mask must hold one
 * value besides 0.
 */
export type Labels = readonly number[] | "any" | null;

export interface LoadOptions {
  /** Default null. */
  readonly labels?: Labels;
  readonly onWarning?: (message: string) => void;
}

export interface Progress {
  readonly done: number;
  readonly total: number;
  readonly id: string;
  /** Of the slices so far, images and masks. */
  readonly bytes: number;
}

export interface SliceLoadOptions extends LoadOptions, Omit<CollectOptions, "hu"> {
  readonly rule: IntensityRule;
  /** Hears of each case once it is done; the next one waits for it. */
  readonly onProgress?: (progress: Progress) => void | Promise<void>;
  /** Hears what the values of each volume are like. */
  readonly onValues?: (id: string, values: ValueStatistics) => void;
}

/** What is kept of a case once its volume is gone. */
export interface PreparedFile {
  readonly slices: PreparedCase;
  readonly values: ValueStatistics;
  /** What was odd; whole sentences. */
  readonly warnings: readonly string[];
}

/** A case's name, and its image's file where it has one. */
export type Loadable = CaseName & { readonly imagePath?: string };
/** Gives a case in Left-Posterior-Superior order. */
export type Load<C> = (named: C, options: LoadOptions) => Promise<LoadedCase>;

/**
 * The training slices of cases that `load` gives. Throws DataError where a case can't be scaled, and where every mask
 * is empty.
 */
export async function collectSlices<C extends Loadable>(
  load: Load<C>,
  cases: readonly C[],
  name: string,
  options: SliceLoadOptions,
): Promise<SliceSet> {
  const collector = await collectCases(cases, load, options);
  checkForeground(collector, cases.length, name, options);
  return collector.finish(name);
}

/** All slices that show something of many images whose masks, if there are any, do not count. Throws DataError. */
export async function collectImageSlices<C extends Loadable>(
  load: Load<C>,
  cases: readonly C[],
  name: string,
  options: SliceLoadOptions,
): Promise<SliceSet> {
  return (await collectCases(cases, load, { ...options, negatives: "shown" })).finish(name);
}

/** Throws DataError where all masks are empty; warns where fields cut foreground off. */
export function checkForeground(
  { foreground, outsideField }: { readonly foreground: number; readonly outsideField: number },
  cases: number,
  name: string,
  { grid, labels, onWarning }: SliceLoadOptions,
): void {
  if (foreground === 0) {
    const which = labels && labels !== "any" ? ` of label ${labels.join(", ")}` : "";
    const problem = `all ${cases} are empty${which}`;
    throw new DataError(name, "masks", problem, "check the masks, or choose another --label (data.labels)");
  }
  const lost = outsideField / foreground;
  if (lost <= 0.01) return;
  const field = `the ${Math.round(grid.fieldMm)} mm field`;
  onWarning?.(
    `${name}: ${Math.round(100 * lost)} % of the foreground lies outside ${field}: widen it with --field (data.fieldMm).`,
  );
}

/** The slices of cases, whatever is in their masks. */
async function collectCases<C extends Loadable>(
  cases: readonly C[],
  load: Load<C>,
  options: SliceLoadOptions,
): Promise<SliceCollector> {
  const collector = new SliceCollector(options);
  let bytes = 0;
  for (const [i, named] of cases.entries()) {
    const prepared = await prepareLoaded(named, load, options);
    collector.addPrepared(prepared.slices);
    bytes += bytesOfSlices({ size: prepared.slices.size, count: prepared.slices.z.length });
    tellPrepared(prepared, options);
    await options.onProgress?.({ done: i + 1, total: cases.length, id: named.id, bytes });
  }
  return collector;
}

/** Tells of the warnings and the values of a case. */
export function tellPrepared(
  { warnings, values, ...c }: Pick<PreparedFile, "warnings" | "values"> & ({ slices: CaseName } | CaseName),
  { onWarning, onValues }: SliceLoadOptions,
): void {
  for (const warning of warnings) onWarning?.(warning);
  onValues?.("slices" in c ? c.slices.id : c.id, values);
}

/** The slices of one case, and what is kept of it beside. */
export async function prepareLoaded<C extends Loadable>(
  named: C,
  load: Load<C>,
  options: SliceLoadOptions,
): Promise<PreparedFile> {
  const warnings: string[] = [];
  const loaded = await load(named, {
    ...(options.labels !== undefined && { labels: options.labels }),
    onWarning: (warning) => warnings.push(warning),
  });
  const range = rangeOf(options.rule, loaded.image.data, named.imagePath ?? named.id);
  const slices = prepareCase(loaded, range, { ...options, hu: isHu(options.rule) });
  return { slices, values: statisticsOf(loaded.image.data, range), warnings };
}
