// What tests of image formats without compression of their own make: small files of 2 × 3 × 4 voxels, and others beside.
import { DataError } from "../../data/errors.ts";
import type { ImageFile } from "../../data/formats/format.ts";
import { fileOfBytes } from "../../data/formats/index.ts";
import { refused as refusedAs } from "../helpers/refused.ts";

export const text = (s: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(s);
export const joined = (...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(parts.flatMap((p) => [...p]));

/** A file with others beside it. */
export const file = (
  bytes: Uint8Array<ArrayBuffer>,
  name: string,
  others: Record<string, Uint8Array<ArrayBuffer>> = {},
): ImageFile => ({
  ...fileOfBytes(bytes, name),
  beside: async (n) => others[n],
});
export const refused = (run: Promise<unknown>, message: RegExp): Promise<void> => refusedAs(run, message, DataError);
export const counted = Int16Array.from({ length: 24 }, (_, i) => 100 * i - 700);
export const little = new Uint8Array(counted.buffer);
export const big = Uint8Array.from(little, (_, i) => little[i ^ 1]!);

export const nrrdHead = (more: string, encoding = "raw"): string =>
  `NRRD0004\n# made by a test\ntype: short\ndimension: 3\nsizes: 2 3 4\nencoding: ${encoding}\n${more}\n`;
export const placed =
  "endian: little\nspace: left-posterior-superior\nspace directions: (0.5,0,0) (0,0.75,0) (0,0,2)\nspace origin: (-10,-20,30)\nkey:=value\n";

export const metaHead = (more = "", dataFile = "LOCAL", spacing = "0.5 0.75 2"): string =>
  `ObjectType = Image\nNDims = 3\nBinaryData = True\nTransformMatrix = 0 1 0 1 0 0 0 0 1\nOffset = -10 -20 30\nElementSpacing = ${spacing}\nDimSize = 2 3 4\nElementType = MET_SHORT\n${more}ElementDataFile = ${dataFile}\n`;
