// The formats of image files, and everything that opens one: by its first bytes, or else by its name.
import { DataError, printable } from "../errors.ts";
import type { Volume } from "../volume.ts";
import { dicom } from "./dicom.ts";
import type { FolderFormat, ImageFile, ImageFormat, ImageHeader } from "./format.ts";
import { metaImage } from "./meta-image.ts";
import { nifti } from "./nifti.ts";
import { npy } from "./npy.ts";
import { nrrd } from "./nrrd.ts";
import { png } from "./png.ts";

export type {
  FolderFormat,
  ImageFile,
  ImageFormat,
  ImageHeader,
  Placement,
  WritableVoxels,
} from "./format.ts";
export { fileOfBytes } from "./memory-file.ts";
export { LabelMap } from "./label-map.ts";
export { type StructureSet, openStructures } from "./structure-set.ts";

/** All formats; a row makes a format known to every command. The last asks least of a file's beginning. */
export const imageFormats: readonly ImageFormat[] = [nifti, nrrd, metaImage, npy, png, dicom];

/** So many bytes of a file's beginning are enough to tell its format, and most headers. */
export const beginningBytes = Math.max(...imageFormats.map((f) => f.beginningBytes));

/** The formats in words, such as "NIfTI or DICOM". */
const formatNames = listed(imageFormats.map((f) => f.name));
/** Formats whose files are images each. */
const singleFormats = imageFormats.filter((f) => !f.folder);
/** Formats of which a folder's files are one image. */
const folderFormats = imageFormats.filter((f) => f.folder);
/** The suffixes of files that are images each, in words, such as ".nii or .nii.gz". */
export const formatSuffixes = listed(singleFormats.flatMap((f) => f.suffixes));
const writableFormats = imageFormats.filter(isWritable);
/** The formats that are written, and their suffixes, in words. */
export const writableNames = listed(writableFormats.map((f) => f.name));
export const writableSuffixes = listed(writableFormats.flatMap((f) => f.suffixes));

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

/** The suffix by which a name is one of these formats', the longest that fits; undefined for other names. */
function suffixOf(file: string, formats: readonly ImageFormat[]): string | undefined {
  const name = file.toLowerCase();
  const fitting = formats.flatMap((f) => f.suffixes).filter((s) => name.endsWith(s));
  return fitting.sort((a, b) => b.length - a.length)[0];
}

/** Whether a file is a whole image by its name; a slice of a folder's is not. */
export const isImageName = (file: string): boolean => suffixOf(file, singleFormats) !== undefined;

/** Whether a file is a slice of its folder's image by its name. */
export const isSliceName = (file: string): boolean => suffixOf(file, folderFormats) !== undefined;

/** A file's name without the suffix of its format. */
export const withoutSuffix = (file: string): string =>
  file.slice(0, file.length - (suffixOf(file, imageFormats)?.length ?? 0));

function formatByName(file: string): ImageFormat | undefined {
  const suffix = suffixOf(file, imageFormats);
  return suffix === undefined ? undefined : imageFormats.find((f) => f.suffixes.includes(suffix));
}

/** The format of a file that begins so. Throws DataError where neither its bytes nor its name tell. */
export function formatOf(beginning: Uint8Array, file: string): ImageFormat {
  const format = imageFormats.find((f) => f.matches(beginning)) ?? formatByName(file);
  if (format) return format;
  throw new DataError(
    file,
    "file",
    "is of no known image format",
    `give a ${formatNames} file (${listed(imageFormats.flatMap((f) => f.suffixes))})`,
  );
}

/** The format in which a file of this name is written; undefined where the name tells of none that can be written. */
export function writableFormat(file: string): WritableFormat | undefined {
  const format = formatByName(file);
  return format && isWritable(format) ? format : undefined;
}

export type WritableFormat = ImageFormat & Required<Pick<ImageFormat, "write">>;
function isWritable(format: ImageFormat): format is WritableFormat {
  return format.write !== undefined;
}

/**
 * A file's header, from its beginning where that is enough: what the beginning does not tell is asked of the whole
 * file, so that the verdict is that of reading it. Throws DataError.
 */
export async function readImageHeader(file: ImageFile): Promise<ImageHeader> {
  const beginning = await file.beginning();
  const format = formatOf(beginning, file.name);
  try {
    return await format.header(file);
  } catch (error) {
    if (!(error instanceof DataError) || beginning.length < format.beginningBytes) throw error;
    return format.header({ ...file, beginning: () => file.bytes() });
  }
}

/** A file's volume, its voxels in stored order. Throws DataError. */
export async function readImage(file: ImageFile): Promise<Volume> {
  return formatOf(await file.beginning(), file.name).read(file);
}

/** A folder's files that are slices of an image, and how they are read. Throws DataError where there are none. */
async function slicesOf(
  files: readonly ImageFile[],
  folder: string,
): Promise<{ files: readonly ImageFile[]; format: FolderFormat }> {
  const byFormat = new Map<ImageFormat, ImageFile[]>();
  for (const file of files) {
    const beginning = await file.beginning();
    const format = imageFormats.find((f) => f.matches(beginning));
    if (!format?.folder) continue;
    const same = byFormat.get(format);
    if (same) same.push(file);
    else byFormat.set(format, [file]);
  }
  const [found, other] = byFormat;
  const names = listed(folderFormats.map((f) => f.name));
  if (!found) throw new DataError(folder, "folder", `holds no ${names} slices`, "name the folder of an image's slices");
  if (other) {
    const shown = [...byFormat].map(([{ name }, { length }]) => `${length} of ${name}`).join(", ");
    throw new DataError(folder, "folder", `holds slices of two formats: ${printable(shown)}`, "keep one of them there");
  }
  return { files: found[1], format: found[0].folder! };
}

/** The header of the image whose slices are a folder's files. Throws DataError. */
export async function readFolderHeader(all: readonly ImageFile[], folder: string): Promise<ImageHeader> {
  const { files, format } = await slicesOf(all, folder);
  return format.header(files, folder);
}

/** The image whose slices are a folder's files, which may stand beside others. Throws DataError. */
export async function readFolder(all: readonly ImageFile[], folder: string): Promise<Volume> {
  const { files, format } = await slicesOf(all, folder);
  return format.read(files, folder);
}
