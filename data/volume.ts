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

type Column = readonly [number, number, number];
/** A stored axis's step, in mm. */
const column = (m: Affine, i: 0 | 1 | 2): Column => [m[i]!, m[4 + i]!, m[8 + i]!];
const dot = (a: Column, b: Column): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];

/** The volume of one voxel in mm³: of a sheared grid's too, whose sides are not at right angles. */
export function voxelVolumeMm3(affine: Affine): number {
  const [a, b, c] = [column(affine, 0), column(affine, 1), column(affine, 2)];
  return Math.abs(dot(a, [b[1] * c[2] - b[2] * c[1], b[2] * c[0] - b[0] * c[2], b[0] * c[1] - b[1] * c[0]]));
}

/** Cosine of the angle between two stored axes: 0 where they are at a right angle. */
function axisCosine(affine: Affine, i: 0 | 1 | 2, j: 0 | 1 | 2): number {
  const [a, b] = [column(affine, i), column(affine, j)];
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

/**
 * Axes whose angle is off a right one by less, in radians, are taken for perpendicular: distances are off as little.
 */
const SHEAR_TOLERANCE = 0.01;

/** Whether two stored axes are not perpendicular. */
export const areSkew = (affine: Affine, i: 0 | 1 | 2, j: 0 | 1 | 2): boolean =>
  Math.abs(axisCosine(affine, i, j)) > SHEAR_TOLERANCE;

/** Whether a grid is sheared, as that of a tilted gantry: its voxels are no boxes, and spacing gives no distances. */
export const isSheared = (affine: Affine): boolean =>
  areSkew(affine, 0, 1) || areSkew(affine, 0, 2) || areSkew(affine, 1, 2);
