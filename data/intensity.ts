// Intensities to [−1, 1]: CT by a fixed window in HU, MR by a percentile of its own volume.
import { DataError } from "./errors.ts";
import type { VoxelArray } from "./volume.ts";

/** How a set is scaled: a window in its own unit, or from 0 to a percentile of each volume. */
export type IntensityRule =
  | { readonly kind: "window"; readonly low: number; readonly high: number }
  | { readonly kind: "percentile"; readonly percentile: number };

/** Soft tissue: −160 … 240 HU. */
export const softTissueWindow: IntensityRule = { kind: "window", low: -160, high: 240 };
/** Lungs as in the paper's reference code: −1000 … 500 HU. */
export const lungWindow: IntensityRule = { kind: "window", low: -1000, high: 500 };
/** MR: 0 … the volume's 99.5 percentile. */
export const mrPercentile: IntensityRule = { kind: "percentile", percentile: 99.5 };

/** `low` becomes −1, `high` becomes 1; what lies outside is clamped. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

/**
 * The rule's range for one volume. A percentile rule starts at 0, or at the mirrored percentile (0.5) where that is
 * negative.
 */
export function rangeOf(rule: IntensityRule, data: VoxelArray, name: string): Range {
  if (rule.kind === "window") {
    if (!(rule.high > rule.low))
      throw new DataError(name, "window", `${rule.low} … ${rule.high} HU is no window`, "give the lower value first");
    return { low: rule.low, high: rule.high };
  }
  const [bottom, high] = percentiles(data, [100 - rule.percentile, rule.percentile] as const);
  const low = Math.min(0, bottom);
  if (!(high > low)) {
    const problem = `the ${rule.percentile} percentile is ${high}: the image is empty`;
    throw new DataError(name, "intensity", problem, "leave this case out or export it again");
  }
  return { low, high };
}

/**
 * target[at + i] = source[i] scaled from the range to [−1, 1] and clamped; −1, the background, where the source is NaN
 * or infinite.
 */
export function scaleInto(target: Float32Array, at: number, source: ArrayLike<number>, { low, high }: Range): void {
  const a = 2 / (high - low);
  for (let i = 0; i < source.length; i++) {
    const v = source[i]!;
    target[at + i] = Number.isFinite(v) ? Math.min(1, Math.max(-1, (v - low) * a - 1)) : -1;
  }
}

/** How many voxels are NaN or infinite. */
export function nonFiniteCount(data: VoxelArray): number {
  if (!(data instanceof Float32Array || data instanceof Float64Array)) return 0;
  let count = 0;
  for (const v of data) if (!Number.isFinite(v)) count++;
  return count;
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

/** The value in the image's own unit that was scaled to `v` in [−1, 1]. */
export const unscale = (v: number, { low, high }: Range): number => low + ((v + 1) * (high - low)) / 2;

/** Percentiles (0 … 100) of all finite values, linear between neighbours in order. */
export function percentiles<P extends readonly number[]>(all: VoxelArray, which: P): { [K in keyof P]: number } {
  const data = nonFiniteCount(all) === 0 ? all : (all.filter(Number.isFinite) as VoxelArray);
  const few = data instanceof Uint8Array || data instanceof Int16Array || data instanceof Uint16Array;
  const ranked = few ? byCounting(data) : bySorting(data);
  const percentile = (p: number): number => {
    if (data.length === 0) return NaN;
    const position = (Math.min(100, Math.max(0, p)) / 100) * (data.length - 1);
    const below = Math.floor(position);
    const a = ranked(below);
    const b = ranked(Math.min(data.length - 1, below + 1));
    return a + (b - a) * (position - below);
  };
  return which.map(percentile) as { [K in keyof P]: number };
}

/** The value at a rank in order, found by counting how often each of few values occurs. */
function byCounting(data: Uint8Array | Int16Array | Uint16Array): (rank: number) => number {
  const offset = data instanceof Int16Array ? 32768 : 0;
  const counts = new Uint32Array(data instanceof Uint8Array ? 256 : 65536);
  for (let i = 0; i < data.length; i++) counts[data[i]! + offset]!++;
  return (rank) => {
    let value = 0;
    let seen = counts[0]!;
    while (seen <= rank) {
      value++;
      seen += counts[value]!;
    }
    return value - offset;
  };
}

function bySorting(data: VoxelArray): (rank: number) => number {
  const sorted = data.slice().sort();
  return (rank) => sorted[rank]!;
}
