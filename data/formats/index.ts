// The formats of image files, and everything that opens one: by its first bytes, or else by its name.
import { DataError } from "../errors.ts";
import type { Volume } from "../volume.ts";
import type { ImageFormat, ImageHeader } from "./format.ts";
import { nifti } from "./nifti.ts";

export type { ImageFormat, ImageHeader, Placement, WritableVoxels } from "./format.ts";

/** All formats; a row makes a format known to every command. */
export const imageFormats: readonly ImageFormat[] = [nifti];

/** So many bytes of a file's beginning are enough for readImageHeader, whatever the format. */
export const beginningBytes = Math.max(...imageFormats.map((f) => f.beginningBytes));

/** The formats in words, such as "NIfTI". */
export const formatNames = listed(imageFormats.map((f) => f.name));
/** Their suffixes in words, such as ".nii or .nii.gz". */
export const formatSuffixes = listed(imageFormats.flatMap((f) => f.suffixes));

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

/** The suffix by which a name is an image's, the longest that fits; undefined for other names. */
function suffixOf(file: string): string | undefined {
  const name = file.toLowerCase();
  const fitting = imageFormats.flatMap((f) => f.suffixes).filter((s) => name.endsWith(s));
  return fitting.sort((a, b) => b.length - a.length)[0];
}

/** Whether a file is an image by its name. */
export const isImageName = (file: string): boolean => suffixOf(file) !== undefined;

/** A file's name without the suffix of its format. */
export const withoutSuffix = (file: string): string => file.slice(0, file.length - (suffixOf(file)?.length ?? 0));

function formatByName(file: string): ImageFormat | undefined {
  const suffix = suffixOf(file);
  return suffix === undefined ? undefined : imageFormats.find((f) => f.suffixes.includes(suffix));
}

/** The format of a file that begins so. Throws DataError where neither its bytes nor its name tell. */
export function formatOf(beginning: Uint8Array, file: string): ImageFormat {
  const format = imageFormats.find((f) => f.matches(beginning)) ?? formatByName(file);
  if (format) return format;
  throw new DataError(file, "file", "is of no known image format", `give a ${formatNames} file (${formatSuffixes})`);
}

/** The format in which a file of this name is written; undefined where the name tells of none that can be written. */
export function writableFormat(file: string): WritableFormat | undefined {
  const format = formatByName(file);
  return format && isWritable(format) ? format : undefined;
}

export type WritableFormat = ImageFormat & Required<Pick<ImageFormat, "write">>;
const isWritable = (format: ImageFormat): format is WritableFormat => format.write !== undefined;

/** A file's header, from its first `beginningBytes` (or more). Throws DataError. */
export const readImageHeader = (beginning: Uint8Array, file: string): ImageHeader =>
  formatOf(beginning, file).header(beginning, file);

/** A file's volume, its voxels in stored order. Throws DataError. */
export const readImage = (bytes: Uint8Array, file: string): Volume => formatOf(bytes, file).read(bytes, file);
