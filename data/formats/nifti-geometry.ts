// Where a NIfTI header says that the voxels stand: the s-form where it is set, else the q-form, else voxel sizes alone.
import { mat4d, quatd } from "wgpu-matrix";
import { gridDistance } from "../alignment.ts";
import { DataError } from "../errors.ts";
import type { Affine, Geometry, Shape3 } from "../volume.ts";

/** The fields of a header that place its voxels, as they are stored. */
export interface PlacingFields extends Omit<Geometry, "pixdim"> {
  /** qfac and the three voxel sizes; NaN where the file has none. */
  readonly pixdim: readonly [number, number, number, number];
  readonly shape: Shape3;
  /** Dimensions that the header counts: the voxel sizes of others may be 0. */
  readonly rank: number;
}

export interface Placed {
  /** In mm. */
  readonly affine: Affine;
  readonly oriented: boolean;
  /** The fields, with voxel sizes that a file can have. */
  readonly geometry: Geometry;
}

/**
 * The affine by the standard's order. `warnings` gets what was odd: both forms of one file that differ, voxel sizes
 * that are none beside a good s-form. Throws DataError with the field where nothing places the voxels.
 */
export function place(fields: PlacingFields, name: string, warnings: string[]): Placed {
  const unit = mmPerUnit.get(fields.xyztUnits & 7) ?? 1;
  const sform = sformOf(fields, name);
  const geometry = geometryOf(fields, sform, name, warnings);
  const inMm = (affine: Affine): Affine => affine.map((v, i) => (i < 12 ? v * unit : v));
  if (sform) {
    if (geometry.qformCode > 0) warnOfQform(inMm(sform), geometry, unit, fields.shape, name, warnings);
    return { affine: inMm(sform), oriented: true, geometry };
  }
  if (fields.sformCode > 0) {
    const instead = fields.qformCode > 0 ? "the q-form is" : "only the voxel sizes are";
    warnings.push(`${name}: the s-form is singular: ${instead} used.`);
  }
  if (geometry.qformCode > 0) return { affine: inMm(affineOfQform(geometry, name)), oriented: true, geometry };
  warnings.push(`${name}: neither q-form nor s-form is set: slices are taken as they are stored.`);
  const [, sx, sy, sz] = geometry.pixdim;
  return { affine: inMm([sx, 0, 0, 0, 0, sy, 0, 0, 0, 0, sz, 0, 0, 0, 0, 1]), oriented: false, geometry };
}

/** Codes of metre and micrometre; the millimetre is what all else is taken for. */
const mmPerUnit: ReadonlyMap<number, number> = new Map([
  [1, 1000],
  [3, 0.001],
]);

/** Length of a column of a 4×4 matrix stored by rows: the voxel size along a stored axis. */
export const columnLength = (m: Affine, i: number): number => Math.hypot(m[i]!, m[4 + i]!, m[8 + i]!);

/** The s-form's matrix; undefined where it is not set, or singular. Throws DataError where it is not finite. */
function sformOf({ sformCode, sform }: PlacingFields, name: string): Affine | undefined {
  if (sformCode <= 0) return undefined;
  const affine = [...sform, 0, 0, 0, 1];
  if (!affine.every(Number.isFinite))
    throw new DataError(name, "srow", "the s-form holds values that are not finite", "write a right affine");
  const volume = Math.abs(mat4d.determinant(Float64Array.from(affine)));
  const box = columnLength(affine, 0) * columnLength(affine, 1) * columnLength(affine, 2);
  return volume > 1e-6 * box ? affine : undefined;
}

/** The fields with whole voxel sizes: where one is none, a good s-form tells it. */
function geometryOf(
  { pixdim, rank, shape: _, ...fields }: PlacingFields,
  sform: Affine | undefined,
  name: string,
  warnings: string[],
): Geometry {
  const isSize = (p: number): boolean => p > 0 && p < 1e6;
  // The unit matrix beside no size at all is what writers begin with: it tells none.
  const isBlank = !pixdim.slice(1).some(isSize) && sform?.every((v, i) => v === Number(i % 5 === 0));
  const voxelSize = (i: 1 | 2 | 3): number => {
    const p = pixdim[i];
    if (isSize(p)) return p;
    if (i > rank && p === 0) return 1;
    if (!sform || isBlank)
      throw new DataError(name, `pixdim[${i}]`, `${p} is no voxel size`, "write the voxel sizes in mm");
    const size = columnLength(sform, i - 1);
    warnings.push(`${name}: pixdim[${i}] is ${p}, no voxel size: the s-form's ${size} is used.`);
    return size;
  };
  return { ...fields, pixdim: [pixdim[0] < 0 ? -1 : 1, voxelSize(1), voxelSize(2), voxelSize(3)] };
}

/** Warns where the q-form puts voxels elsewhere than the s-form: other readers may follow it. */
function warnOfQform(
  sform: Affine,
  geometry: Geometry,
  unit: number,
  shape: Shape3,
  name: string,
  warnings: string[],
): void {
  const { quaternion } = geometry;
  if (!isRotation(geometry)) {
    warnings.push(`${name}: the q-form (${quaternion.join(", ")}) is no rotation: the s-form is used.`);
    return;
  }
  const qform = affineOfQform(geometry, name).map((v, i) => (i < 12 ? v * unit : v));
  const { mm, voxels } = gridDistance(sform, qform, shape);
  const extent = Math.hypot(...shape.map((n, i) => n * columnLength(sform, i)));
  if (voxels <= FORM_TOLERANCE_VOXELS || mm <= extent * roundingAngle(quaternion)) return;
  warnings.push(
    `${name}: q-form and s-form differ, by up to ${mm.toPrecision(3)} mm: the s-form is used; other readers may use ` +
      "the q-form.",
  );
}

/** Forms that differ by less of a voxel anywhere in the volume are equal. */
const FORM_TOLERANCE_VOXELS = 1e-3;
/** Relative rounding of float32, in which NIfTI-1 stores a quaternion. */
const FLOAT32_ROUNDING = 2 ** -24;

/** The angle that storing b, c, d in float32 may turn a volume by: much near a half turn, where a is near 0. */
function roundingAngle([b, c, d]: Geometry["quaternion"]): number {
  const a = Math.sqrt(Math.max(0, 1 - b * b - c * c - d * d));
  const square = 4 * FLOAT32_ROUNDING;
  return 2 * Math.min(Math.sqrt(square), a > 0 ? square / a : Infinity);
}

const squaredNorm = ([b, c, d]: Geometry["quaternion"]): number => b * b + c * c + d * d;
const isRotation = ({ quaternion, qoffset }: Geometry): boolean =>
  [...quaternion, ...qoffset].every(Number.isFinite) && squaredNorm(quaternion) <= 1.001;

/** Rotation of the quaternion, times the voxel sizes (the third times qfac), with the offset as last column. */
function affineOfQform(geometry: Geometry, name: string): number[] {
  const {
    quaternion,
    qoffset,
    pixdim: [qfac, sx, sy, sz],
  } = geometry;
  const [b, c, d] = quaternion;
  if (!isRotation(geometry)) {
    const problem = `(${b}, ${c}, ${d}) is no unit quaternion`;
    throw new DataError(name, "quatern", problem, "write a right q-form or s-form");
  }
  // wgpu-matrix: quaternions (x, y, z, w), matrices by columns.
  const r = mat4d.fromQuat(quatd.normalize([b, c, d, Math.sqrt(Math.max(0, 1 - squaredNorm(quaternion)))]));
  const row = (i: 0 | 1 | 2): number[] => [r[i]! * sx, r[4 + i]! * sy, r[8 + i]! * sz * qfac, qoffset[i]];
  return [...row(0), ...row(1), ...row(2), 0, 0, 0, 1];
}
