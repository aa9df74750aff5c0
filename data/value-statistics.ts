// What the values of images are like, in numbers that are kept beside a run: in the image's own unit, and as the
// networks see them.
import { type IntensityRule, type Range, scaleInto } from "./intensity.ts";
import { percentiles } from "./percentiles.ts";
import type { VoxelArray } from "./volume.ts";

/** The percentiles that are kept, rising. */
export const KEPT_PERCENTILES = [0.5, 5, 25, 50, 75, 95, 99.5] as const;
/** Bins of equal width that −1 … 1 is counted in. */
const BINS = 40;
/** About as many voxels of a volume are looked at, evenly spread. */
const LOOKED_AT = 100_000;

/** What the values of one image are like. Shares are those of its finite voxels. */
export interface ValueStatistics {
  readonly least: number;
  readonly greatest: number;
  /** At KEPT_PERCENTILES. */
  readonly percentiles: readonly number[];
  /** The most frequent value of the darkest fifth of the range: that of air, or of what was put where nothing is. */
  readonly airPeak: number;
  /** Share from −1100 to −500: air and lung, where the unit is HU. */
  readonly air: number;
  /** Share from −1100 to −50: with fat, where the unit is HU. */
  readonly airAndFat: number;
  /** Share from −200 to 200: soft tissue and fat, where the unit is HU. */
  readonly soft: number;
  /** Share that the networks see at −½ or below. */
  readonly dark: number;
  /** Parts of what the networks see in each bin of −1 … 1 above the lowest, the background: [BINS], of sum 1. */
  readonly histogram: readonly number[];
}

/** The least and the greatest of a number among the images of a set. */
export type Interval = readonly [least: number, greatest: number];

/** What the values of a set's images are like. */
export interface SetStatistics {
  /** How many images were measured. */
  readonly images: number;
  /** How they are scaled for the networks. */
  readonly rule: IntensityRule;
  readonly least: Interval;
  readonly greatest: Interval;
  /** At KEPT_PERCENTILES. */
  readonly percentiles: readonly Interval[];
  readonly airPeak: Interval;
  readonly air: Interval;
  readonly airAndFat: Interval;
  readonly soft: Interval;
  readonly dark: Interval;
  /** The mean of the images' histograms, and how far the farthest of them is from it. */
  readonly histogram: readonly number[];
  readonly farthest: number;
}

/** Measures an image that is scaled from `range`. At most some hundred thousand voxels are looked at. */
export function statisticsOf(data: VoxelArray, range: Range): ValueStatistics {
  const values = sampleOf(data);
  const [least, ...between] = percentiles(values, [0, ...KEPT_PERCENTILES, 100]);
  const greatest = between.pop() ?? NaN;
  const scaled = new Float32Array(values.length);
  scaleInto(scaled, 0, values, range);
  const counts = new Array<number>(BINS).fill(0);
  let dark = 0;
  for (const v of scaled) {
    if (v <= -0.5) dark++;
    counts[binOf(v)]!++;
  }
  counts[0] = 0;
  const seen = counts.reduce((a, b) => a + b, 0);
  return {
    least: least!,
    greatest,
    percentiles: between,
    airPeak: darkPeak(values, between[0]!, between.at(-1)!),
    air: shareBetween(values, -1100, -500),
    airAndFat: shareBetween(values, -1100, -50),
    soft: shareBetween(values, -200, 200),
    dark: dark / values.length,
    histogram: counts.map((n) => (seen === 0 ? 0 : n / seen)),
  };
}

/** Sums up the images of a set, of which there is at least one. */
export function setStatistics(images: readonly ValueStatistics[], rule: IntensityRule): SetStatistics {
  const among = (of: (image: ValueStatistics) => number): Interval => {
    const all = images.map(of);
    return [Math.min(...all), Math.max(...all)];
  };
  const histogram = Array.from({ length: BINS }, (_, i) => meanOf(images.map((image) => image.histogram[i]!)));
  return {
    images: images.length,
    rule,
    least: among((image) => image.least),
    greatest: among((image) => image.greatest),
    percentiles: KEPT_PERCENTILES.map((_, i) => among((image) => image.percentiles[i]!)),
    airPeak: among((image) => image.airPeak),
    air: among((image) => image.air),
    airAndFat: among((image) => image.airAndFat),
    soft: among((image) => image.soft),
    dark: among((image) => image.dark),
    histogram,
    farthest: Math.max(...images.map((image) => histogramDistance(image.histogram, histogram))),
  };
}

/**
 * How far values must be moved on −1 … 1, on average, to make one histogram of the other: the first Wasserstein
 * distance, from 0 to 2.
 */
export function histogramDistance(a: readonly number[], b: readonly number[]): number {
  let surplus = 0;
  let moved = 0;
  a.forEach((part, i) => {
    surplus += part - b[i]!;
    moved += Math.abs(surplus);
  });
  return (moved * 2) / BINS;
}

const binOf = (v: number): number => Math.min(BINS - 1, Math.floor(((v + 1) / 2) * BINS));

const meanOf = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** Finite values of a volume, evenly spread over it. */
function sampleOf(data: VoxelArray): Float32Array<ArrayBuffer> {
  const step = Math.max(1, Math.floor(data.length / LOOKED_AT));
  // A step that a row's length is a multiple of would look at a few columns only.
  const spread = step % 2 === 0 ? step + 1 : step;
  const values = new Float32Array(Math.ceil(data.length / spread));
  let count = 0;
  for (let i = 0; i < data.length; i += spread) if (Number.isFinite(data[i])) values[count++] = data[i]!;
  // Without a finite value an image is background.
  return values.slice(0, Math.max(1, count));
}

function shareBetween(values: Float32Array, low: number, high: number): number {
  let count = 0;
  for (const v of values) if (v >= low && v < high) count++;
  return count / values.length;
}

/** The middle of the fullest of 20 bins of the lowest fifth of low … high. */
function darkPeak(values: Float32Array, low: number, high: number): number {
  const width = (high - low) / 100;
  if (!(width > 0)) return low;
  const counts = new Array<number>(20).fill(0);
  for (const v of values) {
    // What lies below `low` is in its bin: air is often the very lowest value.
    const bin = Math.max(0, Math.floor((v - low) / width));
    if (bin < counts.length) counts[bin]!++;
  }
  return low + (counts.indexOf(Math.max(...counts)) + 0.5) * width;
}
