// DICOM's run-length encoding (PS3.5 Annex G): a segment of PackBits for each byte of a pixel, the highest first.
import { DataError } from "../../errors.ts";

const MEND = "copy or export the DICOM again";

/**
 * A frame of `pixels` grey values of `width` bytes each, little-endian; of one byte each, as many as there are from
 * `least` on. Throws DataError where it holds others.
 */
export function decodeRle(
  encoded: Uint8Array,
  { pixels, width, least = pixels }: { readonly pixels: number; readonly width: number; readonly least?: number },
  file: string,
): Uint8Array<ArrayBuffer> {
  const fail = (problem: string): never => {
    throw new DataError(file, "PixelData (7fe0,0010)", `RLE: ${problem}`, MEND);
  };
  if (encoded.length < 64) fail(`${encoded.length} bytes hold no header of 64`);
  const view = new DataView(encoded.buffer, encoded.byteOffset, encoded.byteLength);
  const segments = view.getUint32(0, true);
  if (segments !== width) fail(`${segments} segments where ${width} bytes a pixel are due`);
  // Two bytes make 128 at most.
  if (least * width > encoded.length * 64) fail(`${encoded.length} bytes can't hold ${least * width}`);
  const out = new Uint8Array(Math.min(pixels, encoded.length * 64) * width);
  let held = pixels;
  for (let s = 0; s < segments; s++) {
    const start = view.getUint32(4 + 4 * s, true);
    const end = s + 1 < segments ? view.getUint32(8 + 4 * s, true) : encoded.length;
    if (!(start >= 64 && end <= encoded.length && start <= end)) fail(`segment ${s + 1} is at ${start} to ${end}`);
    const made = unpackBits(encoded.subarray(start, end), out, width - 1 - s, width);
    if (made < least) fail(`segment ${s + 1} holds ${made} of ${least} values`);
    held = Math.min(held, made);
  }
  return out.subarray(0, held * width);
}

/**
 * Runs of PackBits to every `step`-th byte of `out` from `first` on, as many as there is room for; how many they are.
 */
function unpackBits(packed: Uint8Array, out: Uint8Array, first: number, step: number): number {
  let made = 0;
  let o = first;
  for (let i = 0; i < packed.length && o < out.length; ) {
    const n = (packed[i++]! << 24) >> 24;
    if (n === -128) continue;
    const count = n >= 0 ? n + 1 : 1 - n;
    if (i + (n >= 0 ? count : 1) > packed.length) break;
    for (let k = 0; k < count && o < out.length; k++, o += step, made++) out[o] = packed[n >= 0 ? i + k : i]!;
    i += n >= 0 ? count : 1;
  }
  return made;
}
