// DICOM images: one file, with a slice or many, or a folder whose files are the slices of one series.
import { DataError } from "../errors.ts";
import type { Volume } from "../volume.ts";
import { looksLikeDicom } from "./dicom/syntax.ts";
import type { ImageFile, ImageFormat, ImageHeader } from "./format.ts";

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
