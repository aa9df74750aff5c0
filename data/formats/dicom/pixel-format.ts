// How the pixels of a DICOM image are stored, as its attributes tell, judged before any of them is read.
import { printable } from "../../errors.ts";
import { maxDeflateRatio } from "../../gunzip.ts";
import { DEFLATED, NATIVE } from "./dictionary.ts";
import type { DicomFile } from "./parse.ts";

/** One grey value a pixel: `stored` bits of `allocated`, of which the topmost is bit `high`. */
export interface PixelFormat {
  readonly syntax: string;
  readonly rows: number;
  readonly columns: number;
  readonly frames: number;
  readonly allocated: number;
  readonly stored: number;
  readonly high: number;
  readonly signed: boolean;
  /** MONOCHROME1: the lowest value is white. */
  readonly inverted: boolean;
  /** Stored values that stand for no measurement, from and to. */
  readonly padding: readonly [number, number] | undefined;
}

/** The format of a file's pixels. Throws DataError with the attribute that can't be true, or can't be read here. */
export function pixelFormatOf(file: DicomFile): PixelFormat {
  const { tags, syntax } = file;
  const rows = tags.short("Rows");
  const columns = tags.short("Columns");
  if (!rows) throw tags.wrong("Rows", `${rows ?? "missing"}: no image`, "give a DICOM image");
  if (!columns) throw tags.wrong("Columns", `${columns ?? "missing"}: no image`, "give a DICOM image");
  const samples = tags.short("SamplesPerPixel") ?? 1;
  const photometric = tags.text("PhotometricInterpretation") ?? "MONOCHROME2";
  if (samples !== 1 || !photometric.startsWith("MONOCHROME"))
    throw tags.wrong(
      "PhotometricInterpretation",
      `${printable(photometric, 20)}, ${samples} values a pixel, where one grey value is read`,
      "give the series of grey images",
    );
  const allocated = tags.short("BitsAllocated") ?? 0;
  if (![1, 8, 16, 32].includes(allocated)) throw tags.wrong("BitsAllocated", `${allocated} is not 1, 8, 16 or 32`);
  const stored = tags.short("BitsStored") ?? allocated;
  const high = tags.short("HighBit") ?? stored - 1;
  if (!(stored >= 1 && stored <= allocated)) throw tags.wrong("BitsStored", `${stored} of ${allocated} bits`);
  if (!(high >= stored - 1 && high < allocated))
    throw tags.wrong("HighBit", `bit ${high} can't be the topmost of ${stored} bits in ${allocated}`);
  for (const keyword of ["FloatPixelData", "DoubleFloatPixelData"] as const)
    if (tags.has(keyword)) throw tags.wrong(keyword, "numbers with a fraction are not read", "write it as NIfTI");
  const frames = tags.decimal("NumberOfFrames") ?? 1;
  if (!(Number.isInteger(frames) && frames >= 1)) throw tags.wrong("NumberOfFrames", `${frames} is no count`);
  refuseLies(file, { rows, columns, frames, allocated });
  const signed = tags.short("PixelRepresentation") === 1;
  // "US or SS": what the sign is, PixelRepresentation tells, whatever the VR that was written.
  const pad = tags.short("PixelPaddingValue", signed);
  const limit = tags.short("PixelPaddingRangeLimit", signed) ?? pad;
  const padding = pad === undefined ? undefined : ([Math.min(pad, limit!), Math.max(pad, limit!)] as const);
  const inverted = photometric === "MONOCHROME1";
  return { syntax, rows, columns, frames, allocated, stored, high, signed, inverted, padding };
}

/** No compression of DICOM's makes an image smaller than this part of it: JPEG 2000 of one value comes nearest. */
const MAX_RATIO = 20_000;
/** A compressed frame has at least a fragment, and that a tag and a length. */
const LEAST_FRAME = 8;

/** Throws DataError where a file can't hold the pixels that its attributes tell of. */
function refuseLies(
  { tags, syntax, fileBytes = Infinity }: DicomFile,
  { rows, columns, frames, allocated }: Pick<PixelFormat, "rows" | "columns" | "frames" | "allocated">,
): void {
  const wanted = Math.ceil((rows * columns * frames * allocated) / 8);
  const claimed = tags.element("PixelData")?.length ?? 0;
  const isNative = NATIVE.has(syntax);
  const ratio = syntax === DEFLATED ? maxDeflateRatio : isNative ? 1 : MAX_RATIO;
  const isHeld = wanted <= fileBytes * ratio && (isNative ? wanted <= claimed : frames * LEAST_FRAME <= fileBytes);
  if (isHeld) return;
  const needs = `${columns} × ${rows}, ${frames} frames of ${allocated} bits need ${wanted} bytes`;
  const there = isNative ? Math.min(claimed, fileBytes) : fileBytes;
  throw tags.wrong("PixelData", `${needs}, the file has ${there}`, "copy or export it again");
}

/**
 * Raw pixels of `allocated` bits to their values, in place of `out`: the bits outside the stored ones (overlays) are
 * left out, and the topmost is the sign of signed pixels.
 */
export function valuesOf(
  raw: ArrayLike<number>,
  { allocated, stored, high, signed }: PixelFormat,
  out: Int32Array | Float64Array,
): void {
  const low = high + 1 - stored;
  if (stored === 32) {
    for (let i = 0; i < out.length; i++) out[i] = signed ? raw[i]! | 0 : raw[i]! >>> 0;
    return;
  }
  const up = 32 - stored;
  if (low === 0 && stored === allocated && !signed) {
    for (let i = 0; i < out.length; i++) out[i] = raw[i]!;
    return;
  }
  for (let i = 0; i < out.length; i++) {
    const bits = (raw[i]! >>> low) << up;
    out[i] = signed ? bits >> up : bits >>> up;
  }
}

/** Pixels of one bit as 0 and 1, from the `first` on; the first of a byte is its lowest bit. */
export function bitsOf(bytes: Uint8Array, first: number, count: number): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(count);
  for (let i = 0, at = first; i < count; i++, at++) out[i] = (bytes[at >> 3]! >> (at & 7)) & 1;
  return out;
}
