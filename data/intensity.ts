// Intensities to [−1, 1]: CT by a fixed window in HU, MR by a percentile of its own volume, or by its histogram.
import { DataError } from "./errors.ts";
import { percentiles } from "./percentiles.ts";
import { type Standardization, landmarksOf, standardValue } from "./standardization.ts";
import type { VoxelArray } from "./volume.ts";

/**
 * How a set is scaled: a window in its own unit; from 0 to a percentile of each volume; or each volume's histogram to
 * the standard one of `landmarks`, then a window of the standard scale, which ends at the last landmark where `high` is
 * null. Landmarks are null until they are learned from images that train.
 */
export type IntensityRule =
  | { readonly kind: "window"; readonly low: number; readonly high: number }
  | { readonly kind: "percentile"; readonly percentile: number }
  | {
      readonly kind: "histogram";
      readonly low: number;
      readonly high: number | null;
      readonly landmarks: readonly number[] | null;
    };

/** Whether a rule is for CT in HU: a window that begins below −50. */
export const isHu = (rule: IntensityRule): boolean => rule.kind === "window" && rule.low < -50;

/** Soft tissue: −160 … 240 HU. */
export const softTissueWindow = { kind: "window", low: -160, high: 240 } as const satisfies IntensityRule;
/** Lungs as in the paper's reference code: −1000 … 500 HU. */
export const lungWindow = { kind: "window", low: -1000, high: 500 } as const satisfies IntensityRule;
/** MR: 0 … the volume's 99.5 percentile. */
export const mrPercentile: IntensityRule = { kind: "percentile", percentile: 99.5 };

/**
 * `low` becomes −1, `high` becomes 1; what lies outside is clamped. Where a volume's values are standardized first,
 * both are on the standard scale.
 */
export interface Range {
  readonly low: number;
  readonly high: number;
  readonly standardization?: Standardization;
}

/**
 * The highest value of a rule's range; undefined of a percentile, which is another for each image, and of a histogram
 * whose landmarks are not learned.
 */
export function topOf(rule: IntensityRule): number | undefined {
  if (rule.kind === "percentile") return undefined;
  return rule.kind === "window" ? rule.high : (rule.high ?? rule.landmarks?.at(-1));
}

/**
 * The rule's range for one volume. A percentile rule starts at 0, or at the mirrored percentile (0.5) where that is
 * negative. Throws DataError where the volume is empty, is none that a histogram rule is for, or the rule is no range.
 */
export function rangeOf(rule: IntensityRule, data: VoxelArray, name: string): Range {
  if (rule.kind === "window") return windowOf(rule, name);
  if (rule.kind === "histogram") {
    const { low, landmarks } = rule;
    if (landmarks === null)
      throw new DataError(name, "landmarks", "are not learned yet", "take the rule of a run that was started");
    const standardization = { own: landmarksOf(data, name), standard: landmarks };
    return { ...windowOf({ low, high: topOf(rule)! }, name), standardization };
  }
  const [bottom, high] = percentiles(data, [100 - rule.percentile, rule.percentile] as const);
  const low = Math.min(0, bottom);
  if (!(high > low)) {
    const problem = `the ${rule.percentile} percentile is ${high}: the image is empty`;
    throw new DataError(name, "intensity", problem, "leave this case out or export it again");
  }
  return { low, high };
}

function windowOf({ low, high }: { readonly low: number; readonly high: number }, name: string): Range {
  if (high > low) return { low, high };
  throw new DataError(name, "window", `${low} … ${high} is no window`, "give the lower value first");
}

/**
 * target[at + i] = source[i] scaled from the range to [−1, 1] and clamped; −1, the background, where the source is NaN
 * or infinite.
 */
export function scaleInto(target: Float32Array, at: number, source: ArrayLike<number>, range: Range): void {
  const { low, high, standardization } = range;
  const a = 2 / (high - low);
  for (let i = 0; i < source.length; i++) {
    const v = standardization ? standardValue(source[i]!, standardization) : source[i]!;
    target[at + i] = Number.isFinite(v) ? Math.min(1, Math.max(-1, (v - low) * a - 1)) : -1;
  }
}

/** Sixteen bits without a sign count −1 as this less one. */
const WRAP = 2 ** 16;
/** HU are in ±8,192 (they fit 13 bits and a sign; DICOM's are often of 12). */
const WIDEST_HU = 2 ** 13;

/**
 * Voxels of a CT whose negative values wrapped round, as where a converter read 16 bits with a sign as without
 * (−100 → 65,436): those from 57,344 to 65,535, of a volume that has many of them and next to none between them and
 * the highest HU. 0 where it has no such values.
 */
export function wrappedNegatives(data: VoxelArray): number {
  if (data instanceof Int16Array || data.BYTES_PER_ELEMENT === 1) return 0; // can't hold them
  let high = 0;
  let between = 0;
  let finite = 0;
  for (const v of data) {
    if (!Number.isFinite(v)) continue;
    finite++;
    if (v >= WRAP || v < -WIDEST_HU) return 0;
    if (v >= WRAP - WIDEST_HU) high++;
    else if (v > WIDEST_HU) between++;
  }
  return high > 0.001 * finite && between <= 0.001 * high ? high : 0;
}

/** The value that was scaled to `v` in [−1, 1]: in the image's own unit, or on the standard scale. */
export const unscale = (v: number, { low, high }: Range): number => low + ((v + 1) * (high - low)) / 2;
