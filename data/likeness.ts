// Whether images are what a run takes them for: swapped folders, stored values without their rescaling, MR for CT.
// Limits were set by real scans: CT of limbs, thorax and abdomen, whole and cut out, T1- and T2-weighted MR.
import { type IntensityRule, isHu } from "./intensity.ts";
import {
  type Interval,
  KEPT_PERCENTILES,
  type SetStatistics,
  type ValueStatistics,
  histogramDistance,
} from "./value-statistics.ts";

/** Of every CT some part is air or fat: 44 to 95 % of the scans measured, none of any MR. */
const LEAST_AIR_AND_FAT = 0.001;
/** And some part is soft tissue: 5 to 80 %. */
const LEAST_SOFT = 0.005;
/** No MR has values of air in HU; a CT has many. */
const LEAST_AIR_OF_CT = 0.01;
/**
 * Images may be so far from the average of a set, on −1 … 1, whatever the set is like: scans of the same kind are by up
 * to 0.25, T1- and T2-weighted MR are by up to 0.6.
 */
const FAR = 0.65;

/** Air is −1000 HU and noise is seldom below; what lies lower was put where nothing was measured. */
const LEAST_HU = -1100;
/** Twelve bits of DICOM end here: above are metal, and values that are no HU. */
const GREATEST_HU = 3071;

/** What is wrong with an image's values, for a DataError. */
export interface Unlikeness {
  readonly problem: string;
  readonly mend: string;
}

/**
 * What shows that an image is not in the unit that a rule is for: a window that begins below −50 is for HU, percentiles
 * and histograms are for MR. Undefined where nothing does.
 */
export function unlikeRule(image: ValueStatistics, rule: IntensityRule): Unlikeness | undefined {
  if (rule.kind !== "window") {
    if (image.air < LEAST_AIR_OF_CT) return undefined;
    return {
      problem:
        `${percent(image.air)} of the voxels lie between −1100 and −500, as only air in HU does (${valuesOf(image)}), ` +
        `but they are scaled by ${rule.kind === "percentile" ? "a percentile" : "the histogram"}, as MR is`,
      mend: "this seems to be CT: check that folders are not swapped, or scale it by a window",
    };
  }
  if (!isHu(rule)) return undefined;
  const shown = `${rule.low} … ${rule.high} HU`;
  if (image.airAndFat < LEAST_AIR_AND_FAT)
    return {
      problem:
        `${percent(image.airAndFat)} of the voxels lie between −1100 and −50, where air and fat of every CT do ` +
        `(${valuesOf(image)}); they are scaled by the window ${shown}`,
      mend: `${guess(image)}: check that folders are not swapped, or give a window of its unit`,
    };
  if (image.soft < LEAST_SOFT)
    return {
      problem:
        `${percent(image.soft)} of the voxels lie between −200 and 200, where soft tissue of every CT does ` +
        `(${valuesOf(image)}); they are scaled by the window ${shown}`,
      mend: "export the image again in HU, or give a window of its unit",
    };
  return undefined;
}

/**
 * What is odd among the values of an image that a window in HU is for, though it seems to be CT: padding below all air,
 * values above those of bone. Undefined where nothing is.
 */
export function oddHu(image: ValueStatistics, rule: IntensityRule): Unlikeness | undefined {
  if (!isHu(rule)) return undefined;
  const [low, high] = [image.percentiles[0]!, image.percentiles.at(-1)!];
  if (low < LEAST_HU)
    return {
      problem: `over ${KEPT_PERCENTILES[0]} % of the voxels lie below −${-LEAST_HU} HU, which is less than air (${valuesOf(image)})`,
      mend: "this seems to be padding outside the field of view: a window takes it for air, so leave it or set it to −1000",
    };
  if (high > GREATEST_HU)
    return {
      problem: `over ${(100 - KEPT_PERCENTILES.at(-1)!).toFixed(1)} % of the voxels lie above ${GREATEST_HU} HU, as bone does not (${valuesOf(image)})`,
      mend: "look for metal, or for a rescale slope that was not applied",
    };
  return undefined;
}

/**
 * What shows that an image is not like those of a set, which are scaled by the same rule. Undefined where nothing does.
 */
export function unlikeSet(image: ValueStatistics, set: SetStatistics): Unlikeness | undefined {
  const { rule } = set;
  const isWindow = rule.kind === "window";
  const [expected, found] = isWindow ? [set.dark, image.dark] : [set.air, image.air];
  const where = isWindow
    ? `below ${rule.low + (rule.high - rule.low) / 4}, where the window ${rule.low} … ${rule.high} is dark`
    : "between −1100 and −500, as air in HU does";
  const isMissing = expected[0] >= 0.01 && found < Math.min(LEAST_AIR_AND_FAT, expected[0] / 10);
  const isNew = !isWindow && expected[1] < LEAST_AIR_AND_FAT && found >= LEAST_AIR_OF_CT;
  const compared = `${valuesOf(image)}; those of the training images: ${intervalsOf(set)}`;
  const mend = guess(image, set);
  if (isMissing || isNew) {
    const usual = `${percent(expected[0])} to ${percent(expected[1])} of the training images'`;
    return { problem: `${percent(found)} of the voxels lie ${where}, but ${usual} (${compared})`, mend };
  }
  const distance = histogramDistance(image.histogram, set.histogram);
  if (distance <= Math.max(FAR, 2 * set.farthest)) return undefined;
  const usual = `those of the training images by at most ${set.farthest.toFixed(2)}`;
  const problem = `scaled to −1 … 1, its values differ by ${distance.toFixed(2)} from the average, ${usual} (${compared})`;
  return { problem, mend };
}

/** What an image seems to be. */
function guess(image: ValueStatistics, set?: SetStatistics): string {
  const shift = set === undefined ? image.airPeak + 1000 : image.airPeak - (set.airPeak[0] + set.airPeak[1]) / 2;
  const wasHu = set === undefined || set.airPeak[1] < -800;
  if (wasHu && shift > 900 && shift < 1100 && image.air < LEAST_AIR_OF_CT && isTissue(image, 1024))
    return (
      "these may be stored values, HU + 1024: export the image again with its rescale slope and intercept, " +
      "or subtract 1024; if it is MR, it is no image for this run"
    );
  if (image.air >= LEAST_AIR_OF_CT) return "this seems to be CT in HU, which the training images are not";
  return image.airAndFat < LEAST_AIR_AND_FAT && wasHu
    ? "this seems to be MR, or CT that is not in HU"
    : "this may be of another modality, sequence or unit";
}

/** Whether an image has the soft tissue of a CT whose values are moved by `shift`. */
const isTissue = ({ percentiles }: ValueStatistics, shift: number): boolean => {
  const upper = percentiles[KEPT_PERCENTILES.indexOf(95)]! - shift;
  return upper > -200 && upper < 700;
};

const percent = (share: number): string => `${(100 * share).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;
const whole = (v: number): string => (Math.abs(v) < 10 ? Number(v.toPrecision(2)) : Math.round(v)).toString();
const MEDIAN = KEPT_PERCENTILES.indexOf(50);

const valuesOf = (image: ValueStatistics): string =>
  `values ${whole(image.least)} … ${whole(image.greatest)}, air at ${whole(image.airPeak)}, ` +
  `half below ${whole(image.percentiles[MEDIAN]!)}`;

const intervalsOf = (set: SetStatistics): string => {
  const to = ([a, b]: Interval): string => (whole(a) === whole(b) ? whole(a) : `${whole(a)} to ${whole(b)}`);
  return (
    `values ${whole(set.least[0])} … ${whole(set.greatest[1])}, air at ${to(set.airPeak)}, ` +
    `half below ${to(set.percentiles[MEDIAN]!)}`
  );
};
