// Which voxels a tool reaches: those under a brush that is drawn along a line, and regions of one label.
import type { Shape3 } from "../../data/volume.ts";
import type { PlaneLayout } from "../view/planes.ts";
import type { Point } from "../view/tools.ts";

export interface Brush {
  readonly radiusMm: number;
  /** A pixel's width and height, and the distance of slices, in mm. */
  readonly pixelMm: readonly [x: number, y: number];
  readonly sliceMm: number;
  /** Whether it reaches into neighbouring slices. */
  readonly isBall: boolean;
}

/**
 * Calls `f` with each voxel whose centre is at most the brush's radius away from the line between two points of a
 * slice, and with those that the line's ends lie in.
 */
export function eachUnderBrush(
  { radiusMm, pixelMm: [mmX, mmY], sliceMm, isBall }: Brush,
  layout: PlaneLayout,
  slice: number,
  from: Point,
  to: Point,
  f: (voxel: number) => void,
): void {
  const { width, height, count, origin, right, down, through } = layout;
  for (const [x, y] of [from, to]) {
    const [column, row] = [Math.floor(x), Math.floor(y)];
    if (column >= 0 && row >= 0 && column < width && row < height)
      f(origin + column * right + row * down + slice * through);
  }
  const [dx, dy] = [(to[0] - from[0]) * mmX, (to[1] - from[1]) * mmY];
  const length2 = dx * dx + dy * dy || 1;
  const reach = isBall ? Math.floor(radiusMm / sliceMm) : 0;
  const first = Math.max(0, Math.floor(Math.min(from[0], to[0]) - radiusMm / mmX));
  const last = Math.min(width - 1, Math.ceil(Math.max(from[0], to[0]) + radiusMm / mmX));
  const top = Math.max(0, Math.floor(Math.min(from[1], to[1]) - radiusMm / mmY));
  const bottom = Math.min(height - 1, Math.ceil(Math.max(from[1], to[1]) + radiusMm / mmY));
  for (let s = Math.max(0, slice - reach); s <= Math.min(count - 1, slice + reach); s++) {
    const most = radiusMm ** 2 - ((s - slice) * sliceMm) ** 2;
    for (let row = top; row <= bottom; row++) {
      const py = (row + 0.5 - from[1]) * mmY;
      for (let column = first; column <= last; column++) {
        const px = (column + 0.5 - from[0]) * mmX;
        const t = Math.max(0, Math.min(1, (px * dx + py * dy) / length2));
        if ((px - t * dx) ** 2 + (py - t * dy) ** 2 <= most) f(origin + column * right + row * down + s * through);
      }
    }
  }
}

/** Voxels of one label that are connected. */
export interface Region {
  readonly label: number;
  readonly voxels: readonly number[];
  /** Whether it reaches the border of the slice. */
  readonly isOpen: boolean;
}

/** The region round a pixel of a slice: pixels of its label that are connected by their sides. */
export function regionOnSlice(
  data: Uint8Array,
  { width, height, origin, right, down, through }: PlaneLayout,
  slice: number,
  column: number,
  row: number,
): Region {
  const start = origin + slice * through;
  const at = (pixel: number): number => start + (pixel % width) * right + Math.floor(pixel / width) * down;
  const label = data[at(row * width + column)]!;
  const seen = new Uint8Array(width * height);
  const waiting = [row * width + column];
  seen[waiting[0]!] = 1;
  const voxels: number[] = [];
  let isOpen = false;
  const visit = (pixel: number): void => {
    if (seen[pixel] === 1 || data[at(pixel)] !== label) return;
    seen[pixel] = 1;
    waiting.push(pixel);
  };
  for (let pixel = waiting.pop(); pixel !== undefined; pixel = waiting.pop()) {
    voxels.push(at(pixel));
    const x = pixel % width;
    const y = (pixel - x) / width;
    if (x === 0 || y === 0 || x === width - 1 || y === height - 1) isOpen = true;
    if (x > 0) visit(pixel - 1);
    if (x < width - 1) visit(pixel + 1);
    if (y > 0) visit(pixel - width);
    if (y < height - 1) visit(pixel + width);
  }
  return { label, voxels, isOpen };
}

/** The part of a structure round a voxel, through all slices: voxels of its label that are connected by their sides. */
export function partOfStructure(data: Uint8Array, [nx, ny, nz]: Shape3, voxel: number): readonly number[] {
  const label = data[voxel]!;
  const seen = new Uint8Array(data.length);
  seen[voxel] = 1;
  const found = [voxel];
  const visit = (next: number): void => {
    if (seen[next] === 1 || data[next] !== label) return;
    seen[next] = 1;
    found.push(next);
  };
  // The list is walked through what is added on the way.
  for (const v of found) {
    const x = v % nx;
    const y = Math.floor(v / nx) % ny;
    const z = Math.floor(v / (nx * ny));
    if (x > 0) visit(v - 1);
    if (x < nx - 1) visit(v + 1);
    if (y > 0) visit(v - nx);
    if (y < ny - 1) visit(v + nx);
    if (z > 0) visit(v - nx * ny);
    if (z < nz - 1) visit(v + nx * ny);
  }
  return found;
}
