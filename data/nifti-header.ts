// Reading and judging a NIfTI-1 or NIfTI-2 header: all that a hostile file could lie about is checked before memory
// is made.
import { NIFTI1, NIFTI2 } from "nifti-reader-js";
import { mat4d, quatd } from "wgpu-matrix";
import { DataError } from "./errors.ts";
import type { Affine, Geometry, Shape3 } from "./volume.ts";

export interface VoxelType {
  readonly name: string;
  readonly bytes: number;
}

/** NIfTI datatype codes that hold one number a voxel. */
export const voxelTypes: ReadonlyMap<number, VoxelType> = new Map([
  [2, { name: "uint8", bytes: 1 }],
  [256, { name: "int8", bytes: 1 }],
  [4, { name: "int16", bytes: 2 }],
  [512, { name: "uint16", bytes: 2 }],
  [8, { name: "int32", bytes: 4 }],
  [768, { name: "uint32", bytes: 4 }],
  [16, { name: "float32", bytes: 4 }],
  [64, { name: "float64", bytes: 8 }],
  [1024, { name: "int64", bytes: 8 }],
  [1280, { name: "uint64", bytes: 8 }],
]);
const otherTypes: Readonly<Record<number, string>> = {
  0: "unknown",
  1: "one bit a voxel",
  32: "complex64",
  128: "RGB colour",
  1536: "float128",
  1792: "complex128",
  2048: "complex256",
  2304: "RGBA colour",
};

export interface NiftiHeader {
  readonly littleEndian: boolean;
  readonly shape: Shape3;
  readonly type: VoxelType;
  /** Where the voxels start, and how many bytes they fill. */
  readonly dataOffset: number;
  readonly dataBytes: number;
  readonly slope: number;
  readonly inter: number;
  readonly affine: Affine;
  readonly oriented: boolean;
  readonly spacingMm: readonly [number, number, number];
  readonly geometry: Geometry;
  readonly warnings: readonly string[];
}

/** Bytes that are enough for either header. */
export const headBytes = 544;
/** Voxels of one file may fill this much; more is refused rather than tried. */
const maxDataBytes = 2 ** 31;

/**
 * Judges the header in `head` (the file's first 544 bytes, or all of them). Throws DataError with the field and its
 * value.
 */
export function readNiftiHeader(head: Uint8Array, name: string): NiftiHeader {
  const bad = (field: string, problem: string, mend = "export the image again as NIfTI"): never => {
    throw new DataError(name, field, problem, mend);
  };
  const warnings: string[] = [];
  if (head.length < 348) bad("header", `${head.length} bytes are no NIfTI header of 348 or 540`);
  const bytes = new Uint8Array(head.subarray(0, headBytes)); // a copy: a Node Buffer's slice would be a view of its pool
  const view = new DataView(bytes.buffer);
  const sizes = [view.getInt32(0, true), view.getInt32(0, false)];
  const littleEndian = sizes[0] === 348 || sizes[0] === 540;
  const size = littleEndian ? sizes[0] : sizes[1];
  if (size !== 348 && size !== 540)
    bad(
      "sizeof_hdr",
      `${sizes[0]} is neither 348 (NIfTI-1) nor 540 (NIfTI-2): not a NIfTI file`,
      "give a .nii or .nii.gz file",
    );
  const two = size === 540;
  if (bytes.length < size) bad("header", `${bytes.length} bytes of ${size}: the file is cut`);
  const magic = String.fromCharCode(...bytes.subarray(two ? 4 : 344, two ? 7 : 347));
  if (magic === (two ? "ni2" : "ni1")) bad("magic", "a header of a .hdr/.img pair", "join the pair to one .nii file");
  if (magic !== (two ? "n+2" : "n+1"))
    bad("magic", two ? "is not n+2" : "is not n+1: an ANALYZE or damaged header", "give a NIfTI file");

  // The reader sees the fixed header only: extensions are never followed.
  const h = two ? new NIFTI2() : new NIFTI1();
  h.readHeader(bytes.slice(0, size).buffer);

  const rank = h.dims[0];
  if (!(rank >= 1 && rank <= 7)) bad("dim[0]", `${rank} is no number of dimensions from 1 to 7`);
  for (let i = 1; i <= rank; i++) if (!(h.dims[i] >= 1)) bad(`dim[${i}]`, `${h.dims[i]} is not at least 1`);
  for (let i = 4; i <= rank; i++)
    if (h.dims[i] !== 1)
      bad(`dim[${i}]`, `${h.dims[i]} frames or channels, where one volume is read`, "extract one 3-D volume");
  const shape = [1, 2, 3].map((i) => (i <= rank ? h.dims[i] : 1)) as [number, number, number];

  const type =
    voxelTypes.get(h.datatypeCode) ??
    bad(
      "datatype",
      `${h.datatypeCode} (${otherTypes[h.datatypeCode] ?? "not in the standard"}) is not one plain number a voxel`,
      "convert to int16 or float32",
    );
  const dataBytes = shape[0] * shape[1] * shape[2] * type.bytes;
  if (!(dataBytes <= maxDataBytes))
    bad(
      "dim",
      `${shape.join(" × ")} ${type.name} would fill ${dataBytes} bytes, more than ${maxDataBytes}`,
      "crop the volume",
    );
  const least = size + 4;
  if (!(h.vox_offset >= least && h.vox_offset <= 2 ** 31 && Number.isInteger(h.vox_offset)))
    bad("vox_offset", `${h.vox_offset} is no whole number of at least ${least}`);

  let slope = h.scl_slope;
  let inter = h.scl_inter;
  if (Number.isNaN(slope)) {
    warnings.push(`${name}: scl_slope is NaN: values are taken unscaled.`);
    slope = 0;
  }
  if (slope === 0) [slope, inter] = [1, 0];
  if (!Number.isFinite(slope)) bad("scl_slope", `${slope} is not finite`);
  if (!Number.isFinite(inter)) bad("scl_inter", `${inter} is not finite`);

  const axes = [1, 2, 3] as const;
  const sizesMm = axes.map((i) => {
    const p = h.pixDims[i];
    if (i > rank && p === 0) return 1;
    if (!(p > 0 && p < 1e6)) bad(`pixdim[${i}]`, `${p} is no voxel size`, "write the voxel sizes in mm");
    return p;
  });
  const geometry: Geometry = {
    qformCode: h.qform_code,
    sformCode: h.sform_code,
    quaternion: [h.quatern_b, h.quatern_c, h.quatern_d],
    qoffset: [h.qoffset_x, h.qoffset_y, h.qoffset_z],
    pixdim: [h.pixDims[0] < 0 ? -1 : 1, sizesMm[0], sizesMm[1], sizesMm[2]],
    // Read here: the reader gives the q-form's matrix instead in some cases.
    sform: Array.from({ length: 12 }, (_, i) =>
      two ? view.getFloat64(400 + 8 * i, littleEndian) : view.getFloat32(280 + 4 * i, littleEndian),
    ),
    xyztUnits: h.xyzt_units & 0xff,
  };
  const placed = place(geometry, name, warnings);
  const unit = ({ 1: 1000, 3: 0.001 } as Record<number, number>)[geometry.xyztUnits & 7] ?? 1;
  const affine = placed.affine.map((v, i) => (i < 12 ? v * unit : v));
  const spacingMm = [0, 1, 2].map((i) => Math.hypot(affine[i], affine[4 + i], affine[8 + i])) as [
    number,
    number,
    number,
  ];
  return {
    littleEndian,
    shape,
    type,
    dataOffset: h.vox_offset,
    dataBytes,
    slope,
    inter,
    affine,
    oriented: placed.oriented,
    spacingMm,
    geometry,
    warnings,
  };
}

/**
 * The affine by the standard's order: s-form where it is set, else q-form, else voxel sizes alone. In the file's own
 * unit.
 */
function place(g: Geometry, name: string, warnings: string[]): { affine: number[]; oriented: boolean } {
  if (g.sformCode > 0) {
    const affine = [...g.sform, 0, 0, 0, 1];
    if (!affine.every(Number.isFinite))
      throw new DataError(name, "srow", "the s-form holds values that are not finite", "write a right affine");
    const columns = [0, 1, 2].map((i) => Math.hypot(affine[i], affine[4 + i], affine[8 + i]));
    const volume = Math.abs(mat4d.determinant(Float64Array.from(affine)));
    if (volume > 1e-6 * columns[0] * columns[1] * columns[2]) return { affine, oriented: true };
    warnings.push(
      `${name}: the s-form is singular: ${g.qformCode > 0 ? "the q-form is" : "only the voxel sizes are"} used.`,
    );
  }
  const [qfac, ...size] = g.pixdim;
  if (g.qformCode > 0) {
    const [b, c, d] = g.quaternion;
    const norm = b * b + c * c + d * d;
    if (![norm, ...g.qoffset].every(Number.isFinite) || norm > 1.001) {
      throw new DataError(
        name,
        "quatern",
        `(${b}, ${c}, ${d}) is no unit quaternion`,
        "write a right q-form or s-form",
      );
    }
    // wgpu-matrix: quaternions (x, y, z, w), matrices by columns.
    const r = mat4d.fromQuat(quatd.normalize([b, c, d, Math.sqrt(Math.max(0, 1 - norm))]));
    const row = (i: number): number[] => [r[i] * size[0], r[4 + i] * size[1], r[8 + i] * size[2] * qfac, g.qoffset[i]];
    return { affine: [...row(0), ...row(1), ...row(2), 0, 0, 0, 1], oriented: true };
  }
  warnings.push(`${name}: neither q-form nor s-form is set: slices are taken as they are stored.`);
  return { affine: [size[0], 0, 0, 0, 0, size[1], 0, 0, 0, 0, size[2], 0, 0, 0, 0, 1], oriented: false };
}
