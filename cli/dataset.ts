// A folder of NIfTI images and label masks as a set of cases: finds the layout, checks geometry before any voxel is read, loads one volume at a time.
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { DataError, printable } from "../data/errors.ts";
import { type IntensityRule, rangeOf } from "../data/intensity.ts";
import type { NiftiHeader } from "../data/nifti-header.ts";
import { parseNifti, peekBytes, peekNifti } from "../data/nifti.ts";
import { orientationOf, toLps } from "../data/orientation.ts";
import { type Case, type CollectOptions, SliceCollector, type SliceSet, shortSideMm } from "../data/slices.ts";
import { type SplitLists, parseSplits } from "../data/split.ts";
import { type Volume, type VoxelArray, affineDifference } from "../data/volume.ts";
import { exists, readBytes } from "./files.ts";
import { type CaseFiles, type Layout, pairFiles } from "./layout.ts";

export type { CaseFiles, Layout } from "./layout.ts";

export interface Dataset {
  readonly folder: string;
  readonly layout: Layout;
  readonly cases: readonly CaseFiles[];
}

/** Finds the cases of a folder; no file is opened. Throws DataError: no folder, no NIfTI file, names without a pattern, an image without a mask. */
export async function scanDataset(folder: string): Promise<Dataset> {
  const found = await stat(folder).catch(() => undefined);
  if (!found) throw new DataError(folder, "folder", "does not exist", "check the path");
  if (!found.isDirectory()) throw new DataError(folder, "folder", "is a file", "name the folder that holds the images and masks");
  const list = async (path: string): Promise<string[]> => (await readdir(path)).filter((f) => /\.nii(\.gz)?$/i.test(f) && !f.startsWith(".")).sort();
  const subfolders = (await readdir(folder, { withFileTypes: true })).filter((e) => e.isDirectory() || e.isSymbolicLink()).map((e) => e.name);
  return { folder, ...(await pairFiles(folder, subfolders, list)) };
}

/** What the headers of a case tell, before its voxels are read. */
export interface CaseSurvey {
  readonly files: CaseFiles;
  readonly image: NiftiHeader;
  /** Short side of the axial slices in mm. */
  readonly shortSideMm: number;
}

/** Reads the headers of every image and mask: types, equal shapes, equal places. Throws DataError at the first that is wrong. */
export async function surveyCases(cases: readonly CaseFiles[]): Promise<CaseSurvey[]> {
  const surveys: CaseSurvey[] = [];
  for (const files of cases) {
    const image = peekNifti(await readBytes(files.imagePath, peekBytes), files.imagePath);
    const mask = peekNifti(await readBytes(files.maskPath, peekBytes), files.maskPath);
    checkGeometry(files, image, mask);
    const [i, j] = orientationOf(image.affine).axes;
    const [x, y] = image.oriented ? [i, j] : [0, 1];
    surveys.push({ files, image, shortSideMm: shortSideMm({ shape: [image.shape[x], image.shape[y], 1], spacingMm: [image.spacingMm[x], image.spacingMm[y], 1] }) });
  }
  return surveys;
}

type Placed = Pick<NiftiHeader, "shape" | "affine">;

/** How far affines may differ, element by element, and still be the same place. */
export const affineToleranceMm = 1e-3;

function checkGeometry(files: CaseFiles, image: Placed, mask: Placed): void {
  if (image.shape.some((n, i) => n !== mask.shape[i])) {
    throw new DataError(files.maskPath, "dim", `${mask.shape.join(" × ")} is not the ${image.shape.join(" × ")} of ${basename(files.imagePath)}`, "resample the mask to the image's grid");
  }
  const difference = affineDifference(image.affine, mask.affine);
  if (difference > affineToleranceMm) {
    throw new DataError(files.maskPath, "affine", `differs from that of ${basename(files.imagePath)} by ${difference.toPrecision(3)} mm`, "resample the mask to the image's grid, or copy the image's header if they do lie on one another");
  }
}

/** A volume from a NIfTI file, in its stored order. Throws DataError or FileError. */
export const readVolume = async (path: string): Promise<Volume> => parseNifti(await readBytes(path), path);

export interface LoadOptions {
  /** The mask's value that is foreground; "any" takes all but 0. Without it a mask must hold one value besides 0. */
  readonly label?: number | "any";
  readonly onWarning?: (message: string) => void;
}

/** Image and mask of one case, both in Left-Posterior-Superior order. Throws DataError where the mask is no label mask or of another geometry. */
export async function loadCase(files: CaseFiles, { label, onWarning }: LoadOptions = {}): Promise<Case> {
  const image = toLps(await readVolume(files.imagePath)), mask = toLps(await readVolume(files.maskPath));
  checkGeometry(files, image, mask);
  [...image.warnings, ...mask.warnings].forEach((w) => onWarning?.(w));
  const labels = distinct(mask.data);
  const broken = labels.find((v) => Math.abs(v - Math.round(v)) > 1e-3);
  if (broken !== undefined) throw new DataError(files.maskPath, "labels", `holds ${broken}: labels are whole numbers`, "give a label mask, resampled by the nearest neighbour");
  const show = printable(labels.slice(0, 12).join(", ") + (labels.length > 12 ? ", …" : ""));
  if (label === undefined && labels.length > 1) throw new DataError(files.maskPath, "labels", `holds ${labels.length} labels (${show})`, "choose one with --label N");
  const wanted = (v: number): boolean => v !== 0 && (label === undefined || label === "any" || Math.round(v) === label);
  if (!labels.some(wanted)) onWarning?.(`${printable(files.maskPath)}: ${labels.length ? `holds no label ${label}, only ${show}` : "the mask is empty"}.`);
  const foreground = new Uint8Array(mask.data.length), accepted = new Set(labels.filter(wanted));
  for (let n = 0; n < foreground.length; n++) if (mask.data[n] !== 0 && accepted.has(mask.data[n])) foreground[n] = 1;
  return { id: files.id, patient: files.patient, image, mask: foreground };
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

/** The training slices of many cases, one volume in memory at a time. Throws DataError as loadCase, and where every mask is empty. */
export async function loadSlices(cases: readonly CaseFiles[], name: string, options: SliceLoadOptions): Promise<SliceSet> {
  const collector = new SliceCollector(options);
  for (const [i, files] of cases.entries()) {
    const loaded = await loadCase(files, options);
    collector.add(loaded, rangeOf(options.rule, loaded.image.data, files.imagePath));
    options.onProgress?.({ done: i + 1, total: cases.length, id: files.id });
  }
  if (collector.foreground === 0) {
    throw new DataError(name, "masks", `all ${cases.length} are empty${typeof options.label === "number" ? ` of label ${options.label}` : ""}`, "check the masks, or choose another --label");
  }
  const lost = collector.outsideField / collector.foreground;
  if (lost > 0.01) options.onWarning?.(`${name}: ${Math.round(100 * lost)} % of the foreground lies outside the ${Math.round(options.grid.fieldMm)} mm field: widen it with --field.`);
  return collector.finish(name);
}

export interface FoundSplits {
  readonly path: string;
  readonly lists: SplitLists;
}

/**
 * The splits that go with a set: `path` if given, else splits.json or splits_final.json in the folder, else beside it where they name cases
 * of the set. Undefined where there are none.
 */
export async function findSplits({ folder, cases }: Dataset, { path, fold }: { path?: string; fold?: number } = {}): Promise<FoundSplits | undefined> {
  const read = async (p: string): Promise<FoundSplits> => ({ path: p, lists: parseSplits(new TextDecoder().decode(await readBytes(p)), p, fold) });
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
    if (found && [...Object.values(found.lists.train), found.lists.val].some((ids) => ids.some((id) => known.has(id)))) return found;
  }
  return undefined;
}
