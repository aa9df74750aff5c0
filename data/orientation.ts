// Turning any storage order into Left-Posterior-Superior and back: rows then go from front to back and columns from
// the patient's right to left, so an axial slice [row, column] is what a radiologist sees. No resampling: axes are
// permuted and flipped.
import { mat4d } from "wgpu-matrix";
import type { Affine, Shape3, VoxelArray, Volume } from "./volume.ts";
import { voxelCount } from "./volume.ts";

/** For each LPS axis (L, P, S): the stored axis nearest to it, and whether that runs the other way. */
export interface Orientation {
  readonly axes: readonly [number, number, number];
  readonly flips: readonly [boolean, boolean, boolean];
}

/** The permutation that follows the affine's directions best (the largest product of direction cosines). */
export function orientationOf(affine: Affine): Orientation {
  const cosine = (world: number, stored: number): number => {
    const length = Math.hypot(affine[stored], affine[4 + stored], affine[8 + stored]);
    return affine[world * 4 + stored] / length;
  };
  const permutations = [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
  ] as const;
  const score = (p: readonly number[]): number => Math.abs(cosine(0, p[0]) * cosine(1, p[1]) * cosine(2, p[2]));
  const axes = permutations.reduce((best, p) => (score(p) > score(best) + 1e-9 ? p : best));
  // NIfTI's world is Right-Anterior-Superior: L and P are its first two axes reversed.
  return { axes, flips: [cosine(0, axes[0]) > 0, cosine(1, axes[1]) > 0, cosine(2, axes[2]) < 0] };
}

export const isLps = ({ axes, flips }: Orientation): boolean => axes.every((a, i) => a === i) && !flips.some(Boolean);

/** Three letters for the directions in which the stored axes run, such as LPS or RAS. */
export function orientationName(affine: Affine): string {
  const { axes, flips } = orientationOf(affine);
  const letters = ["", "", ""];
  for (let i = 0; i < 3; i++) letters[axes[i]] = (flips[i] ? "RAI" : "LPS")[i];
  return letters.join("");
}

/** Offsets and steps that walk the stored voxels in LPS order. */
function walk(shape: Shape3, { axes, flips }: Orientation): { shape: Shape3; start: number; steps: number[] } {
  const strides = [1, shape[0], shape[0] * shape[1]];
  let start = 0;
  const steps = axes.map((axis, i) => {
    if (!flips[i]) return strides[axis];
    start += strides[axis] * (shape[axis] - 1);
    return -strides[axis];
  });
  return { shape: [shape[axes[0]], shape[axes[1]], shape[axes[2]]], start, steps };
}

/** The volume in LPS storage order; itself where it already is, or where nothing is known of its orientation. */
export function toLps(volume: Volume): Volume {
  const orientation = orientationOf(volume.affine);
  if (!volume.oriented || isLps(orientation)) return volume;
  const { shape, start, steps } = walk(volume.shape, orientation);
  const { axes, flips } = orientation;
  const data = new (volume.data.constructor as new (n: number) => VoxelArray)(volume.data.length);
  for (let z = 0, o = 0; z < shape[2]; z++)
    for (let y = 0; y < shape[1]; y++)
      for (let x = 0, i = start + y * steps[1] + z * steps[2]; x < shape[0]; x++, i += steps[0])
        data[o++] = volume.data[i];
  // stored = permutation · lps: column i of the permutation has ±1 at the stored axis. wgpu-matrix is column-major.
  const permutation = new Float64Array(16);
  for (let i = 0; i < 3; i++) {
    permutation[i * 4 + axes[i]] = flips[i] ? -1 : 1;
    if (flips[i]) permutation[12 + axes[i]] = volume.shape[axes[i]] - 1;
  }
  permutation[15] = 1;
  const affine = mat4d.transpose(mat4d.multiply(mat4d.transpose(Float64Array.from(volume.affine)), permutation));
  const spacingMm = axes.map((a) => volume.spacingMm[a]) as [number, number, number];
  return {
    ...volume,
    data,
    shape,
    spacingMm,
    affine: Array.from(affine),
    geometry: {
      ...volume.geometry,
      qformCode: 0,
      quaternion: [0, 0, 0],
      qoffset: [0, 0, 0],
      pixdim: [1, ...spacingMm],
      sformCode: Math.max(1, volume.geometry.sformCode || volume.geometry.qformCode),
      sform: Array.from(affine.slice(0, 12)),
      xyztUnits: 2,
    },
  };
}

/** Voxels in LPS order put back into the storage order of `like`, the volume as it was read. */
export function fromLps<T extends VoxelArray>(data: T, like: Volume): T {
  const orientation = orientationOf(like.affine);
  if (data.length !== voxelCount(like.shape))
    throw new RangeError(`fromLps: ${data.length} voxels do not fill ${like.shape.join(" × ")}`);
  if (!like.oriented || isLps(orientation)) return data;
  const { shape, start, steps } = walk(like.shape, orientation);
  const out = new (data.constructor as new (n: number) => T)(data.length);
  for (let z = 0, i = 0; z < shape[2]; z++)
    for (let y = 0; y < shape[1]; y++)
      for (let x = 0, o = start + y * steps[1] + z * steps[2]; x < shape[0]; x++, o += steps[0]) out[o] = data[i++];
  return out;
}
