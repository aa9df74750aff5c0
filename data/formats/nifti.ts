// NIfTI in and out: .nii and .nii.gz, versions 1 and 2, either byte order; written as NIfTI-1 with the geometry of
// what was read.
import { gzipSync } from "fflate";
import { DataError } from "../errors.ts";
import { gunzipBounded, gunzipHead, isGzip, maxDeflateRatio } from "../gunzip.ts";
import { nonFiniteCount } from "../percentiles.ts";
import { type NiftiHeader, headBytes, headerSize, readNiftiHeader } from "./nifti-header.ts";
import { type Volume, voxelCount } from "../volume.ts";
import { elementsOf } from "./elements.ts";
import type { ImageFormat, Placement, WritableVoxels } from "./format.ts";
import { rescaled } from "./scaling.ts";

/** The row of the table of formats. */
export const nifti: ImageFormat = {
  name: "NIfTI",
  suffixes: [".nii", ".nii.gz"],
  // Enough for a header, gzipped or not.
  beginningBytes: 4096,
  matches: (beginning) => headerSize(contentHead(beginning)) !== undefined,
  header: async (file) => peekNifti(await file.beginning(), file.name),
  read: async (file) => parseNifti(await file.bytes(), file.name),
  write: (data, like, file) => writeNifti(data, like, { gzip: /\.gz$/i.test(file) }),
};

/** The first bytes of the content of a file, gzipped or not; none where they can't be inflated. */
function contentHead(beginning: Uint8Array): Uint8Array {
  if (!isGzip(beginning)) return beginning;
  try {
    return gunzipHead(beginning, "", headBytes);
  } catch {
    return new Uint8Array();
  }
}

function looksGzipped(bytes: Uint8Array, name: string): boolean {
  if (bytes.length === 0) throw new DataError(name, "file", "is empty", "copy or export it again");
  if (isGzip(bytes)) return true;
  if (/\.gz$/i.test(name) && headerSize(bytes) === undefined) {
    const problem = "the file is neither gzip, as its name says, nor NIfTI";
    throw new DataError(name, "gzip magic", problem, "copy it again, or export the image as NIfTI");
  }
  return false;
}

/** The header alone, from a file's first 4096 bytes (or more). Throws DataError as parseNifti does. */
export function peekNifti(beginning: Uint8Array, name: string): NiftiHeader {
  const gzipped = looksGzipped(beginning, name);
  return withNameChecked(
    readNiftiHeader(gzipped ? gunzipHead(beginning, name, headBytes) : beginning, name),
    gzipped,
    name,
  );
}

/**
 * One volume from the bytes of a .nii or .nii.gz file. Values are scaled by scl_slope and scl_inter (then float32),
 * else kept in their type (64-bit integers as float64). NaN and infinite voxels stay, with a warning: they say nothing,
 * so that an image has its background there and a mask has none of its labels. Throws DataError before any large
 * allocation where the header cannot be true.
 */
export function parseNifti(bytes: Uint8Array, name: string): Volume {
  const { content, header, surplus } = open(bytes, name);
  const { dataOffset, dataBytes } = header;
  if (content.length < dataOffset + dataBytes) {
    const there = Math.max(0, content.length - dataOffset);
    const problem = `expected ${dataBytes} data bytes at ${dataOffset}, the file has ${there}`;
    throw new DataError(name, "data", problem, "copy or export it again");
  }
  const raw = new Uint8Array(content.subarray(dataOffset, dataOffset + dataBytes));
  const warnings = [...header.warnings];
  if (surplus > 0) warnings.push(`${name}: ${surplus} bytes that follow the gzip stream are not read.`);
  const { slope, inter } = header;
  const stored = elementsOf(raw, header.type.name, header.littleEndian);
  const data = rescaled(stored, { slope, intercept: inter });
  const count = nonFiniteCount(data);
  if (count === data.length) throw new DataError(name, "data", "no voxel is finite", "export the image again");
  if (count > 0) warnings.push(`${name}: ${count} voxels are NaN or infinite: they are taken for background.`);
  const { shape, spacingMm, affine, oriented, geometry } = header;
  return { name, data, shape, spacingMm, affine, oriented, geometry, warnings };
}

/** The header, with a warning where the file is no gzip though its name says so. */
function withNameChecked(header: NiftiHeader, gzipped: boolean, name: string): NiftiHeader {
  if (gzipped || !/\.gz$/i.test(name)) return header;
  const warning = `${name}: the file is named .gz but is not gzip: it is read as it is.`;
  return { ...header, warnings: [...header.warnings, warning] };
}

interface Opened {
  readonly content: Uint8Array;
  readonly header: NiftiHeader;
  /** Bytes behind a gzip file's last member. */
  readonly surplus: number;
}

/** The header, and the content it stands at the beginning of: the file, or what a gzip file holds. */
function open(bytes: Uint8Array, name: string): Opened {
  if (!looksGzipped(bytes, name))
    return { content: bytes, header: withNameChecked(readNiftiHeader(bytes, name), false, name), surplus: 0 };
  let header: NiftiHeader | undefined;
  const { content, surplus } = gunzipBounded(bytes, name, headBytes, (head) => {
    header = readNiftiHeader(head, name);
    const total = header.dataOffset + header.dataBytes;
    if (total > bytes.length * maxDeflateRatio) {
      const needs = `${header.shape.join(" × ")} ${header.type.name} needs ${total} bytes`;
      const problem = `${needs}, which a gzip file of ${bytes.length} bytes cannot hold`;
      throw new DataError(name, "dim", problem, "copy or export it again");
    }
    return total;
  });
  return { content, header: header ?? readNiftiHeader(content, name), surplus };
}

/** The bytes of a NIfTI-1 file (gzipped unless `gzip` is false) that holds `data` where `like` holds its own voxels. */
export function writeNifti(
  data: WritableVoxels,
  like: Pick<Placement, "name" | "shape" | "geometry">,
  { gzip = true }: { gzip?: boolean } = {},
): Uint8Array<ArrayBuffer> {
  const { name, shape, geometry: g } = like;
  const size = shape.join(" × ");
  if (data.length !== voxelCount(shape))
    throw new DataError(name, "data", `${data.length} voxels do not fill ${size}`, "give one value a voxel");
  if (shape.some((n) => n > 32767))
    throw new DataError(name, "dim", `${size} is more than NIfTI-1 can say (32,767)`, "crop the volume");
  const [code, bits] = datatypeOf(data);
  const out = new Uint8Array(352 + data.byteLength);
  const view = new DataView(out.buffer);
  view.setInt32(0, 348, true);
  out[38] = 0x72; // "r": regular, for ANALYZE readers
  [3, ...shape, 1, 1, 1, 1].forEach((n, i) => view.setInt16(40 + 2 * i, n, true));
  view.setInt16(70, code, true);
  view.setInt16(72, bits, true);
  [...g.pixdim, 0, 0, 0, 0].forEach((v, i) => view.setFloat32(76 + 4 * i, v, true));
  view.setFloat32(108, 352, true);
  view.setFloat32(112, 1, true); // scl_slope
  view.setUint8(123, g.xyztUnits);
  out.set(new TextEncoder().encode("cmedl"), 148); // descrip
  view.setInt16(252, g.qformCode, true);
  view.setInt16(254, g.sformCode, true);
  [...g.quaternion, ...g.qoffset, ...g.sform].forEach((v, i) => view.setFloat32(256 + 4 * i, v, true));
  out.set([0x6e, 0x2b, 0x31, 0], 344); // "n+1"
  out.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), 352);
  // A fixed time keeps equal volumes equal as files.
  return gzip ? gzipSync(out, { level: 6, mtime: 0 }) : out;
}

/** NIfTI's datatype code, and the bits of a voxel. */
function datatypeOf(data: WritableVoxels): [code: number, bits: number] {
  if (data instanceof Uint8Array) return [2, 8];
  return data instanceof Int16Array ? [4, 16] : [16, 32];
}
