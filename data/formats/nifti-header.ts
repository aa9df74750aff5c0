// Reading and judging a NIfTI-1 or NIfTI-2 header: all that a hostile file could lie about is checked before memory
// is made.
import { NIFTI1, NIFTI2 } from "nifti-reader-js";
import { DataError } from "../errors.ts";
import { type Shape3, voxelCount } from "../volume.ts";
import { type ElementName, type ElementType, elementTypes, refuseTooLarge } from "./elements.ts";
import type { ImageHeader } from "./format.ts";
import { columnLength, place } from "./nifti-geometry.ts";

/** NIfTI datatype codes that hold one number a voxel. */
const voxelTypes: ReadonlyMap<number, ElementName> = new Map([
  [2, "uint8"],
  [256, "int8"],
  [4, "int16"],
  [512, "uint16"],
  [8, "int32"],
  [768, "uint32"],
  [16, "float32"],
  [64, "float64"],
  [1024, "int64"],
  [1280, "uint64"],
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

export interface NiftiHeader extends ImageHeader {
  readonly littleEndian: boolean;
  readonly type: ElementType;
  /** Where the voxels start, and how many bytes they fill. */
  readonly dataOffset: number;
  readonly dataBytes: number;
  /** value = stored · slope + inter. */
  readonly slope: number;
  readonly inter: number;
}

/** Bytes that are enough for either header. */
export const headBytes = 544;

type Fields = NIFTI1 | NIFTI2;
type Fail = (field: string, problem: string, mend?: string) => never;

/** The first field, sizeof_hdr, in the byte order in which it makes sense; undefined where it does in neither. */
export function headerSize(head: Uint8Array): { size: 348 | 540; littleEndian: boolean } | undefined {
  if (head.length < 4) return undefined;
  const view = new DataView(head.buffer, head.byteOffset, 4);
  for (const littleEndian of [true, false]) {
    const size = view.getInt32(0, littleEndian);
    if (size === 348 || size === 540) return { size, littleEndian };
  }
  return undefined;
}

/**
 * Judges the header in `head` (the file's first 544 bytes, or all of them). Throws DataError with the field and its
 * value.
 */
export function readNiftiHeader(head: Uint8Array, name: string): NiftiHeader {
  const fail: Fail = (field, problem, mend = "export the image again as NIfTI") => {
    throw new DataError(name, field, problem, mend);
  };
  const { fields: h, bytes, size, littleEndian } = openHeader(head, fail);
  const warnings: string[] = [];
  const rank = h.dims[0] ?? Number.NaN;
  const shape = shapeOf(h, rank, name, warnings, fail);
  const type = typeOf(h, fail);
  refuseTooLarge(shape, type.bytes, name, "dim");
  const dataBytes = voxelCount(shape) * type.bytes;
  const least = size + 4;
  if (!(h.vox_offset >= least && h.vox_offset <= 2 ** 31 && Number.isInteger(h.vox_offset)))
    fail("vox_offset", `${h.vox_offset} is no whole number of at least ${least}`);
  const { slope, inter } = scalingOf(h, name, warnings, fail);
  const [qfac = 1, sx = Number.NaN, sy = Number.NaN, sz = Number.NaN] = h.pixDims;
  const { affine, oriented, geometry } = place(
    {
      qformCode: h.qform_code,
      sformCode: h.sform_code,
      quaternion: [h.quatern_b, h.quatern_c, h.quatern_d],
      qoffset: [h.qoffset_x, h.qoffset_y, h.qoffset_z],
      pixdim: [qfac, sx, sy, sz],
      sform: sformOf(bytes, size, littleEndian),
      xyztUnits: h.xyzt_units & 0xff,
      shape,
      rank,
    },
    name,
    warnings,
  );
  return {
    littleEndian,
    shape,
    type,
    dataOffset: h.vox_offset,
    dataBytes,
    slope,
    inter,
    affine,
    oriented,
    spacingMm: [columnLength(affine, 0), columnLength(affine, 1), columnLength(affine, 2)],
    geometry,
    warnings,
  };
}

interface OpenHeader {
  readonly fields: Fields;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly size: 348 | 540;
  readonly littleEndian: boolean;
}

/** The header's fields, once its size and magic tell that it is one. */
function openHeader(head: Uint8Array, fail: Fail): OpenHeader {
  if (head.length < 348) fail("header", `${head.length} bytes are no NIfTI header of 348 or 540`);
  // A copy: a Node Buffer's slice would be a view of its pool.
  const bytes = new Uint8Array(head.subarray(0, headBytes));
  const found = headerSize(bytes);
  if (!found) {
    const first = new DataView(bytes.buffer).getInt32(0, true);
    const problem = `${first} is neither 348 (NIfTI-1) nor 540 (NIfTI-2): not a NIfTI file`;
    return fail("sizeof_hdr", problem, "give a .nii or .nii.gz file");
  }
  const { size, littleEndian } = found;
  const two = size === 540;
  if (bytes.length < size) fail("header", `${bytes.length} bytes of ${size}: the file is cut`);
  const magic = String.fromCharCode(...bytes.subarray(two ? 4 : 344, two ? 7 : 347));
  if (magic === (two ? "ni2" : "ni1")) fail("magic", "a header of a .hdr/.img pair", "join the pair to one .nii file");
  if (magic !== (two ? "n+2" : "n+1"))
    fail("magic", two ? "is not n+2" : "is not n+1: an ANALYZE or damaged header", "give a NIfTI file");
  // The reader sees the fixed header only: extensions are never followed.
  const fields = two ? new NIFTI2() : new NIFTI1();
  fields.readHeader(bytes.slice(0, size).buffer);
  return { fields, bytes, size, littleEndian };
}

/**
 * The three sizes. A size of 0 or less beyond them is taken for 1, as NIfTI's own library does; `warnings` tells it.
 */
function shapeOf(h: Fields, rank: number, name: string, warnings: string[], fail: Fail): Shape3 {
  if (!(rank >= 1 && rank <= 7)) fail("dim[0]", `${rank} is no number of dimensions from 1 to 7`);
  const sizes = h.dims.slice(1, rank + 1);
  sizes.forEach((n, i) => {
    if (i < 3 && !(n >= 1)) fail(`dim[${i + 1}]`, `${n} is not at least 1`);
    if (i < 3 || n === 1) return;
    if (n > 1) fail(`dim[${i + 1}]`, `${n} frames or channels, where one volume is read`, "extract one 3-D volume");
    warnings.push(`${name}: dim[${i + 1}] is ${n}: it is taken for 1, one volume.`);
  });
  const [nx = 1, ny = 1, nz = 1] = sizes;
  return [nx, ny, nz];
}

function typeOf(h: Fields, fail: Fail): ElementType {
  const type = voxelTypes.get(h.datatypeCode);
  if (type) return elementTypes[type];
  const name = otherTypes[h.datatypeCode] ?? "not in the standard";
  const problem = `${h.datatypeCode} (${name}) is not one plain number a voxel`;
  return fail("datatype", problem, "convert to int16 or float32");
}

/** value = stored · slope + inter; a slope of 0 means that nothing is scaled. */
function scalingOf(h: Fields, name: string, warnings: string[], fail: Fail): { slope: number; inter: number } {
  const { scl_slope: slope, scl_inter: inter } = h;
  if (Number.isNaN(slope)) warnings.push(`${name}: scl_slope is NaN: values are taken unscaled.`);
  if (slope === 0 && inter !== 0 && !Number.isNaN(inter))
    warnings.push(
      `${name}: scl_slope is 0, so scl_inter ${inter} is not added, as the standard says; some readers do.`,
    );
  if (Number.isNaN(slope) || slope === 0) return { slope: 1, inter: 0 };
  if (!Number.isFinite(slope)) fail("scl_slope", `${slope} is not finite`);
  if (!Number.isFinite(inter)) fail("scl_inter", `${inter} is not finite`);
  return { slope, inter };
}

/** srow_x, srow_y and srow_z, read here: the reader gives the q-form's matrix instead in some cases. */
function sformOf(bytes: Uint8Array<ArrayBuffer>, size: 348 | 540, littleEndian: boolean): number[] {
  const view = new DataView(bytes.buffer);
  return Array.from({ length: 12 }, (_, i) =>
    size === 540 ? view.getFloat64(400 + 8 * i, littleEndian) : view.getFloat32(280 + 4 * i, littleEndian),
  );
}
