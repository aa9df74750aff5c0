// How a DICOM file begins: with a preamble, or with an attribute whose writing tells the transfer syntax.
import { EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE } from "./dictionary.ts";

/** Where a preamble and the prefix "DICM" end. */
export const PREFIX_END = 132;

const VR = /^(AE|AS|AT|CS|DA|DS|DT|FL|FD|IS|LO|LT|OB|OD|OF|OL|OW|PN|SH|SL|SQ|SS|ST|TM|UI|UL|UN|US|UT)$/;
const ascii = (bytes: Uint8Array, at: number, count: number): string =>
  String.fromCharCode(...bytes.subarray(at, at + count));

export const hasPrefix = (bytes: Uint8Array): boolean =>
  bytes.length >= PREFIX_END && ascii(bytes, PREFIX_END - 4, 4) === "DICM";

/** How the attribute at the beginning of `bytes` is written; undefined where none of group 0002 or 0008 is there. */
export function syntaxOfAttributes(bytes: Uint8Array): string | undefined {
  if (bytes.length < 8) return undefined;
  const [a, b, c, d] = bytes as unknown as [number, number, number, number];
  const isGroup = (low: number, high: number): boolean => (low === 2 || low === 8) && high === 0;
  const isExplicit = VR.test(ascii(bytes, 4, 2));
  if (isExplicit && isGroup(b, a)) return EXPLICIT_BIG;
  if (!isGroup(a, b)) return undefined;
  if (isExplicit) return EXPLICIT_LITTLE;
  // Implicit: the first attributes of a data set are few and short.
  const length = new DataView(bytes.buffer, bytes.byteOffset + 4, 4).getUint32(0, true);
  return c < 0x40 && d === 0 && length <= 1024 && length % 2 === 0 ? IMPLICIT_LITTLE : undefined;
}

/** Whether a file that begins so is DICOM; never throws. */
export const looksLikeDicom = (beginning: Uint8Array): boolean =>
  hasPrefix(beginning) || syntaxOfAttributes(beginning) !== undefined;
