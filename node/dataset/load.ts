// Cases from disk into memory, one volume at a time, and on to the slices that networks see.
import { DataError, printable } from "../../data/errors.ts";
import { readImage } from "../../data/formats/index.ts";
import { type IntensityRule, rangeOf } from "../../data/intensity.ts";
import { toLps } from "../../data/orientation.ts";
import { type CollectOptions, type LoadedCase, SliceCollector, type SliceSet } from "../../data/slices.ts";
import type { CaseName } from "../../data/split.ts";
import type { Volume, VoxelArray } from "../../data/volume.ts";
import { readBytes } from "../files.ts";
import type { Case, CaseImage } from "./layout.ts";
import { checkGeometry } from "./survey.ts";

/** The volume of an image file, in its stored order. Throws DataError or FileError. */
export const readVolume = async (path: string): Promise<Volume> => readImage(await readBytes(path), path);

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

/**
 * Image and mask of one case, both in Left-Posterior-Superior order. Throws DataError where the mask is no label mask
 * or of another geometry.
 */
export async function loadCase(c: Case, { labels = null, onWarning }: LoadOptions = {}): Promise<LoadedCase> {
  const image = toLps(await readVolume(c.imagePath));
  const mask = toLps(await readVolume(c.maskPath));
  checkGeometry(c, image, mask);
  for (const warning of [...image.warnings, ...mask.warnings]) onWarning?.(warning);
  return { id: c.id, patient: c.patient, image, mask: classesOf(mask.data, labels, c.maskPath, onWarning) };
}

/** An image alone, in Left-Posterior-Superior order; nothing is foreground. Throws DataError. */
export async function loadImage(
  { id, patient, imagePath }: CaseImage,
  { onWarning }: LoadOptions = {},
): Promise<LoadedCase> {
  const image = toLps(await readVolume(imagePath));
  for (const warning of image.warnings) onWarning?.(warning);
  return { id, patient, image, mask: new Uint8Array(image.data.length) };
}

/** A mask's values as class numbers. Throws DataError where they are no labels, or several and none is chosen. */
function classesOf(
  mask: VoxelArray,
  wanted: Labels,
  path: string,
  onWarning: LoadOptions["onWarning"],
): Uint8Array<ArrayBuffer> {
  const labels = distinct(mask);
  const broken = labels.find((v) => Math.abs(v - Math.round(v)) > 1e-3);
  if (broken !== undefined) {
    const problem = `holds ${broken}: labels are whole numbers`;
    throw new DataError(path, "labels", problem, "give a label mask, resampled by the nearest neighbour");
  }
  const shown = printable(labels.slice(0, 12).join(", ") + (labels.length > 12 ? ", …" : ""));
  if (wanted === null && labels.length > 1) {
    const problem = `holds ${labels.length} labels (${shown})`;
    throw new DataError(path, "labels", problem, "choose one with --label N, or several as classes with --labels N,N");
  }
  const chosen = wanted === null || wanted === "any" ? undefined : wanted;
  const classOf = new Map(labels.map((v) => [v, chosen ? chosen.indexOf(Math.round(v)) + 1 : 1]));
  const found = new Set(classOf.values());
  const lacking = (chosen ?? []).filter((_, i) => !found.has(i + 1));
  if (labels.length === 0) onWarning?.(`${printable(path)}: the mask is empty.`);
  else if (lacking.length) onWarning?.(`${printable(path)}: holds no label ${lacking.join(", ")}, only ${shown}.`);
  const classes = new Uint8Array(mask.length);
  for (let n = 0; n < classes.length; n++) if (mask[n] !== 0) classes[n] = classOf.get(mask[n]!)!;
  return classes;
}

/** The values besides 0, rising. */
function distinct(data: VoxelArray): number[] {
  const found = new Set<number>();
  for (let i = 0, last = 0; i < data.length; i++) {
    if (data[i] === last) continue;
    last = data[i]!;
    if (last !== 0) found.add(last);
  }
  return [...found].sort((a, b) => a - b);
}

export interface Progress {
  readonly done: number;
  readonly total: number;
  readonly id: string;
}

export interface SliceLoadOptions extends LoadOptions, CollectOptions {
  readonly rule: IntensityRule;
  readonly onProgress?: (progress: Progress) => void;
}

/**
 * The training slices of many cases, one volume in memory at a time. Throws DataError as loadCase, and where every
 * mask is empty.
 */
export const loadSlices = (cases: readonly Case[], name: string, options: SliceLoadOptions): Promise<SliceSet> =>
  loadSlicesBy(loadCase, cases, name, options);

/** loadSlices of cases that `load` gives, from files or not. */
export async function loadSlicesBy<C extends Loadable>(
  load: (named: C, options: LoadOptions) => Promise<LoadedCase>,
  cases: readonly C[],
  name: string,
  options: SliceLoadOptions,
): Promise<SliceSet> {
  const collector = await collect(cases, load, options);
  const { grid, labels, onWarning } = options;
  if (collector.foreground === 0) {
    const which = labels && labels !== "any" ? ` of label ${labels.join(", ")}` : "";
    const problem = `all ${cases.length} are empty${which}`;
    throw new DataError(name, "masks", problem, "check the masks, or choose another --label");
  }
  const lost = collector.outsideField / collector.foreground;
  if (lost > 0.01) {
    const field = `the ${Math.round(grid.fieldMm)} mm field`;
    onWarning?.(`${name}: ${Math.round(100 * lost)} % of the foreground lies outside ${field}: widen it with --field.`);
  }
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

/** A case's name, and its image's file where it has one. */
type Loadable = CaseName & { readonly imagePath?: string };

async function collect<C extends Loadable>(
  cases: readonly C[],
  load: (named: C, options: LoadOptions) => Promise<LoadedCase>,
  options: SliceLoadOptions,
): Promise<SliceCollector> {
  const collector = new SliceCollector(options);
  for (const [i, named] of cases.entries()) {
    const loaded = await load(named, options);
    collector.add(loaded, rangeOf(options.rule, loaded.image.data, named.imagePath ?? named.id));
    options.onProgress?.({ done: i + 1, total: cases.length, id: named.id });
  }
  return collector;
}
