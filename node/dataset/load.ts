// Cases from disk into memory, one volume at a time.
import { DataError, printable } from "../../data/errors.ts";
import { inOrder, toLps } from "../../data/orientation.ts";
import type { LoadedCase } from "../../data/slices.ts";
import type { Volume, VoxelArray } from "../../data/volume.ts";
import type { Case, CaseImage, Structure } from "./case.ts";
import { pairGrids } from "./geometry.ts";
import { readStructureSet, readVolume, readVoxels } from "./open.ts";

/**
 * A mask's voxels in the order of its image's as stored, with what was odd; of contours or segments, those of one
 * `structure`, else of all. Throws DataError where it lies elsewhere.
 */
async function readMask(
  imagePath: string,
  maskPath: string,
  image: Volume,
  structure?: string,
): Promise<{ data: VoxelArray; warnings: string[] }> {
  const structures = await readStructureSet(maskPath);
  if (structures) return structures.draw(structure === undefined ? structures.names : [structure], image);
  const mask = await readVoxels(maskPath);
  const { orientation, warnings } = pairGrids({ imagePath, maskPath }, image, mask);
  return { data: inOrder(mask, orientation).data, warnings: [...mask.warnings, ...warnings] };
}

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
  const { image, labels: values, warnings } = await loadLabels(c, labels);
  for (const warning of warnings) onWarning?.(warning);
  return { id: c.id, patient: c.patient, image, mask: classesOf(values, labels, c.maskPath, onWarning) };
}

/** A case's image and the values of its mask's file, which are not classes yet, both in Left-Posterior-Superior order. */
export interface LabelledCase {
  readonly image: Volume;
  /** The image in its stored order. */
  readonly stored: Volume;
  readonly labels: VoxelArray;
  /** What was odd; whole sentences. */
  readonly warnings: readonly string[];
}

/**
 * Image and mask of one case as they are; of structures in files of their own, those that are `wanted`. Throws
 * DataError where the mask is of another geometry.
 */
export async function loadLabels(c: Case, wanted: Labels = "any"): Promise<LabelledCase> {
  const stored = await readVolume(c.imagePath);
  const mask = c.structures
    ? await readStructures(c, c.structures, wanted, stored)
    : await readMask(c.imagePath, c.maskPath, stored);
  const { data: labels } = toLps({ ...stored, data: mask.data });
  return { image: toLps(stored), stored, labels, warnings: [...stored.warnings, ...mask.warnings] };
}

/**
 * The masks of a case's structures as one, with their labels; those that `labels` does not ask for are not read. Where
 * two overlap, a voxel has the lower label. Throws DataError where there are several and none is chosen.
 */
async function readStructures(
  { imagePath, maskPath }: Case,
  structures: readonly Structure[],
  labels: Labels,
  image: Volume,
): Promise<{ data: VoxelArray; warnings: string[] }> {
  if (labels === null && structures.length > 1)
    throw severalLabels(
      maskPath,
      structures.length,
      structures.map(({ label, name }) => `${label} ${name}`).join(", "),
    );
  const wanted = structures.filter(({ label }) => labels === null || labels === "any" || labels.includes(label));
  const data = new Uint16Array(image.data.length);
  const warnings: string[] = [];
  let overlapping = 0;
  for (const { label, path, within } of wanted) {
    const mask = await readMask(imagePath, path, image, within);
    warnings.push(...mask.warnings);
    mask.data.forEach((v, i) => {
      if (v === 0 || !Number.isFinite(v)) return;
      if (data[i] !== 0) overlapping++;
      else data[i] = label;
    });
  }
  if (overlapping > 0)
    warnings.push(`${printable(maskPath)}: ${overlapping} voxels are of two structures: they have the lower label.`);
  return { data, warnings };
}

const severalLabels = (path: string, count: number, shown: string): DataError =>
  new DataError(
    path,
    "labels",
    `holds ${count} labels (${printable(shown)})`,
    "choose one with --label N, or several as classes with --labels N,N",
  );

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
  const labels = labelsOf(mask, path);
  const shown = printable(labels.slice(0, 12).join(", ") + (labels.length > 12 ? ", …" : ""));
  if (wanted === null && labels.length > 1) throw severalLabels(path, labels.length, shown);
  const chosen = wanted === null || wanted === "any" ? undefined : wanted;
  const classOf = new Map(labels.map((v) => [v, chosen ? chosen.indexOf(v) + 1 : 1]));
  const found = new Set(classOf.values());
  const lacking = (chosen ?? []).filter((_, i) => !found.has(i + 1));
  if (labels.length === 0) onWarning?.(`${printable(path)}: the mask is empty.`);
  else if (lacking.length) onWarning?.(`${printable(path)}: holds no label ${lacking.join(", ")}, only ${shown}.`);
  const classes = new Uint8Array(mask.length);
  for (let n = 0; n < classes.length; n++) classes[n] = classOf.get(labelOf(mask[n]!)) ?? 0;
  return classes;
}

/** A mask's value as a label: the whole number that it was before it was scaled or resampled; 0 for NaN and infinity. */
export const labelOf = (v: number): number => (Number.isFinite(v) ? Math.round(v) : 0);

/** The labels besides 0, rising. Throws DataError where a value is none. */
export function labelsOf(mask: VoxelArray, path: string): number[] {
  const found = new Set<number>();
  for (let i = 0, last = 0; i < mask.length; i++) {
    const v = mask[i]!;
    if (v === last) continue;
    last = v;
    const label = labelOf(v);
    if (Math.abs(v - label) > LABEL_TOLERANCE && Number.isFinite(v)) {
      const problem = `holds ${v}: labels are whole numbers`;
      throw new DataError(path, "labels", problem, "give a label mask, resampled by the nearest neighbour");
    }
    if (label !== 0) found.add(label);
  }
  return [...found].sort((a, b) => a - b);
}
/** How far a value may be from the whole number that it stands for. */
const LABEL_TOLERANCE = 1e-3;
