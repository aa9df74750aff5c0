// One case of a set, looked at whole: geometry, values, labels. One volume is in memory at a time.
import { createHash } from "node:crypto";
import { DataError } from "../../data/errors.ts";
import { type IntensityRule, rangeOf } from "../../data/intensity.ts";
import { oddHu, unlikeRule } from "../../data/likeness.ts";
import { orientationName, toLps } from "../../data/orientation.ts";
import { nonFiniteCount } from "../../data/percentiles.ts";
import type { LabelPlace } from "../../data/sides.ts";
import { type ValueStatistics, statisticsOf } from "../../data/value-statistics.ts";
import { type Shape3, type Volume, type VoxelArray, voxelVolumeMm3 } from "../../data/volume.ts";
import {
  type Case,
  type CaseImage,
  type LabelledCase,
  type Labels,
  labelOf,
  labelsOf,
  loadLabels,
  readVolume,
} from "../dataset/index.ts";
import { FileError } from "../files.ts";
import { type Finding, note, problem, warned } from "./finding.ts";

/** A label of a case's mask. */
export interface FoundLabel extends LabelPlace {
  readonly ml: number;
}

/** What a case is, in numbers. */
export interface CaseFingerprint {
  readonly id: string;
  readonly patient: string;
  readonly image: string;
  /** Absent where masks are not read. */
  readonly mask?: string;
  /** In Left-Posterior-Superior order, as are the voxel sizes. */
  readonly shape: Shape3;
  readonly spacingMm: Volume["spacingMm"];
  /** Three letters for the directions in which the file stores its voxels; null where it does not say. */
  readonly orientation: string | null;
  readonly notFinite: number;
  /** Absent where the image shows nothing. */
  readonly values?: ValueStatistics;
  /** Of the voxels in Left-Posterior-Superior order, whatever type the file stores them in. */
  readonly sha256: string;
  /** Absent where masks are not read. */
  readonly labels?: readonly FoundLabel[];
}

export interface CheckedCase {
  /** Absent where the case can't be read. */
  readonly fingerprint?: CaseFingerprint;
  readonly findings: readonly Finding[];
}

/** Looks at a case; its mask is read where it is a Case. Nothing that is wrong with a file is thrown. */
export async function checkCase(c: CaseImage | Case, rule: IntensityRule, wanted: Labels): Promise<CheckedCase> {
  try {
    return "maskPath" in c ? checkLabelled(c, await loadLabels(c, wanted ?? "any"), rule) : await checkImage(c, rule);
  } catch (error) {
    if (error instanceof DataError) return { findings: [problem(error)] };
    if (error instanceof FileError)
      return { findings: [{ gravity: "problem", file: error.file, message: error.message }] };
    throw error;
  }
}

async function checkImage(c: CaseImage, rule: IntensityRule): Promise<CheckedCase> {
  const stored = await readVolume(c.imagePath);
  const { values, findings } = valuesOf(c.imagePath, stored, rule);
  const fingerprint = { ...imageOf(c, stored, toLps(stored)), ...(values && { values }) };
  return { fingerprint, findings: [...stored.warnings.map((w) => warned(c.imagePath, w)), ...findings] };
}

function checkLabelled(
  c: Case,
  { image, stored, labels: mask, warnings }: LabelledCase,
  rule: IntensityRule,
): CheckedCase {
  const { maskPath } = c;
  const { values, findings: ofValues } = valuesOf(c.imagePath, stored, rule);
  const findings = [...warnings.map((w) => warned(w.includes(maskPath) ? maskPath : c.imagePath, w)), ...ofValues];
  let labels: FoundLabel[] = [];
  try {
    labelsOf(mask, maskPath); // throws where a value is no label
    labels = placesOf(mask, image);
    if (labels.length === 0)
      findings.push(
        note(maskPath, "labels", "the mask is empty", "draw the structure, or leave it where there is none"),
      );
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    findings.push(problem(error));
  }
  const fingerprint = { ...imageOf(c, stored, image), mask: maskPath, labels, ...(values && { values }) };
  return { fingerprint, findings };
}

function imageOf({ id, patient, imagePath }: CaseImage, stored: Volume, image: Volume): CaseFingerprint {
  return {
    id,
    patient,
    image: imagePath,
    shape: image.shape,
    spacingMm: image.spacingMm,
    orientation: stored.oriented ? orientationName(stored.affine) : null,
    notFinite: nonFiniteCount(image.data),
    sha256: digestOf(image),
  };
}

/** What the values are like, and what is wrong with them. */
function valuesOf(
  path: string,
  { data, oriented }: Volume,
  rule: IntensityRule,
): { values?: ValueStatistics; findings: Finding[] } {
  const findings: Finding[] = [];
  if (!oriented) {
    const what = "the file does not say how its voxels lie in the patient: slices are taken as they are stored";
    findings.push(note(path, "orientation", what, "convert it again, so that its q-form or s-form is set"));
  }
  try {
    const values = statisticsOf(data, rangeOf(rule, data, path));
    const unlike = unlikeRule(values, rule);
    const odd = oddHu(values, rule);
    if (unlike) findings.push(problem(new DataError(path, "values", unlike.problem, unlike.mend)));
    else if (odd) findings.push(note(path, "values", odd.problem, odd.mend));
    return { values, findings };
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    return { findings: [...findings, problem(error)] };
  }
}

/** Each label besides 0 with its size and its place, rising. */
function placesOf(mask: VoxelArray, { shape, affine }: Volume): FoundLabel[] {
  const [nx, ny, nz] = shape;
  const sums = new Map<number, { voxels: number; x: number; y: number; z: number }>();
  for (let z = 0, i = 0; z < nz; z++)
    for (let y = 0; y < ny; y++)
      for (let x = 0; x < nx; x++, i++) {
        const value = mask[i]!;
        if (value === 0) continue;
        const label = labelOf(value);
        const sum = sums.get(label) ?? { voxels: 0, x: 0, y: 0, z: 0 };
        if (sum.voxels === 0) sums.set(label, sum);
        sum.voxels++;
        sum.x += x;
        sum.y += y;
        sum.z += z;
      }
  sums.delete(0); // NaN, and what rounds to nothing
  const along = (sum: number, voxels: number, n: number): number => (n < 2 ? 0 : (2 * sum) / voxels / (n - 1) - 1);
  const ml = voxelVolumeMm3(affine) / 1000;
  return [...sums]
    .sort(([a], [b]) => a - b)
    .map(([label, { voxels, x, y, z }]) => ({
      label,
      voxels,
      ml: voxels * ml,
      place: [along(x, voxels, nx), along(y, voxels, ny), along(z, voxels, nz)],
    }));
}

/** SHA-256 of shape and values, as doubles. */
function digestOf({ data, shape }: Volume): string {
  const hash = createHash("sha256").update(shape.join());
  const PART = 1 << 16;
  for (let i = 0; i < data.length; i += PART) hash.update(Float64Array.from(data.subarray(i, i + PART)));
  return hash.digest("hex");
}
