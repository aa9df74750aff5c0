// The receiver operating characteristic of a soft mask: what part of the structure is found at the price of what part
// of the rest, at every threshold (Fig. 4 of the paper).

import { summarize } from "./summary.ts";

/** A curve from (0, 0) to (1, 1), a point where it turns or moves on. */
export interface RocCurve {
  /** Part of the voxels outside the structure that are above the threshold, rising. */
  readonly falsePositive: Float64Array;
  /** Part of the structure's voxels that are above the threshold. */
  readonly truePositive: Float64Array;
  /** A voxel at or above the threshold counts as found; the first is Infinity. */
  readonly thresholds: Float64Array;
  /**
   * Area under the curve: the probability that a voxel of the structure scores higher than one outside, ties counted
   * half (Mann–Whitney). NaN where there is no voxel inside, or none outside.
   */
  readonly auc: number;
}

/**
 * The exact curve of scores [n] against labels [n], of which those that are not 0 are inside. Equal to scikit-learn's
 * roc_curve and roc_auc_score. Throws RangeError where lengths differ or a score is NaN.
 */
export function rocCurve(scores: ArrayLike<number>, labels: ArrayLike<number>): RocCurve {
  if (scores.length !== labels.length)
    throw new RangeError(`rocCurve: ${scores.length} scores do not go with ${labels.length} labels`);
  const [inside, outside] = sortedBySide(scores, labels);
  const points: [falsePositive: number, truePositive: number, threshold: number][] = [[0, 0, Infinity]];
  let area = 0;
  // From the highest score down: voxels of one score are passed together.
  for (let i = inside.length, o = outside.length; i > 0 || o > 0; ) {
    const threshold = Math.max(inside[i - 1] ?? -Infinity, outside[o - 1] ?? -Infinity);
    const before = { found: inside.length - i, wrong: outside.length - o };
    while (i > 0 && inside[i - 1] === threshold) i--;
    while (o > 0 && outside[o - 1] === threshold) o--;
    const found = inside.length - i;
    const wrong = outside.length - o;
    area += ((wrong - before.wrong) * (found + before.found)) / 2;
    addPoint(points, [wrong / outside.length, found / inside.length, threshold]);
  }
  return {
    falsePositive: Float64Array.from(points, ([x]) => x),
    truePositive: Float64Array.from(points, ([, y]) => y),
    thresholds: Float64Array.from(points, ([, , threshold]) => threshold),
    auc: area / (inside.length * outside.length),
  };
}

type Scores = Float32Array | Float64Array;

/** Scores of the voxels inside and outside, each rising; as wide as they were. */
function sortedBySide(scores: ArrayLike<number>, labels: ArrayLike<number>): [Scores, Scores] {
  const Side = scores instanceof Float32Array ? Float32Array : Float64Array;
  let count = 0;
  for (let i = 0; i < labels.length; i++) if (labels[i] !== 0) count++;
  const inside = new Side(count);
  const outside = new Side(labels.length - count);
  for (let i = 0, a = 0, b = 0; i < labels.length; i++) {
    const score = scores[i]!;
    if (Number.isNaN(score)) throw new RangeError(`rocCurve: score ${i} is NaN`);
    if (labels[i] !== 0) inside[a++] = score;
    else outside[b++] = score;
  }
  return [inside.sort(), outside.sort()];
}

/** Adds a point; where the last one lies on a level or upright line between its neighbours, in its place. */
function addPoint(points: [number, number, number][], point: [number, number, number]): void {
  const [a, b] = points.slice(-2);
  const isOnLine = (k: 0 | 1): boolean => a![k] === b![k] && b![k] === point[k];
  if (a && b && (isOnLine(0) || isOnLine(1))) points[points.length - 1] = point;
  else points.push(point);
}

/** The part found at each of `falsePositive`, between the curve's points by straight lines. */
export function truePositiveAt(curve: RocCurve, falsePositive: readonly number[]): number[] {
  const { falsePositive: x, truePositive: y } = curve;
  return falsePositive.map((at) => {
    let i = 0;
    while (i < x.length - 1 && x[i + 1]! <= at) i++;
    if (i === x.length - 1) return y[i]!;
    const width = x[i + 1]! - x[i]!;
    return y[i]! + ((y[i + 1]! - y[i]!) * (at - x[i]!)) / width;
  });
}

/** Where the mean of curves is taken: finely where little else is found. */
const RATES = [...Array.from({ length: 50 }, (_, i) => (i / 50) ** 3), 1];

/** The mean of curves at fixed rates, and of their areas. NaN without curves. */
export function meanRoc(curves: readonly RocCurve[]): Readonly<Record<"falsePositive" | "truePositive", number[]>> & {
  readonly auc: number;
} {
  const mean = (values: readonly number[]): number => summarize(values).mean;
  const found = curves.map((curve) => truePositiveAt(curve, RATES));
  return {
    falsePositive: RATES,
    truePositive: RATES.map((_, i) => mean(found.map((values) => values[i]!))),
    auc: mean(curves.map((curve) => curve.auc)),
  };
}
