// PNG slices in: a folder of them is one image, in the natural order of their names; 1 to 16 bits, grey or indexed.
import { decode } from "fast-png";
import { DataError, printable } from "../errors.ts";
import { maxDeflateRatio } from "../gunzip.ts";
import { inflateUpTo } from "../inflate.ts";
import type { Volume } from "../volume.ts";
import { refuseTooLarge } from "./elements.ts";
import type { ImageFile, ImageFormat, ImageHeader } from "./format.ts";
import { gridOf } from "./raw-voxels.ts";
import { rescaled } from "./scaling.ts";
import { sidecarOf } from "./sidecar.ts";

/** The row of the table of formats. */
export const png: ImageFormat = {
  name: "PNG",
  suffixes: [".png"],
  beginningBytes: 4096,
  matches: (beginning) => SIGNATURE.every((b, i) => beginning[i] === b),
  header: (file) => headerOf([file], file.name),
  read: (file) => read([file], file.name),
  folder: { header: headerOf, read },
};

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const MEND = "save the slice again as grey PNG";

const depths = [1, 2, 4, 8, 16] as const;
type Depth = (typeof depths)[number];

interface PngHeader {
  readonly width: number;
  readonly height: number;
  /** Bits a pixel. */
  readonly depth: Depth;
}

/** A slice's size, from its first chunk. Throws DataError where it is none that is read. */
function parseHeader(bytes: Uint8Array, name: string): PngHeader {
  const fail = (field: string, problem: string): never => {
    throw new DataError(name, field, problem, MEND);
  };
  if (bytes.length === 0) fail("file", "is empty");
  if (!png.matches(bytes)) fail("signature", "is not that of a PNG file");
  if (bytes.length < 33) fail("IHDR", "the file is cut");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(8) !== 13 || typeAt(bytes, 8) !== "IHDR") fail("IHDR", "is not the first chunk");
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  const [depth, colour, , , interlace] = bytes.subarray(24, 29) as unknown as [number, number, number, number, number];
  if (!(width >= 1 && height >= 1)) fail("IHDR", `${width} × ${height} is no size`);
  if (colour !== 0 && colour !== 3) fail("IHDR", "colour or transparency, where one grey value is read");
  const known = depths.find((d) => d === depth);
  if (known === undefined || (known === 16 && colour === 3)) return fail("IHDR", `${depth} bits a pixel are not read`);
  if (interlace !== 0) fail("IHDR", "is interlaced");
  return { width, height, depth: known };
}

const typeAt = (bytes: Uint8Array, at: number): string => String.fromCharCode(...bytes.subarray(at + 4, at + 8));

/** The file's needed chunks alone, once they are judged: what others hold is never inflated. */
function checkedChunks(bytes: Uint8Array, { width, height, depth }: PngHeader, name: string): Uint8Array {
  const fail = (field: string, problem: string): never => {
    throw new DataError(name, field, problem, MEND);
  };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kept: Uint8Array[] = [bytes.subarray(0, 8)];
  const data: Uint8Array[] = [];
  const seen: string[] = [];
  for (let at = 8; at + 12 <= bytes.length && seen.at(-1) !== "IEND"; ) {
    const length = view.getUint32(at);
    const type = typeAt(bytes, at);
    const end = at + 12 + length;
    if (end > bytes.length) fail(printable(type), `${length} bytes long, in a file of ${bytes.length}`);
    if (type === "IHDR" && seen.length > 0) fail("IHDR", "is there twice");
    if (["IHDR", "PLTE", "IDAT", "IEND"].includes(type)) kept.push(bytes.subarray(at, end));
    if (type === "IDAT") data.push(bytes.subarray(at + 8, end - 4));
    seen.push(type);
    at = end;
  }
  if (seen.at(-1) !== "IEND") fail("IEND", "is missing: the file is cut");
  if (bytes[25] === 3 && !seen.includes("PLTE")) fail("PLTE", "is missing");
  const stream = joined(data);
  const wanted = (1 + Math.ceil((width * depth) / 8)) * height;
  const problem = `${width} × ${height} pixels need ${wanted} bytes`;
  if (wanted > stream.length * maxDeflateRatio) fail("IHDR", `${problem}, which the file can't hold`);
  const there = inflateUpTo(stream, wanted + 1, name, "zlib").length;
  if (there !== wanted) fail("IDAT", `${problem}, ${there < wanted ? `there are ${there}` : "there are more"}`);
  return joined(kept);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function slicePixels(bytes: Uint8Array, name: string): Uint8Array | Uint16Array {
  const header = parseHeader(bytes, name);
  const chunks = checkedChunks(bytes, header, name);
  try {
    const { data, channels } = decode(chunks);
    const { width, height, depth } = header;
    if (channels === 1 && !(data instanceof Uint8ClampedArray)) {
      if (depth < 8 && data.length === Math.ceil((width * depth) / 8) * height)
        return unpacked(data as Uint8Array, header);
      if (data.length === width * height) return data;
    }
  } catch (cause) {
    throw new DataError(name, "PNG", "can't be decoded", MEND, { cause });
  }
  throw new DataError(name, "PNG", "is not one grey value a pixel", MEND);
}

/** Pixels of less than a byte, the first of each row in the highest bits of a byte, as bytes. */
function unpacked(packed: Uint8Array, { width, height, depth }: PngHeader): Uint8Array {
  const out = new Uint8Array(width * height);
  const stride = Math.ceil((width * depth) / 8);
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++, i++) {
      const bit = x * depth;
      out[i] = (packed[y * stride + (bit >> 3)]! >> (8 - depth - (bit & 7))) & (2 ** depth - 1);
    }
  return out;
}

const folderOf = (path: string): string => path.slice(0, Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
/** A slice's stored values, without a sidecar. Throws DataError. */
export async function readPngSlice(
  file: ImageFile,
): Promise<{ readonly width: number; readonly height: number; readonly pixels: Uint8Array | Uint16Array }> {
  const bytes = await file.bytes();
  const { width, height } = parseHeader(bytes, file.name);
  return { width, height, pixels: slicePixels(bytes, file.name) };
}

const order = new Intl.Collator("en", { numeric: true });
/** Slices in the natural order of their names: 2 before 10. */
export const inOrder = (files: readonly ImageFile[]): ImageFile[] =>
  [...files].sort((a, b) => order.compare(a.name, b.name));

async function headerOf(files: readonly ImageFile[], folder: string): Promise<ImageHeader> {
  const sorted = inOrder(files);
  const [first] = sorted as [ImageFile];
  const elsewhere = sorted.find(({ name }) => folderOf(name) !== folderOf(first.name));
  if (elsewhere) {
    const problem = `holds slices in several folders: ${first.name} and ${elsewhere.name}`;
    throw new DataError(folder, "folder", problem, "name the folder of one image's slices");
  }
  const { width, height, depth } = parseHeader(await first.beginning(), first.name);
  for (const file of sorted) {
    const other = parseHeader(await file.beginning(), file.name);
    if (other.width !== width || other.height !== height) {
      const problem = `${other.width} × ${other.height} pixels, not the ${width} × ${height} of ${printable(first.name)}`;
      throw new DataError(file.name, "IHDR", problem, "keep the slices of one image in a folder");
    }
  }
  const shape = [width, height, sorted.length] as const;
  refuseTooLarge(shape, Math.ceil(depth / 8), folder, "IHDR");
  const { spacingMm } = await sidecarOf(first);
  return gridOf({ shape, spacing: spacingMm }, folder);
}

async function read(files: readonly ImageFile[], folder: string): Promise<Volume> {
  const header = await headerOf(files, folder);
  const sorted = inOrder(files);
  const pixels = header.shape[0] * header.shape[1];
  let data: Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer> = new Uint8Array(0);
  for (const [z, file] of sorted.entries()) {
    const slice = slicePixels(await file.bytes(), file.name);
    // Memory for all slices is made once one of them has proved its size.
    if (z === 0) data = new (slice instanceof Uint16Array ? Uint16Array : Uint8Array)(pixels * sorted.length);
    if (slice instanceof Uint16Array !== data instanceof Uint16Array)
      throw new DataError(file.name, "IHDR", "has other bits a pixel than the first slice", MEND);
    data.set(slice, z * pixels);
  }
  return { ...header, name: folder, data: rescaled(data, await sidecarOf(sorted[0]!)) };
}
