// DICOM images: one file, with a slice or many, or a folder whose files are the slices of one series.
import { DataError } from "../errors.ts";
import type { Volume } from "../volume.ts";
import type { ImageFile, ImageFormat, ImageHeader } from "./format.ts";

const PREFIX_AT = 128;

/** The row of the table of formats. Its libraries are loaded when a file needs them. */
export const dicom: ImageFormat = {
  name: "DICOM",
  suffixes: [".dcm", ".dicom"],
  // Attributes up to the pixels, in most files.
  beginningBytes: 65536,
  matches: looksLikeDicom,
  header: (file) => headerOf([file], file.name),
  read: (file) => read([file], file.name),
  folder: { header: headerOf, read },
};

function headerOf(files: readonly ImageFile[], name: string): Promise<ImageHeader> {
  return inDicom(name, async () => {
    const { openSeries } = await import("./dicom/series.ts");
    return (await openSeries(files, name)).stack.header;
  });
}

function read(files: readonly ImageFile[], name: string): Promise<Volume> {
  return inDicom(name, async () => {
    const { openSeries } = await import("./dicom/series.ts");
    const { readStack } = await import("./dicom/voxels.ts");
    return readStack((await openSeries(files, name)).stack, name);
  });
}

/** `run`, in which dicom-parser, which throws plain text where an attribute is too short, throws DataError. */
export async function inDicom<T>(name: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    if (typeof cause !== "string") throw cause;
    throw new DataError(name, "data set", `is damaged (${cause})`, "copy or export the DICOM again", { cause });
  }
}

/** Whether a file that begins so is DICOM: by its prefix, or by a first attribute of group 0002 or 0008. */
export function looksLikeDicom(beginning: Uint8Array): boolean {
  const [a, b, c, d] = beginning as unknown as [number, number, number, number];
  if (beginning.length >= PREFIX_AT + 4 && ascii(beginning, PREFIX_AT, 4) === "DICM") return true;
  if (beginning.length < 8) return false;
  const isGroup = (low: number, high: number): boolean => (low === 2 || low === 8) && high === 0;
  if (VR.test(ascii(beginning, 4, 2))) return isGroup(a, b) || isGroup(b, a);
  // Without a VR: the first attributes of a data set are few and short.
  const length = new DataView(beginning.buffer, beginning.byteOffset + 4, 4).getUint32(0, true);
  return isGroup(a, b) && c < 0x40 && d === 0 && length <= 1024 && length % 2 === 0;
}

const VR = /^(AE|AS|AT|CS|DA|DS|DT|FL|FD|IS|LO|LT|OB|OD|OF|OL|OW|PN|SH|SL|SQ|SS|ST|TM|UI|UL|UN|US|UT)$/;
const ascii = (bytes: Uint8Array, at: number, count: number): string =>
  String.fromCharCode(...bytes.subarray(at, at + count));
