// A volume: voxels, their size in mm and where they stand in the patient. Voxel (x, y, z) is data[x + nx·(y + ny·z)].
import { DataError } from "./errors.ts";

export type VoxelArray =
  | Uint8Array<ArrayBuffer>
  | Int8Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Int16Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Float32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>;

export type Shape3 = readonly [nx: number, ny: number, nz: number];
/** 4×4, row-major: patient millimetres (x to the Left is negative: NIfTI's RAS+) = affine · (x, y, z, 1). */
export type Affine = readonly number[];

/**
 * Where the voxels stand, in the fields of a NIfTI header. They are kept as they were read, so that a file written with
 * them has the same geometry.
 */
export interface Geometry {
  readonly qformCode: number;
  readonly sformCode: number;
  /** b, c, d of the unit quaternion. */
  readonly quaternion: readonly [number, number, number];
  readonly qoffset: readonly [number, number, number];
  /** qfac and the three voxel sizes. */
  readonly pixdim: readonly [number, number, number, number];
  /** srow_x, srow_y, srow_z: 12 numbers. */
  readonly sform: readonly number[];
  readonly xyztUnits: number;
}

export interface Volume {
  /** Where it comes from, for messages. */
  readonly name: string;
  readonly data: VoxelArray;
  readonly shape: Shape3;
  readonly spacingMm: readonly [number, number, number];
  readonly affine: Affine;
  /** False where the file says nothing of orientation: voxels are then taken as stored. */
  readonly oriented: boolean;
  readonly geometry: Geometry;
  /** What was odd but could be read; each a whole sentence. */
  readonly warnings: readonly string[];
}

export const voxelCount = ([nx, ny, nz]: Shape3): number => nx * ny * nz;

/** The geometry that gives an affine as the s-form alone, with its code (1: scanner coordinates). */
export function sformGeometry(affine: Affine, spacingMm: Volume["spacingMm"], code = 1): Geometry {
  return {
    qformCode: 0,
    sformCode: code,
    quaternion: [0, 0, 0],
    qoffset: [0, 0, 0],
    pixdim: [1, ...spacingMm],
    sform: affine.slice(0, 12),
    xyztUnits: 2,
  };
}

/** A new volume, stored Left-Posterior-Superior (rows go back, columns to the patient's left: as it is displayed). */
export function makeVolume(
  name: string,
  data: VoxelArray,
  shape: Shape3,
  spacingMm: readonly [number, number, number],
): Volume {
  if (data.length !== voxelCount(shape))
    throw new DataError(
      name,
      "data",
      `${data.length} voxels do not fill ${shape.join(" × ")}`,
      "give one value a voxel",
    );
  const [sx, sy, sz] = spacingMm;
  const affine = [-sx, 0, 0, 0, 0, -sy, 0, 0, 0, 0, sz, 0, 0, 0, 0, 1];
  const geometry: Geometry = { ...sformGeometry(affine, spacingMm), qformCode: 1, quaternion: [0, 0, 1] };
  return { name, data, shape, spacingMm, affine, oriented: true, geometry, warnings: [] };
}

/** The z-th stored slice [ny, nx] as a view of the volume's memory. */
export function storedSlice<T extends VoxelArray>(data: T, [nx, ny]: Shape3, z: number): T {
  return data.subarray(z * nx * ny, (z + 1) * nx * ny) as T;
}

/** Largest difference of two affines' elements, in mm; what "same geometry" is judged by. */
export function affineDifference(a: Affine, b: Affine): number {
  let worst = 0;
  for (let i = 0; i < 16; i++) worst = Math.max(worst, Math.abs(a[i]! - b[i]!));
  return worst;
}
