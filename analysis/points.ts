// Points of a space of many dimensions, and what is done to them before neighbours are looked for.
import { NumericalError, ShapeError } from "../engine/index.ts";

/** `count` points of `channels` numbers each, point by point. */
export interface Points {
  readonly count: number;
  readonly channels: number;
  readonly values: Float32Array<ArrayBuffer>;
}

/**
 * Throws ShapeError where values are missing or surplus, NumericalError that names the first point that is not finite.
 */
export function checkPoints(what: string, { count, channels, values }: Points): void {
  if (values.length !== count * channels || !(channels > 0))
    throw new ShapeError(what, `${count} points of ${channels} numbers were said, and ${values.length} numbers given`);
  const wrong = values.findIndex((v) => !Number.isFinite(v));
  if (wrong >= 0)
    throw new NumericalError(
      `${what}: number ${wrong % channels} of point ${Math.floor(wrong / channels)} is ${values[wrong]}; ` +
        "leave such points out",
    );
}

/** The points with their mean at the origin and 1 as their largest number; all 0 where all are the same. */
export function centred({ count, channels, values }: Points): Points {
  const means = new Float64Array(channels);
  values.forEach((v, i) => (means[i % channels]! += v / count));
  const shifted = Float64Array.from(values, (v, i) => v - means[i % channels]!);
  const largest = shifted.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  return { count, channels, values: Float32Array.from(shifted, (v) => (largest > 0 ? v / largest : 0)) };
}

/** Turns of the iteration: enough for a first layout, which wants the directions and no digits. */
const TURNS = 60;

/**
 * The two coordinates of each centred point along its first principal axes, [count, 2], the first with the larger
 * spread. By orthogonal iteration of the covariance, in f64; axes point where their largest number is positive.
 */
export function principalPlane(points: Points): Float64Array {
  const { count, channels } = points;
  const covariance = covarianceOf(points);
  let axes = startingAxes(channels);
  for (let turn = 0; turn < TURNS; turn++) axes = orthonormal(axes.map((axis) => product(covariance, axis)));
  const plane = new Float64Array(2 * count);
  const spread = axes.map((axis) => dot(axis, product(covariance, axis)));
  if (spread[1]! > spread[0]!) axes.reverse();
  axes.forEach((axis, k) => {
    const direction = axis.reduce((best, v) => (Math.abs(v) > Math.abs(best) ? v : best), 0) < 0 ? -1 : 1;
    for (let i = 0; i < count; i++) {
      let sum = 0;
      for (let c = 0; c < channels; c++) sum += points.values[i * channels + c]! * axis[c]!;
      plane[2 * i + k] = direction * sum;
    }
  });
  return plane;
}

function covarianceOf({ count, channels, values }: Points): Float64Array[] {
  const rows = Array.from({ length: channels }, () => new Float64Array(channels));
  for (let i = 0; i < count; i++) {
    const point = values.subarray(i * channels, (i + 1) * channels);
    for (let a = 0; a < channels; a++) {
      const row = rows[a]!;
      const v = point[a]! / count;
      for (let b = 0; b <= a; b++) row[b]! += v * point[b]!;
    }
  }
  for (let a = 0; a < channels; a++) for (let b = 0; b < a; b++) rows[b]![a] = rows[a]![b]!;
  return rows;
}

const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, v, i) => sum + v * b[i]!, 0);
const product = (rows: readonly Float64Array[], v: Float64Array): Float64Array =>
  Float64Array.from(rows, (row) => dot(row, v));

/** Two that are neither parallel nor aligned with any axis; of one channel the second is 0. */
const startingAxes = (channels: number): Float64Array[] =>
  [0.7, 1.9].map((w) => Float64Array.from({ length: channels }, (_, c) => Math.cos(w * (c + 1)) + 0.1));

/** Gram and Schmidt's; what has no direction left becomes 0. */
function orthonormal([first, second]: readonly Float64Array[]): Float64Array[] {
  const a = unit(first!);
  const along = dot(a, second!);
  return [a, unit(second!.map((v, i) => v - along * a[i]!))];
}

function unit(v: Float64Array): Float64Array {
  const length = Math.sqrt(dot(v, v));
  return v.map((x) => (length > 1e-150 ? x / length : 0));
}
