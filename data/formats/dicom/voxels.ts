// The voxels of a stack of planes: decoded, rescaled plane by plane, in the narrowest type that holds them exactly.
import dicomParser from "dicom-parser";
import { DataError, printable } from "../../errors.ts";
import { type Volume, type VoxelArray, voxelCount } from "../../volume.ts";
import { decoderFor } from "./codecs.ts";
import { EXPLICIT_BIG, NATIVE } from "./dictionary.ts";
import { type DicomFile, parseDicom } from "./parse.ts";
import { type PixelFormat, bitsOf, pixelFormatOf, valuesOf } from "./pixel-format.ts";
import type { Plane } from "./planes.ts";
import type { Stack } from "./stack.ts";

/** HU of air: what padding outside a CT's circle is taken for. Other modalities have 0 there. */
const AIR_HU = -1000;

/** The volume of a stack. Throws DataError where pixels are missing or can't be decoded. */
export async function readStack({ planes, header }: Stack, name: string): Promise<Volume> {
  const { shape } = header;
  const pixels = shape[0] * shape[1];
  const out = new (arrayFor(planes))(voxelCount(shape));
  let padded = 0;
  let opened:
    | { readonly source: Plane["source"]; readonly format: PixelFormat; readonly read: FrameReader }
    | undefined;
  for (const [z, plane] of planes.entries()) {
    const { source } = plane;
    if (opened?.source !== source) {
      const file = parseDicom(await source.bytes(), source.name);
      // The whole file is judged again: only its beginning was read before.
      const format = pixelFormatOf(file);
      opened = { source, format, read: frameReader(file, format) };
    }
    const { format, read } = opened;
    const values = format.stored === 32 && !format.signed ? new Float64Array(pixels) : new Int32Array(pixels);
    await read(plane.frame, values);
    padded += rescale(values, plane, out, z * pixels);
  }
  const warnings = [...header.warnings];
  if (padded > 0) {
    const background = backgroundOf(planes[0]!);
    warnings.push(`${printable(name)}: ${padded} voxels are padding (PixelPaddingValue): ${background} is put there.`);
  }
  return { ...header, name, data: narrowed(out), warnings };
}

const backgroundOf = (plane: Plane): number => (plane.instance.modality === "CT" ? AIR_HU : 0);

/** Whether rescaled values are whole numbers that 32 bits hold, for every plane. */
function arrayFor(planes: readonly Plane[]): typeof Int32Array | typeof Float32Array {
  const isWhole = planes.every(
    ({ slope, intercept, format: { stored } }) =>
      Number.isInteger(slope) &&
      Number.isInteger(intercept) &&
      2 ** stored * Math.abs(slope) + Math.abs(intercept) < 2 ** 31,
  );
  return isWhole ? Int32Array : Float32Array;
}

/** Values in a plane's own units, padding replaced; how many voxels are padding. */
function rescale(
  values: Int32Array | Float64Array,
  plane: Plane,
  out: Int32Array | Float32Array,
  start: number,
): number {
  const { slope, intercept, format } = plane;
  const { padding, inverted, signed, stored } = format;
  const background = backgroundOf(plane);
  // MONOCHROME1 counts down from the largest value that its bits hold.
  const top = inverted ? (signed ? -1 : 2 ** stored - 1) : 0;
  let padded = 0;
  for (let i = 0; i < values.length; i++) {
    const v = values[i]!;
    if (padding && v >= padding[0] && v <= padding[1]) {
      out[start + i] = background;
      padded++;
    } else out[start + i] = (inverted ? top - v : v) * slope + intercept;
  }
  return padded;
}

/** Whole numbers in 16 bits where they fit. */
function narrowed(values: Int32Array<ArrayBuffer> | Float32Array<ArrayBuffer>): VoxelArray {
  if (values instanceof Float32Array) return values;
  for (const v of values) if (v < -32768 || v > 32767) return values;
  return Int16Array.from(values);
}

/** Puts one frame's stored values into `out`. Throws DataError. */
export type FrameReader = (frame: number, out: Int32Array | Float64Array) => Promise<void>;

/** Reads a file's frames, whatever they are compressed by. Throws DataError where they are not told apart. */
export function frameReader(file: DicomFile, format: PixelFormat): FrameReader {
  if (NATIVE.has(format.syntax)) return async (frame, out) => valuesOf(nativeFrame(file, format, frame), format, out);
  const decode = decoderFor(format, file.name);
  const encodedFrame = encapsulatedFrames(file, format);
  return async (frame, out) => {
    const { samples, complete } = await decode(encodedFrame(frame));
    if (complete) out.set(samples);
    else valuesOf(samples, format, out);
  };
}

/** A frame's samples as they are stored; one bit a pixel becomes 0 and 1. */
function nativeFrame(file: DicomFile, format: PixelFormat, frame: number): ArrayLike<number> {
  const { rows, columns, allocated, syntax } = format;
  const pixels = rows * columns;
  const element = file.tags.element("PixelData");
  const isCut = !element || element.encapsulatedPixelData === true;
  if (isCut) throw file.tags.wrong("PixelData", element ? "is compressed, which its syntax denies" : "is missing");
  const bytes = file.tags.bytesOf(element);
  const needed = Math.ceil(((frame + 1) * pixels * allocated) / 8);
  if (bytes.length < needed) throw file.tags.wrong("PixelData", `${bytes.length} bytes where ${needed} are due`);
  if (allocated === 1) return bitsOf(bytes, frame * pixels, pixels);
  const start = (frame * pixels * allocated) / 8;
  // A copy, so that 16-bit numbers begin where they may.
  const raw = bytes.slice(start, start + (pixels * allocated) / 8);
  if (allocated === 8) return raw;
  const view = new DataView(raw.buffer);
  const little = syntax !== EXPLICIT_BIG;
  return allocated === 16
    ? Uint16Array.from({ length: pixels }, (_, i) => view.getUint16(2 * i, little))
    : Uint32Array.from({ length: pixels }, (_, i) => view.getUint32(4 * i, little));
}

/** Gives a frame's fragments, joined (PS3.5 A.4): by the offset table, one each, or all of the only frame. */
function encapsulatedFrames({ tags, name }: DicomFile, { frames }: PixelFormat): (frame: number) => Uint8Array {
  const fail = (problem: string): never => {
    throw tags.wrong("PixelData", problem, "copy or export the DICOM again");
  };
  const element = tags.element("PixelData");
  if (!element?.encapsulatedPixelData || !element.fragments?.length)
    return fail(element ? "is not compressed, which its syntax says" : "is missing");
  const { fragments, basicOffsetTable: offsets = [] } = element;
  const of = (start: number, count: number): Uint8Array => {
    try {
      const joined = dicomParser.readEncapsulatedPixelDataFromFragments(tags.set, element, start, count);
      return joined as Uint8Array;
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      const problem = `its fragments can't be read (${why})`;
      throw new DataError(name, "PixelData (7fe0,0010)", problem, "export it again", { cause });
    }
  };
  for (const { position, length } of fragments)
    if (position + length > tags.set.byteArray.length) fail("a fragment runs past the end of the file");
  const numbers = new Map(fragments.map(({ offset }, i) => [offset, i]));
  const starts = offsets.flatMap((offset) => numbers.get(offset) ?? []);
  if (starts.length < offsets.length)
    fail(`its offset table names ${offsets.join(", ").slice(0, 60)}, where no fragment begins`);
  if (frames === 1) return () => of(0, fragments.length);
  if (starts.length === frames)
    return (frame) => of(starts[frame]!, (starts[frame + 1] ?? fragments.length) - starts[frame]!);
  if (fragments.length !== frames) fail(`${fragments.length} fragments of ${frames} frames, and no offset table`);
  return (frame) => of(frame, 1);
}
