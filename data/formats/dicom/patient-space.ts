// Millimetres in DICOM's directions (LPS) and indices of a grid, whose affine is in NIfTI's (RAS).
import { mat4d } from "wgpu-matrix";
import type { Affine } from "../../volume.ts";
import type { Vector } from "./planes.ts";

/** A voxel's place in mm. */
export function placeOf(a: Affine, x: number, y: number, z: number): Vector {
  const row = (i: number): number => a[i]! * x + a[i + 1]! * y + a[i + 2]! * z + a[i + 3]!;
  return [-row(0), -row(4), row(8)];
}

/** What gives the indices of a place in mm; of a direction, where `one` is 0, those that it adds. */
export function indicesBy(affine: Affine): (place: Vector, one?: 0 | 1) => Vector {
  // wgpu-matrix is column-major.
  const inverse = mat4d.inverse(mat4d.transpose(Float64Array.from(affine)));
  return ([x, y, z], one = 1) => {
    const along = (axis: 0 | 1 | 2): number =>
      inverse[axis]! * -x + inverse[4 + axis]! * -y + inverse[8 + axis]! * z + one * inverse[12 + axis]!;
    return [along(0), along(1), along(2)];
  };
}

/** A point of x, y, z, x, … */
export const pointAt = (points: Float64Array, i: number): Vector => [
  points[3 * i]!,
  points[3 * i + 1]!,
  points[3 * i + 2]!,
];
