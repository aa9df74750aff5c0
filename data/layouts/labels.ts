// The values of a mask as the labels that they stand for.
import { DataError, printable } from "../errors.ts";
import type { Labels, LoadOptions } from "../collect-slices.ts";
import type { VoxelArray } from "../volume.ts";

/** The error where a mask holds several labels and none is chosen. */
export const severalLabels = (path: string, count: number, shown: string): DataError =>
  new DataError(
    path,
    "labels",
    `holds ${count} labels (${printable(shown)})`,
    "choose one with --label N, or several as classes with --labels N,N (data.labels)",
  );

/** A mask's values as class numbers. Throws DataError where they are no labels, or several and none is chosen. */
export function classesOf(
  mask: VoxelArray,
  wanted: Labels,
  path: string,
  onWarning?: LoadOptions["onWarning"],
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

/**
 * A mask's value as a label: the whole number that it was before it was scaled or resampled; 0 for NaN and infinity.
 */
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
