// Contours in mm to pixels: the even–odd rule at pixel centres, scan line by scan line.
import type { Affine } from "../../volume.ts";
import { indicesBy, pointAt } from "./patient-space.ts";

/** Corners in pixels of a slice, x, y, x, …; whole numbers are pixel centres. */
export type Polygon = Float64Array;

export interface ContourIndices {
  readonly points: Polygon;
  /** Where the contour lies along the grid's third axis, in slices. */
  readonly z: number;
  /** How far its points are apart along that axis. */
  readonly spread: number;
}

/** A contour of x, y, z, … in mm (LPS) in the indices of a grid, whose affine is in NIfTI's directions (RAS). */
export function indicesOf(contour: Float64Array, affine: Affine): ContourIndices {
  const indices = indicesBy(affine);
  const count = contour.length / 3;
  const points = new Float64Array(2 * count);
  let [least, most] = [Infinity, -Infinity];
  let sum = 0;
  for (let i = 0; i < count; i++) {
    const [x, y, place] = indices(pointAt(contour, i));
    points[2 * i] = x;
    points[2 * i + 1] = y;
    least = Math.min(least, place);
    most = Math.max(most, place);
    sum += place;
  }
  return { points, z: sum / count, spread: most - least };
}

/** Where points of x, y, z, x, … in mm (LPS) lie along a grid's third axis, in slices. */
export function slicesOf(points: Float64Array, affine: Affine): Float64Array {
  const indices = indicesBy(affine);
  return Float64Array.from({ length: points.length / 3 }, (_, i) => indices(pointAt(points, i))[2]);
}

/**
 * Turns the pixels of `slice` [height, width] whose centre lies within a polygon, once for each: 1 stays where they
 * are odd. A centre on the low edge of an axis is within, one on the high edge is not.
 */
export function fillEvenOdd(polygons: readonly Polygon[], slice: Uint8Array, width: number, height: number): void {
  for (const polygon of polygons)
    for (const [y, crossings] of crossingsOf(polygon, height)) {
      crossings.sort((a, b) => a - b);
      for (let i = 0; i + 1 < crossings.length; i += 2) {
        const end = Math.min(width, Math.ceil(crossings[i + 1]!));
        for (let x = Math.max(0, Math.ceil(crossings[i]!)); x < end; x++) slice[y * width + x]! ^= 1;
      }
    }
}

/** Where a polygon's edges cross the lines through pixel centres. An edge has its lower end and not its upper one. */
function crossingsOf(polygon: Polygon, height: number): Map<number, number[]> {
  const crossings = new Map<number, number[]>();
  const n = polygon.length / 2;
  for (let i = 0, j = n - 1; i < n; j = i++) {
    const [x0, y0, x1, y1] = [polygon[2 * j]!, polygon[2 * j + 1]!, polygon[2 * i]!, polygon[2 * i + 1]!];
    const end = Math.min(height, Math.ceil(Math.max(y0, y1)));
    for (let y = Math.max(0, Math.ceil(Math.min(y0, y1))); y < end; y++) {
      const x = x0 + ((y - y0) / (y1 - y0)) * (x1 - x0);
      const line = crossings.get(y);
      if (line) line.push(x);
      else crossings.set(y, [x]);
    }
  }
  return crossings;
}
