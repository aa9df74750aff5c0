// The three planes through a point of a volume in Left-Posterior-Superior order, as they are displayed: axial with the
// patient's front at the top, coronal and sagittal with the head at the top.
import type { Shape3, VoxelArray } from "../../data/volume.ts";

export type PlaneName = "axial" | "coronal" | "sagittal";
export const PLANES = ["axial", "coronal", "sagittal"] as const;

/** A place in a volume, in voxels. */
export type Place = readonly [x: number, y: number, z: number];

/** How a plane lies in its volume: which axis goes right, which down, and which through it. */
interface Axes {
  readonly right: 0 | 1 | 2;
  readonly down: 0 | 1 | 2;
  readonly through: 0 | 1 | 2;
  /** Whether its rows run against their axis: the head is at the top. */
  readonly isUpright: boolean;
}

const AXES: Readonly<Record<PlaneName, Axes>> = {
  axial: { right: 0, down: 1, through: 2, isUpright: false },
  coronal: { right: 0, down: 2, through: 1, isUpright: true },
  sagittal: { right: 1, down: 2, through: 0, isUpright: true },
};

export interface PlaneSize {
  readonly width: number;
  readonly height: number;
  /** Slices along the axis through it. */
  readonly count: number;
  /** Height of what is displayed over its width. */
  readonly aspect: number;
  /** Of a pixel, in mm. */
  readonly pixelMm: readonly [x: number, y: number];
  /** From slice to slice, in mm. */
  readonly sliceMm: number;
}

export function sizeOfPlane(plane: PlaneName, shape: Shape3, spacingMm: Shape3): PlaneSize {
  const { right, down, through } = AXES[plane];
  const [width, height] = [shape[right], shape[down]];
  const pixelMm = [spacingMm[right], spacingMm[down]] as const;
  const aspect = (height * pixelMm[1]) / (width * pixelMm[0]);
  return { width, height, count: shape[through], aspect, pixelMm, sliceMm: spacingMm[through] };
}

/** The number of the slice of a plane that a place is on. */
export const sliceAt = (plane: PlaneName, place: Place): number => place[AXES[plane].through];

/** A place moved to slice `index` of a plane, kept inside the volume. */
export function onSlice(plane: PlaneName, place: Place, index: number, shape: Shape3): Place {
  const { through } = AXES[plane];
  const moved = [...place] as [number, number, number];
  moved[through] = Math.max(0, Math.min(shape[through] - 1, index));
  return moved;
}

/** The voxel under pixel (column, row) of the plane through `place`; undefined outside. */
export function voxelUnder(
  plane: PlaneName,
  place: Place,
  [column, row]: readonly [number, number],
  shape: Shape3,
): Place | undefined {
  const { right, down, isUpright } = AXES[plane];
  const found = [...place] as [number, number, number];
  found[right] = Math.floor(column);
  found[down] = isUpright ? shape[down] - 1 - Math.floor(row) : Math.floor(row);
  return found.every((v, i) => v >= 0 && v < shape[i]!) ? found : undefined;
}

/** The pixel of a plane, as [column, row], that a place is shown at. */
export function pixelOf(plane: PlaneName, place: Place, shape: Shape3): [column: number, row: number] {
  const { right, down, isUpright } = AXES[plane];
  return [place[right], isUpright ? shape[down] - 1 - place[down] : place[down]];
}

/**
 * How the pixels of a plane are stored: that at (column, row) of a slice is origin + column · right + row · down +
 * slice · through.
 */
export interface PlaneLayout {
  readonly width: number;
  readonly height: number;
  readonly count: number;
  readonly origin: number;
  readonly right: number;
  readonly down: number;
  readonly through: number;
}

export function layoutOf(plane: PlaneName, shape: Shape3): PlaneLayout {
  const { right, down, through, isUpright } = AXES[plane];
  const strides = [1, shape[0], shape[0] * shape[1]] as const;
  const height = shape[down];
  return {
    width: shape[right],
    height,
    count: shape[through],
    origin: isUpright ? (height - 1) * strides[down] : 0,
    right: strides[right],
    down: isUpright ? -strides[down] : strides[down],
    through: strides[through],
  };
}

/** The pixels of the plane through `place`, row by row. */
export function planeOf<T extends VoxelArray>(data: T, plane: PlaneName, place: Place, shape: Shape3): T {
  const { width, height, origin, right, down, through } = layoutOf(plane, shape);
  const pixels = new (data.constructor as new (n: number) => T)(width * height);
  const start = origin + sliceAt(plane, place) * through;
  for (let row = 0, pixel = 0; row < height; row++)
    for (let column = 0, v = start + row * down; column < width; column++, v += right) pixels[pixel++] = data[v]!;
  return pixels;
}
