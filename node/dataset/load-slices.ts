// Cases from disk to the slices that networks see, one volume in memory at a time: into memory, or into a cache.
import { DataError } from "../../data/errors.ts";
import { type IntensityRule, isHu, rangeOf } from "../../data/intensity.ts";
import { type CollectOptions, type PreparedCase, SliceCollector, prepareCase } from "../../data/prepare.ts";
import type { LoadedCase, SliceSet } from "../../data/slices.ts";
import type { CaseName } from "../../data/split.ts";
import { type ValueStatistics, statisticsOf } from "../../data/value-statistics.ts";
import type { Case, CaseImage } from "./case.ts";
import { CachedSlices } from "./cached-slices.ts";
import { type LoadOptions, loadCase, loadImage } from "./load.ts";
import type { SliceCache } from "./slice-cache.ts";

export interface Progress {
  readonly done: number;
  readonly total: number;
  readonly id: string;
  /** Of the slices so far, images and masks. */
  readonly bytes: number;
}

export interface SliceLoadOptions extends LoadOptions, Omit<CollectOptions, "hu"> {
  readonly rule: IntensityRule;
  readonly onProgress?: (progress: Progress) => void;
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
type Loadable = CaseName & { readonly imagePath?: string };
type Load<C> = (named: C, options: LoadOptions) => Promise<LoadedCase>;

/**
 * The training slices of many cases, one volume in memory at a time. Throws DataError as loadCase, and where every
 * mask is empty.
 */
export const loadSlices = (cases: readonly Case[], name: string, options: SliceLoadOptions): Promise<SliceSet> =>
  loadSlicesBy(loadCase, cases, name, options);

/** loadSlices of cases that `load` gives, from files or not. */
export async function loadSlicesBy<C extends Loadable>(
  load: Load<C>,
  cases: readonly C[],
  name: string,
  options: SliceLoadOptions,
): Promise<SliceSet> {
  const collector = await collect(cases, load, options);
  checkForeground(collector, cases.length, name, options);
  return collector.finish(name);
}

/** All slices that show something of many images without masks; their masks are empty. Throws DataError. */
export async function loadImageSlices(
  cases: readonly CaseImage[],
  name: string,
  options: SliceLoadOptions,
): Promise<SliceSet> {
  return (await collect(cases, loadImage, { ...options, negatives: "shown" })).finish(name);
}

/**
 * The slices that loadSlices gives, kept in a cache: a case that was prepared there before, from the same bytes of files
 * and by the same settings, is not read again. Throws as loadSlices, and FileError where the cache can't be written.
 */
export async function cacheSlices(
  cases: readonly Case[],
  name: string,
  cache: SliceCache,
  options: SliceLoadOptions,
): Promise<CachedSlices> {
  const slices = await collectCached(cases, loadCase, cache, options);
  checkForeground(slices, cases.length, name, options);
  return slices;
}

/** The slices that loadImageSlices gives, kept in a cache. Throws as cacheSlices. */
export async function cacheImageSlices(
  cases: readonly CaseImage[],
  name: string,
  cache: SliceCache,
  options: SliceLoadOptions,
): Promise<CachedSlices> {
  const slices = await collectCached(cases, loadImage, cache, { ...options, negatives: "shown" });
  if (slices.count === 0) throw new DataError(name, "slices", "no slice shows anything", "check the images");
  return slices;
}

/** Throws DataError where all masks are empty; warns where fields cut foreground off. */
function checkForeground(
  { foreground, outsideField }: { readonly foreground: number; readonly outsideField: number },
  cases: number,
  name: string,
  { grid, labels, onWarning }: SliceLoadOptions,
): void {
  if (foreground === 0) {
    const which = labels && labels !== "any" ? ` of label ${labels.join(", ")}` : "";
    const problem = `all ${cases} are empty${which}`;
    throw new DataError(name, "masks", problem, "check the masks, or choose another --label");
  }
  const lost = outsideField / foreground;
  if (lost <= 0.01) return;
  const field = `the ${Math.round(grid.fieldMm)} mm field`;
  onWarning?.(`${name}: ${Math.round(100 * lost)} % of the foreground lies outside ${field}: widen it with --field.`);
}

const bytesOf = ({ images, masks }: PreparedCase): number => images.byteLength + masks.byteLength;

async function collect<C extends Loadable>(
  cases: readonly C[],
  load: Load<C>,
  options: SliceLoadOptions,
): Promise<SliceCollector> {
  const collector = new SliceCollector(options);
  let bytes = 0;
  for (const [i, named] of cases.entries()) {
    const prepared = await prepare(named, load, options);
    collector.addPrepared(prepared.slices);
    bytes += bytesOf(prepared.slices);
    tell(prepared, options);
    options.onProgress?.({ done: i + 1, total: cases.length, id: named.id, bytes });
  }
  return collector;
}

async function collectCached<C extends Loadable>(
  cases: readonly C[],
  load: Load<C>,
  cache: SliceCache,
  options: SliceLoadOptions,
): Promise<CachedSlices> {
  const { grid, negatives, seed, slices, fieldAt, rule, labels } = options;
  const settings = { grid, negatives, seed, slices, fieldAt, rule, labels, masks: (load as unknown) !== loadImage };
  const collected = new CachedSlices(grid.size);
  try {
    for (const [i, named] of cases.entries()) {
      const entry = await cache.entry({ case: named, settings }, () => prepare(named, load, options));
      collected.add(entry);
      tell(entry.header, options);
      options.onProgress?.({ done: i + 1, total: cases.length, id: named.id, bytes: collected.bytes });
    }
  } catch (error) {
    collected.close();
    throw error;
  }
  return collected;
}

function tell(
  { warnings, values, ...c }: Pick<PreparedFile, "warnings" | "values"> & ({ slices: CaseName } | CaseName),
  { onWarning, onValues }: SliceLoadOptions,
): void {
  for (const warning of warnings) onWarning?.(warning);
  onValues?.("slices" in c ? c.slices.id : c.id, values);
}

async function prepare<C extends Loadable>(named: C, load: Load<C>, options: SliceLoadOptions): Promise<PreparedFile> {
  const warnings: string[] = [];
  const loaded = await load(named, {
    ...(options.labels !== undefined && { labels: options.labels }),
    onWarning: (warning) => warnings.push(warning),
  });
  const range = rangeOf(options.rule, loaded.image.data, named.imagePath ?? named.id);
  const slices = prepareCase(loaded, range, { ...options, hu: isHu(options.rule) });
  return { slices, values: statisticsOf(loaded.image.data, range), warnings };
}
