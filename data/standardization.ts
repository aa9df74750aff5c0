// MR intensities on a standard scale, by landmarks of their histograms: Nyúl, Udupa, Zhang, "New variants of a method
// of MRI scale standardization", IEEE Transactions on Medical Imaging 19 (2000) 143–150, landmarks at deciles. What
// that paper leaves to its user, and was chosen here: foreground is what lies above the mean of all voxels; the
// standard scale reaches from the mean first to the mean last landmark of the images it is learned from, so that it has
// their unit; a value of 0, no signal, stays 0; above the last landmark the last segment goes on.
import { DataError } from "./errors.ts";
import { percentiles } from "./percentiles.ts";
import type { VoxelArray } from "./volume.ts";

/** Percentiles of the foreground that are landmarks: pc1, the deciles, pc2. */
export const LANDMARK_PERCENTILES = [1, 10, 20, 30, 40, 50, 60, 70, 80, 90, 99] as const;

/** Whether these can be the landmarks of a standard scale: one for each percentile, above 0, rising. */
export const areLandmarks = (values: unknown): values is readonly number[] =>
  Array.isArray(values) &&
  values.length === LANDMARK_PERCENTILES.length &&
  values.every((v, k) => Number.isFinite(v) && v > 0 && (k === 0 || v >= values[k - 1])) &&
  values.at(-1) > values[0];

/** A volume's landmarks, and those of the standard scale that become of them: both rise. */
export interface Standardization {
  readonly own: readonly number[];
  readonly standard: readonly number[];
}

/** More of a volume below 0, as a part of its last landmark, is no MR's noise or ringing. */
const NEGATIVE = 0.05;

/**
 * The landmarks of a volume: percentiles of its finite values above their mean, linear between neighbours. Throws
 * DataError where it is empty, or has values below 0 as no MR has.
 */
export function landmarksOf(data: VoxelArray, name: string): number[] {
  const mean = finiteMean(data);
  const foreground = data.filter((v) => Number.isFinite(v) && v > mean) as VoxelArray;
  const landmarks: number[] = [...percentiles(foreground, LANDMARK_PERCENTILES)];
  const [first, last] = [landmarks[0]!, landmarks.at(-1)!];
  const [lowest] = percentiles(data, [1] as const);
  if (lowest < -NEGATIVE * Math.abs(last) || first <= 0)
    throw new DataError(
      name,
      "intensity",
      `1 % of its values lie below ${Number(lowest.toPrecision(4))}: histograms are standardized from 0 on, as of MR`,
      "scale such images by a window or a percentile",
    );
  if (!(last > first)) {
    const problem = Number.isNaN(first) ? "shows nothing" : `has the one value ${first} where it shows something`;
    throw new DataError(name, "intensity", `the image ${problem}`, "leave this case out or export it again");
  }
  return landmarks;
}

function finiteMean(data: VoxelArray): number {
  let sum = 0;
  let count = 0;
  for (const v of data) {
    if (!Number.isFinite(v)) continue;
    sum += v;
    count++;
  }
  return sum / count;
}

/**
 * The landmarks of the standard scale, from those of at least one image: each image's are brought linearly to one first
 * and last value, the means of theirs, and then averaged.
 */
export function standardLandmarks(images: readonly (readonly number[])[]): number[] {
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  const first = mean(images.map((own) => own[0]!));
  const last = mean(images.map((own) => own.at(-1)!));
  const brought = images.map((own) => {
    const factor = (last - first) / (own.at(-1)! - own[0]!);
    return own.map((v) => first + (v - own[0]!) * factor);
  });
  return LANDMARK_PERCENTILES.map((_, k) => mean(brought.map((own) => own[k]!)));
}

/**
 * A volume's value on the standard scale: linear from landmark to landmark, from 0 to the first, and beyond the last as
 * before it. Segments between equal landmarks, which have no width, are passed over.
 */
export function standardValue(v: number, { own, standard }: Standardization): number {
  const first = own[0]!;
  if (v < first) return (v * standard[0]!) / first;
  let k = own.length - 2;
  while (k > 0 && (v < own[k]! || own[k] === own[k + 1])) k--;
  return standard[k]! + ((v - own[k]!) * (standard[k + 1]! - standard[k]!)) / (own[k + 1]! - own[k]!);
}
