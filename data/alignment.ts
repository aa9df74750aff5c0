// Whether two grids are one, in whatever order each is stored: a mask lies on its image where its voxels do.
import { mat4d } from "wgpu-matrix";
import { AXES, AXIS_ORDERS, type Axis, type Orientation } from "./orientation.ts";
import type { Affine, Shape3 } from "./volume.ts";

/** Grids that are nowhere in the volume further apart than this part of a voxel are one. */
export const placeToleranceVoxels = 1e-3;

export interface Distance {
  readonly mm: number;
  /** Along the first grid's axes, in its voxels. */
  readonly voxels: number;
}

/** A grid as its header tells it. */
interface Grid {
  readonly shape: Shape3;
  readonly affine: Affine;
}

/**
 * Whether the voxels of two volumes lie on one another, as they are stored; where a file says nothing of its place,
 * whether they are as many along each axis.
 */
export function isSameGrid(a: PlacedGrid, b: PlacedGrid): boolean {
  if (a.shape.some((n, i) => n !== b.shape[i])) return false;
  const isPlaced = a.oriented && b.oriented;
  return !isPlaced || gridDistance(a.affine, b.affine, a.shape).voxels <= placeToleranceVoxels;
}

export interface Alignment extends Distance {
  /** For each axis of the first grid: the nearest of the second's, and whether it runs the other way. */
  readonly orientation: Orientation;
}

/** A grid, and whether its file says where it is. */
export interface PlacedGrid extends Grid {
  readonly oriented: boolean;
}

type Point = readonly [number, number, number];
/** The largest distance between the places that two affines give one voxel of a volume. */
export const gridDistance = (a: Affine, b: Affine, shape: Shape3): Distance =>
  cornerDistance({ shape, affine: a }, b, (corner) => corner);

/**
 * The second grid in the order of the first, by its nearest axes, and how far apart they are then; undefined where
 * their sizes differ. The verdict does not depend on the order in which either is stored.
 */
export function alignmentOf(first: Grid, second: Grid): Alignment | undefined {
  const toFirst = mat4d.multiply(inverseOf(first.affine), columnsOf(second.affine));
  // The step along the second's axis j, in voxels along the first's axis i. wgpu-matrix is column-major.
  const step = (i: Axis, j: Axis): number => toFirst[j * 4 + i]!;
  const score = (order: Orientation["axes"]): number =>
    Math.abs(step(0, order[0]) * step(1, order[1]) * step(2, order[2]));
  const axes = AXIS_ORDERS.reduce((best, order) => (score(order) > score(best) ? order : best));
  if (AXES.some((i) => first.shape[i] !== second.shape[axes[i]])) return undefined;
  const flips = [step(0, axes[0]) < 0, step(1, axes[1]) < 0, step(2, axes[2]) < 0] as const;
  const inSecond = (corner: Point): Point => {
    const at: [number, number, number] = [0, 0, 0];
    for (const i of AXES) at[axes[i]] = flips[i] ? first.shape[i] - 1 - corner[i] : corner[i];
    return at;
  };
  return { orientation: { axes, flips }, ...cornerDistance(first, second.affine, inSecond) };
}

/** What is linear in the index is furthest off at a corner. */
function cornerDistance({ shape, affine }: Grid, other: Affine, inOther: (corner: Point) => Point): Distance {
  const toVoxels = inverseOf(affine);
  let mm = 0;
  let voxels = 0;
  for (let corner = 0; corner < 8; corner++) {
    const at: Point = [corner & 1 && shape[0] - 1, corner & 2 && shape[1] - 1, corner & 4 && shape[2] - 1];
    const here = worldOf(affine, at);
    const there = worldOf(other, inOther(at));
    const [x, y, z] = [there[0] - here[0], there[1] - here[1], there[2] - here[2]] as const;
    mm = Math.max(mm, Math.hypot(x, y, z));
    for (const i of AXES)
      voxels = Math.max(voxels, Math.abs(toVoxels[i]! * x + toVoxels[4 + i]! * y + toVoxels[8 + i]! * z));
  }
  return { mm, voxels };
}

function worldOf(a: Affine, [x, y, z]: Point): Point {
  const row = (i: number): number => a[i]! * x + a[i + 1]! * y + a[i + 2]! * z + a[i + 3]!;
  return [row(0), row(4), row(8)];
}

/** A matrix by rows as wgpu-matrix has it, by columns. */
const columnsOf = (affine: Affine): Float64Array => mat4d.transpose(Float64Array.from(affine));
const inverseOf = (affine: Affine): Float64Array => mat4d.inverse(columnsOf(affine));
