// Compressed frames to values, by the codec of their transfer syntax. Codecs are opened when a frame needs them.
/// <reference path="./jpeg-lossless.d.ts" />
import { DataError } from "../../errors.ts";
import { inflateUpTo } from "../../inflate.ts";
import { hasEnd, pointTransformOf, sizeOfJpeg, sizeOfJpeg2000 } from "./jpeg-stream.ts";
import { type PixelFormat, bitsOf } from "./pixel-format.ts";
import { decodeRle } from "./rle.ts";

/** A frame's samples, one a pixel. `complete`: values already, with their sign, that no bits are cut from. */
export interface Decoded {
  readonly samples: Uint8Array | Uint16Array | Int16Array;
  readonly complete: boolean;
}

interface Codec {
  readonly name: string;
  decode(encoded: Uint8Array, format: PixelFormat, file: string): Promise<Decoded>;
}

/** A decoder as Cornerstone's codecs have it: encoded bytes in, one frame out; made and deleted for each frame. */
export interface FrameDecoder {
  /** Room for so many encoded bytes, in the codec's memory. */
  getEncodedBuffer(length: number): Uint8Array;
  decode(): void;
  /** The samples, little-endian, in the codec's memory. */
  getDecodedBuffer(): Uint8Array;
  getFrameInfo(): {
    readonly width: number;
    readonly height: number;
    readonly bitsPerSample: number;
    readonly componentCount: number;
    readonly isSigned?: boolean;
  };
  delete(): void;
}

export type ProvidedCodec = "JPEG 2000" | "JPEG-LS" | "JPEG";
type OpenDecoder = () => Promise<new () => FrameDecoder>;
const provided = new Map<ProvidedCodec, OpenDecoder>();

/**
 * Says how decoders are opened, once each, when a frame first needs one. They are WebAssembly that bundlers for pages
 * don't resolve by themselves: cmedl/node provides all three, a page those that it has.
 */
export function provideCodecs(decoders: Readonly<Partial<Record<ProvidedCodec, OpenDecoder>>>): void {
  for (const [name, open] of Object.entries(decoders) as [ProvidedCodec, OpenDecoder][]) provided.set(name, open);
}

/**
 * A module of WebAssembly may not register its classes twice: what was opened is kept, whoever provides it again. What
 * failed to open is tried again by the next frame.
 */
const opened = new WeakMap<OpenDecoder, ReturnType<OpenDecoder>>();
function openOnce(open: OpenDecoder): ReturnType<OpenDecoder> {
  const known = opened.get(open);
  if (known) return known;
  const opening = open();
  opened.set(open, opening);
  opening.catch(() => opened.delete(open));
  return opening;
}

const providedCodec = (name: ProvidedCodec): Codec => ({
  name,
  decode: async (encoded, format, file) => {
    const open = provided.get(name);
    if (!open) throw pixelError(file, name, "no decoder is provided here");
    const Decoder = await openOnce(open).catch((cause: unknown) => {
      throw pixelError(file, name, "the decoder can't be loaded", cause, "install cmedl again");
    });
    return decodeBy(Decoder, name, encoded, format, file);
  },
});
const jpeg2000 = providedCodec("JPEG 2000");
const jpegLs = providedCodec("JPEG-LS");
const jpeg = providedCodec("JPEG");
const jpegLossless: Codec = { name: "JPEG lossless", decode: decodeLossless };
const rle: Codec = {
  name: "RLE",
  decode: async (encoded, { rows, columns, allocated }, file) => {
    const pixels = rows * columns;
    if (allocated > 16) throw pixelError(file, "RLE", `${allocated} bits a pixel are not read`);
    if (allocated > 1) return samplesOf(decodeRle(encoded, { pixels, width: allocated / 8 }, file), allocated, pixels);
    // Bits are packed before they are encoded (PS3.5 CP-2301); what was written before that rule has a byte for each.
    const bytes = decodeRle(encoded, { pixels, width: 1, least: Math.ceil(pixels / 8) }, file);
    return samplesOf(bytes, bytes.length === pixels ? 8 : 1, pixels);
  },
};
const deflate: Codec = {
  name: "deflate",
  decode: async (encoded, { rows, columns, allocated }, file) => {
    if (allocated > 16) throw pixelError(file, "deflate", `${allocated} bits a pixel are not read`);
    const wanted = Math.ceil((rows * columns * allocated) / 8);
    const bytes = inflateUpTo(encoded, wanted, file, "raw");
    if (bytes.length < wanted) throw pixelError(file, "deflate", `the frame has ${bytes.length} of ${wanted} bytes`);
    return samplesOf(bytes, allocated, rows * columns);
  },
};

/** The samples of a frame's bytes, which are its own: packed bits, bytes, or little-endian 16-bit numbers. */
function samplesOf(bytes: Uint8Array<ArrayBuffer>, allocated: number, pixels: number): Decoded {
  if (allocated === 1) return { samples: bitsOf(bytes, 0, pixels), complete: false };
  return { samples: allocated === 8 ? bytes : new Uint16Array(bytes.buffer), complete: false };
}

/** Transfer syntaxes of compressed pixels (PS3.5 A.4). */
const codecs: ReadonlyMap<string, Codec> = new Map([
  ["1.2.840.10008.1.2.5", rle],
  ["1.2.840.10008.1.2.8.1", deflate],
  ["1.2.840.10008.1.2.4.50", jpeg],
  ["1.2.840.10008.1.2.4.51", jpeg],
  ["1.2.840.10008.1.2.4.57", jpegLossless],
  ["1.2.840.10008.1.2.4.70", jpegLossless],
  ["1.2.840.10008.1.2.4.80", jpegLs],
  ["1.2.840.10008.1.2.4.81", jpegLs],
  ["1.2.840.10008.1.2.4.90", jpeg2000],
  ["1.2.840.10008.1.2.4.91", jpeg2000],
]);

const CONVERT = "convert it to explicit VR little endian";

function pixelError(
  file: string,
  codec: string,
  problem: string,
  cause?: unknown,
  mend = "copy or export the DICOM again",
): DataError {
  return new DataError(file, "PixelData (7fe0,0010)", `${codec}: ${problem}`, mend, { cause });
}

/** How frames of a file are decoded. Throws DataError where its transfer syntax has no codec here. */
export function decoderFor(format: PixelFormat, file: string): (encoded: Uint8Array) => Promise<Decoded> {
  const codec = codecs.get(format.syntax);
  if (!codec) {
    const problem = `${format.syntax} is not read here`;
    throw new DataError(file, "TransferSyntaxUID (0002,0010)", problem, CONVERT);
  }
  return (encoded) => {
    if (codec !== rle && codec !== deflate) checkStream(encoded, codec.name, format, file);
    return codec.decode(encoded, format, file);
  };
}

/** Judges a JPEG stream of any kind before a codec makes memory for it: its sizes, and that it has an end. */
function checkStream(encoded: Uint8Array, name: string, { rows, columns }: PixelFormat, file: string): void {
  const size = name === "JPEG 2000" ? sizeOfJpeg2000(encoded) : sizeOfJpeg(encoded);
  if (!size) throw pixelError(file, name, "the frame is no stream of this kind");
  if (size.width !== columns || size.height !== rows)
    throw pixelError(file, name, `the frame is ${size.width} × ${size.height}, not ${columns} × ${rows}`);
  const most = name === "JPEG" ? 8 : 16;
  if (size.bits > most) throw pixelError(file, name, `${size.bits} bits a value are not read, only ${most}`);
  if (name === jpegLossless.name && pointTransformOf(encoded) !== 0)
    throw pixelError(file, name, "a point transform, which cuts low bits, is not read", undefined, CONVERT);
  // Codecs return from a cut stream without an error.
  if (!hasEnd(encoded)) throw pixelError(file, name, "the frame is cut");
}

function decodeBy(
  Decoder: new () => FrameDecoder,
  name: string,
  encoded: Uint8Array,
  { rows, columns }: PixelFormat,
  file: string,
): Decoded {
  const decoder = new Decoder();
  try {
    decoder.getEncodedBuffer(encoded.length).set(encoded);
    decoder.decode();
    const info = decoder.getFrameInfo();
    // A copy: the codec's memory is used again.
    const bytes = decoder.getDecodedBuffer().slice();
    const wide = info.bitsPerSample > 8;
    if (info.componentCount !== 1 || bytes.length !== rows * columns * (wide ? 2 : 1))
      throw pixelError(file, name, `${bytes.length} bytes came out for ${columns} × ${rows} pixels`);
    const signed = info.isSigned === true;
    // OpenJPEG's wrapper writes them as if they had no sign, negative ones as 0.
    if (signed && !wide) throw pixelError(file, name, "signed values of 8 bits are not read", undefined, CONVERT);
    if (signed) return { samples: new Int16Array(bytes.buffer), complete: true };
    return { samples: wide ? new Uint16Array(bytes.buffer) : bytes, complete: false };
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw pixelError(file, name, "the frame can't be decoded", cause);
  } finally {
    decoder.delete();
  }
}

async function decodeLossless(encoded: Uint8Array, format: PixelFormat, file: string): Promise<Decoded> {
  const { Decoder } = await import("jpeg-lossless-decoder-js");
  /** The package halves to fractions, which are wrong where a value then wraps round 16 bits: those with a sign do. */
  class WholeDecoder extends Decoder {
    override select7(component?: number): number {
      return (this.getPreviousX(component) + this.getPreviousY(component)) >> 1;
    }
  }
  const pixels = format.rows * format.columns;
  try {
    const copy = encoded.slice().buffer;
    const samples = new WholeDecoder().decode(copy, 0, copy.byteLength, format.allocated > 8 ? 2 : 1);
    if (samples.length === pixels) return { samples, complete: false };
    throw pixelError(file, "JPEG lossless", `${samples.length} values came out for ${pixels} pixels`);
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw pixelError(file, "JPEG lossless", "the frame can't be decoded", cause);
  }
}
