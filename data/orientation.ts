// Turning any storage order into Left-Posterior-Superior and back: rows then go from front to back and columns from
// the patient's right to left, so an axial slice [row, column] is what a radiologist sees. No resampling: axes are
// permuted and flipped.
import { mat4d } from "wgpu-matrix";
import { type Affine, type Shape3, type Volume, type VoxelArray, sformGeometry, voxelCount } from "./volume.ts";

/** An axis of the storage order, or of the patient (0: left, 1: posterior, 2: superior). */
export type Axis = 0 | 1 | 2;
export const AXES = [0, 1, 2] as const;
/** The six orders that three axes have. */
export const AXIS_ORDERS: readonly (readonly [Axis, Axis, Axis])[] = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
];

/**
 * For each axis wanted (L, P and S, unless said otherwise): the stored axis nearest to it, and whether it is reversed.
 */
export interface Orientation {
  readonly axes: readonly [Axis, Axis, Axis];
  readonly flips: readonly [boolean, boolean, boolean];
}

/** The permutation that follows the affine's directions best (the largest product of direction cosines). */
export function orientationOf(affine: Affine): Orientation {
  const cosine = (world: Axis, stored: Axis): number => {
    const length = Math.hypot(affine[stored]!, affine[4 + stored]!, affine[8 + stored]!);
    return affine[world * 4 + stored]! / length;
  };
  const score = (p: Orientation["axes"]): number => Math.abs(cosine(0, p[0]) * cosine(1, p[1]) * cosine(2, p[2]));
  const axes = AXIS_ORDERS.reduce((best, p) => (score(p) > score(best) + 1e-9 ? p : best));
  // NIfTI's world is Right-Anterior-Superior: L and P are its first two axes reversed.
  return { axes, flips: [cosine(0, axes[0]) > 0, cosine(1, axes[1]) > 0, cosine(2, axes[2]) < 0] };
}

export const isLps = ({ axes, flips }: Orientation): boolean => axes.every((a, i) => a === i) && !flips.some(Boolean);

/** Three letters for the directions in which the stored axes run, such as LPS or RAS. */
export function orientationName(affine: Affine): string {
  const { axes, flips } = orientationOf(affine);
  const letters = ["", "", ""];
  for (const i of AXES) letters[axes[i]] = (flips[i] ? "RAI" : "LPS").charAt(i);
  return letters.join("");
}

/**
 * How to walk the stored voxels in the order wanted: the shape so turned, the first voxel, and the step along each
 * axis.
 */
interface Walk {
  readonly shape: Shape3;
  readonly start: number;
  readonly steps: readonly [x: number, y: number, z: number];
}

function walk(shape: Shape3, { axes, flips }: Orientation): Walk {
  const strides = [1, shape[0], shape[0] * shape[1]] as const;
  const stepOf = (i: Axis): number => (flips[i] ? -strides[axes[i]] : strides[axes[i]]);
  const startOf = (i: Axis): number => (flips[i] ? strides[axes[i]] * (shape[axes[i]] - 1) : 0);
  return {
    shape: [shape[axes[0]], shape[axes[1]], shape[axes[2]]],
    start: startOf(0) + startOf(1) + startOf(2),
    steps: [stepOf(0), stepOf(1), stepOf(2)],
  };
}

/** The volume in LPS storage order; itself where it already is, or where nothing is known of its orientation. */
export function toLps(volume: Volume): Volume {
  const orientation = orientationOf(volume.affine);
  if (!volume.oriented || isLps(orientation)) return volume;
  const { axes } = orientation;
  const { data, shape } = inOrder(volume, orientation);
  const spacingMm = [volume.spacingMm[axes[0]], volume.spacingMm[axes[1]], volume.spacingMm[axes[2]]] as const;
  const affine = turnedAffine(volume, orientation);
  const { sformCode, qformCode } = volume.geometry;
  const geometry = sformGeometry(affine, spacingMm, Math.max(1, sformCode || qformCode));
  return { ...volume, data, shape, spacingMm, affine, geometry };
}

/** Stored voxels in the order that `orientation` wants, and their shape then. */
export function inOrder(
  stored: Pick<Volume, "data" | "shape">,
  orientation: Orientation,
): Pick<Volume, "data" | "shape"> {
  const { shape, start, steps } = walk(stored.shape, orientation);
  const [stepX, stepY, stepZ] = steps;
  const data = new (stored.data.constructor as new (n: number) => VoxelArray)(stored.data.length);
  for (let z = 0, o = 0; z < shape[2]; z++)
    for (let y = 0; y < shape[1]; y++)
      for (let x = 0, i = start + y * stepY + z * stepZ; x < shape[0]; x++, i += stepX) data[o++] = stored.data[i]!;
  return { data, shape };
}

/** The affine of LPS indices: that of the stored ones, times the map from LPS to stored indices. */
function turnedAffine({ affine, shape }: Volume, { axes, flips }: Orientation): Affine {
  // Column i of the map has ±1 at the stored axis. wgpu-matrix is column-major.
  const toStored = new Float64Array(16);
  for (const i of AXES) {
    toStored[i * 4 + axes[i]] = flips[i] ? -1 : 1;
    if (flips[i]) toStored[12 + axes[i]] = shape[axes[i]] - 1;
  }
  toStored[15] = 1;
  const product = mat4d.multiply(mat4d.transpose(Float64Array.from(affine)), toStored);
  return Array.from(mat4d.transpose(product));
}

/** Voxels in LPS order put back into the storage order of `like`, the volume as it was read. */
export function fromLps<T extends VoxelArray>(data: T, like: Volume): T {
  const orientation = orientationOf(like.affine);
  if (data.length !== voxelCount(like.shape))
    throw new RangeError(`fromLps: ${data.length} voxels do not fill ${like.shape.join(" × ")}`);
  if (!like.oriented || isLps(orientation)) return data;
  const { shape, start, steps } = walk(like.shape, orientation);
  const [stepX, stepY, stepZ] = steps;
  const out = new (data.constructor as new (n: number) => T)(data.length);
  for (let z = 0, i = 0; z < shape[2]; z++)
    for (let y = 0; y < shape[1]; y++)
      for (let x = 0, o = start + y * stepY + z * stepZ; x < shape[0]; x++, o += stepX) out[o] = data[i++]!;
  return out;
}
