// The markers of a JPEG stream of any kind: its sizes, and whether its end is there.

export interface StreamSize {
  readonly width: number;
  readonly height: number;
  readonly bits: number;
}

const short = (bytes: Uint8Array, at: number): number => 256 * (bytes[at] ?? 0) + (bytes[at + 1] ?? 0);
const long = (bytes: Uint8Array, at: number): number => 65536 * short(bytes, at) + short(bytes, at + 2);

/** Where the first marker of a kind stands, of those before the coded values; undefined where none is there. */
function markerAt(bytes: Uint8Array, isWanted: (marker: number) => boolean): number | undefined {
  if (short(bytes, 0) !== 0xffd8) return undefined;
  for (let at = 2; at + 9 < bytes.length && bytes[at] === 0xff; at += 2 + short(bytes, at + 2))
    if (isWanted(bytes[at + 1]!)) return at;
  return undefined;
}

const isFrame = (marker: number): boolean =>
  (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) || marker === 0xf7;

/** The image's size by the frame header (SOF, or SOF55 of JPEG-LS); undefined where none is there. */
export function sizeOfJpeg(bytes: Uint8Array): StreamSize | undefined {
  const at = markerAt(bytes, isFrame);
  if (at === undefined) return undefined;
  return { bits: bytes[at + 4]!, height: short(bytes, at + 5), width: short(bytes, at + 7) };
}

/** How many low bits a JPEG lossless stream leaves out, by its scan header (SOS); 0 where none is there. */
export function pointTransformOf(bytes: Uint8Array): number {
  const at = markerAt(bytes, (marker) => marker === 0xda);
  return at === undefined ? 0 : bytes[at + 1 + short(bytes, at + 2)]! & 15;
}

/** The image's size by the codestream's SIZ, within a JP2 file or not; undefined where none is there. */
export function sizeOfJpeg2000(bytes: Uint8Array): StreamSize | undefined {
  const last = Math.min(bytes.length, 4096) - 42;
  for (let at = 0; at <= last; at++)
    if (long(bytes, at) === 0xff4fff51)
      return {
        width: long(bytes, at + 8) - long(bytes, at + 16),
        height: long(bytes, at + 12) - long(bytes, at + 20),
        bits: (bytes[at + 42]! & 0x7f) + 1,
      };
  return undefined;
}

/** Whether a stream has its end (EOI, or EOC of JPEG 2000), behind which there may be some padding. */
export function hasEnd(bytes: Uint8Array): boolean {
  const end = bytes.subarray(Math.max(0, bytes.length - 64));
  return end.some((b, i) => b === 0xff && end[i + 1] === 0xd9);
}
