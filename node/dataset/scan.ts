// A folder of NIfTI images and label masks as a set of cases: finds the layout, checks geometry before any voxel is
// read, loads one volume at a time.
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { DataError, printable } from "../../data/errors.ts";
import { type IntensityRule, rangeOf } from "../../data/intensity.ts";
import type { NiftiHeader } from "../../data/nifti-header.ts";
import { parseNifti, peekBytes, peekNifti } from "../../data/nifti.ts";
import { orientationOf, toLps } from "../../data/orientation.ts";
import { type Case, type CollectOptions, SliceCollector, type SliceSet, shortSideMm } from "../../data/slices.ts";
import { type CaseName, type SplitLists, parseSplits } from "../../data/split.ts";
import { type Volume, type VoxelArray, affineDifference } from "../../data/volume.ts";
import { exists, readBytes } from "../files.ts";
import { type CaseFiles, type ImageFile, type Layout, findImages, pairFiles } from "./layout.ts";

export type { CaseFiles, ImageFile, Layout } from "./layout.ts";

export interface Dataset<C extends ImageFile = CaseFiles> {
  readonly folder: string;
  readonly layout: Layout;
  readonly cases: readonly C[];
}

/**
 * Finds the cases of a folder; no file is opened. Throws DataError: no folder, no NIfTI file, names without a
 * pattern, an image without a mask.
 */
export async function scanDataset(folder: string): Promise<Dataset> {
  return { folder, ...(await scan(folder, pairFiles)) };
}

/**
 * Finds the images of a folder, whether or not they have masks; no file is opened. Throws DataError: no folder, no
 * NIfTI file.
 */
export async function scanImages(folder: string): Promise<Dataset<ImageFile>> {
  return { folder, ...(await scan(folder, findImages)) };
}

async function scan<T>(
  folder: string,
  find: (folder: string, subfolders: readonly string[], list: (path: string) => Promise<string[]>) => Promise<T>,
): Promise<T> {
  const found = await stat(folder).catch(() => undefined);
  if (!found) throw new DataError(folder, "folder", "does not exist", "check the path");
  if (!found.isDirectory())
    throw new DataError(folder, "folder", "is a file", "name the folder that holds the images and masks");
  const list = async (path: string): Promise<string[]> =>
    (await readdir(path)).filter((f) => /\.nii(\.gz)?$/i.test(f) && !f.startsWith(".")).sort();
  const subfolders = (await readdir(folder, { withFileTypes: true }))
    .filter((e) => e.isDirectory() || e.isSymbolicLink())
    .map((e) => e.name);
  return find(folder, subfolders, list);
}

/** What the headers of a case tell, before its voxels are read. */
export interface CaseSurvey {
  readonly files: ImageFile;
  readonly image: NiftiHeader;
  /** Short side of the axial slices in mm. */
  readonly shortSideMm: number;
}

/**
 * Reads the headers of every image, and of its mask where one is named: types, equal shapes, equal places. Throws
 * DataError at the first that is wrong.
 */
export async function surveyCases(cases: readonly (ImageFile | CaseFiles)[]): Promise<CaseSurvey[]> {
  const surveys: CaseSurvey[] = [];
  for (const files of cases) {
    const image = peekNifti(await readBytes(files.imagePath, peekBytes), files.imagePath);
    if ("maskPath" in files)
      checkGeometry(files, image, peekNifti(await readBytes(files.maskPath, peekBytes), files.maskPath));
    const [i, j] = orientationOf(image.affine).axes;
    const [x, y] = image.oriented ? [i, j] : [0, 1];
    surveys.push({
      files,
      image,
      shortSideMm: shortSideMm({
        shape: [image.shape[x], image.shape[y], 1],
        spacingMm: [image.spacingMm[x], image.spacingMm[y], 1],
      }),
    });
  }
  return surveys;
}

type Placed = Pick<NiftiHeader, "shape" | "affine">;

/** How far affines may differ, element by element, and still be the same place. */
export const affineToleranceMm = 1e-3;

function checkGeometry(files: CaseFiles, image: Placed, mask: Placed): void {
  if (image.shape.some((n, i) => n !== mask.shape[i])) {
    throw new DataError(
      files.maskPath,
      "dim",
      `${mask.shape.join(" × ")} is not the ${image.shape.join(" × ")} of ${basename(files.imagePath)}`,
      "resample the mask to the image's grid",
    );
  }
  const difference = affineDifference(image.affine, mask.affine);
  if (difference > affineToleranceMm) {
    throw new DataError(
      files.maskPath,
      "affine",
      `differs from that of ${basename(files.imagePath)} by ${difference.toPrecision(3)} mm`,
      "resample the mask to the image's grid, or copy the image's header if they do lie on one another",
    );
  }
}

/** A volume from a NIfTI file, in its stored order. Throws DataError or FileError. */
export const readVolume = async (path: string): Promise<Volume> => parseNifti(await readBytes(path), path);

export interface LoadOptions {
  /**
   * The mask's values that are the classes 1, 2, …; "any": all but 0 are one. Null or without it a mask must hold one
   * value besides 0.
   */
  readonly labels?: readonly number[] | "any" | null;
  readonly onWarning?: (message: string) => void;
}

/**
 * Image and mask of one case, both in Left-Posterior-Superior order. Throws DataError where the mask is no label mask
 * or of another geometry.
 */
export async function loadCase(
  files: CaseFiles,
  { labels: wanted = null, onWarning }: LoadOptions = {},
): Promise<Case> {
  const image = toLps(await readVolume(files.imagePath));
  const mask = toLps(await readVolume(files.maskPath));
  checkGeometry(files, image, mask);
  [...image.warnings, ...mask.warnings].forEach((w) => onWarning?.(w));
  const labels = distinct(mask.data);
  const broken = labels.find((v) => Math.abs(v - Math.round(v)) > 1e-3);
  if (broken !== undefined)
    throw new DataError(
      files.maskPath,
      "labels",
      `holds ${broken}: labels are whole numbers`,
      "give a label mask, resampled by the nearest neighbour",
    );
  const show = printable(labels.slice(0, 12).join(", ") + (labels.length > 12 ? ", …" : ""));
  if (wanted === null && labels.length > 1)
    throw new DataError(
      files.maskPath,
      "labels",
      `holds ${labels.length} labels (${show})`,
      "choose one with --label N, or several as classes with --labels N,N",
    );
  const classOf = new Map(labels.map((v) => [v, Array.isArray(wanted) ? wanted.indexOf(Math.round(v)) + 1 : 1]));
  const found = new Set(classOf.values());
  const lacking = Array.isArray(wanted) ? wanted.filter((_, i) => !found.has(i + 1)) : [];
  if (labels.length === 0) onWarning?.(`${printable(files.maskPath)}: the mask is empty.`);
  else if (lacking.length)
    onWarning?.(`${printable(files.maskPath)}: holds no label ${lacking.join(", ")}, only ${show}.`);
  const classes = new Uint8Array(mask.data.length);
  for (let n = 0; n < classes.length; n++) if (mask.data[n] !== 0) classes[n] = classOf.get(mask.data[n])!;
  return { id: files.id, patient: files.patient, image, mask: classes };
}

/** An image alone, in Left-Posterior-Superior order; nothing is foreground. Throws DataError. */
export async function loadImage({ id, patient, imagePath }: ImageFile, { onWarning }: LoadOptions = {}): Promise<Case> {
  const image = toLps(await readVolume(imagePath));
  image.warnings.forEach((w) => onWarning?.(w));
  return { id, patient, image, mask: new Uint8Array(image.data.length) };
}

/** The values besides 0, rising. */
function distinct(data: VoxelArray): number[] {
  const found = new Set<number>();
  for (let i = 0, last = 0; i < data.length; i++) {
    if (data[i] === last) continue;
    last = data[i];
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
export const loadSlices = (cases: readonly CaseFiles[], name: string, options: SliceLoadOptions): Promise<SliceSet> =>
  loadSlicesBy(loadCase, cases, name, options);

/** loadSlices of cases that `load` gives, from files or not. */
export async function loadSlicesBy<C extends Loadable>(
  load: (named: C, options: LoadOptions) => Promise<Case>,
  cases: readonly C[],
  name: string,
  options: SliceLoadOptions,
): Promise<SliceSet> {
  const collector = await collect(cases, load, options);
  const { labels } = options;
  if (collector.foreground === 0) {
    throw new DataError(
      name,
      "masks",
      `all ${cases.length} are empty${Array.isArray(labels) ? ` of label ${labels.join(", ")}` : ""}`,
      "check the masks, or choose another --label",
    );
  }
  const lost = collector.outsideField / collector.foreground;
  if (lost > 0.01)
    options.onWarning?.(
      `${name}: ${Math.round(100 * lost)} % of the foreground lies outside the ${Math.round(options.grid.fieldMm)} mm field: widen it with --field.`,
    );
  return collector.finish(name);
}

/** All slices that show something of many images without masks; their masks are empty. Throws DataError. */
export async function loadImageSlices(
  images: readonly ImageFile[],
  name: string,
  options: SliceLoadOptions,
): Promise<SliceSet> {
  return (await collect(images, loadImage, { ...options, negatives: "shown" })).finish(name);
}

/** A case's name, and its image's file where it has one. */
type Loadable = CaseName & Partial<Pick<ImageFile, "imagePath">>;

async function collect<C extends Loadable>(
  cases: readonly C[],
  load: (named: C, options: LoadOptions) => Promise<Case>,
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

export interface FoundSplits {
  readonly path: string;
  readonly lists: SplitLists;
}

/**
 * The splits that go with a set: `path` if given, else splits.json or splits_final.json in the folder, else beside it
 * where they name cases of the set. Undefined where there are none.
 */
export async function findSplits(
  { folder, cases }: Dataset<ImageFile>,
  { path, fold }: { path?: string; fold?: number } = {},
): Promise<FoundSplits | undefined> {
  const read = async (p: string): Promise<FoundSplits> => ({
    path: p,
    lists: parseSplits(new TextDecoder().decode(await readBytes(p)), p, fold),
  });
  if (path) return read(path);
  const names = ["splits.json", "splits_final.json"];
  for (const name of names) if (await exists(join(folder, name))) return read(join(folder, name));
  const known = new Set(cases.flatMap((c) => [c.id, c.patient]));
  for (const name of names) {
    const beside = join(dirname(resolve(folder)), name);
    if (!(await exists(beside))) continue;
    const found = await read(beside).catch((error: unknown) => {
      if (error instanceof DataError) return undefined; // a file of that name which is none of ours
      throw error;
    });
    if (found && [...Object.values(found.lists.train), found.lists.val].some((ids) => ids.some((id) => known.has(id))))
      return found;
  }
  return undefined;
}
