// Pairing names of images with names of masks: one reading of a folder, with what stands against it.
import { join } from "./paths.ts";
import { DataError, printable } from "../errors.ts";
import { withoutSuffix } from "../formats/index.ts";
import type { CmedlError } from "../../errors/cmedl-error.ts";
import { channelOf } from "./names.ts";

export interface Pair {
  readonly id: string;
  readonly imagePath: string;
  readonly maskPath: string;
}

/** What a reading of names gives; it is complete where it has pairs and no faults. */
export interface Pairing {
  readonly pairs: readonly Pair[];
  readonly faults: readonly CmedlError[];
}

/** A folder, and the files in it that are looked at. */
export interface Files {
  readonly folder: string;
  readonly names: readonly string[];
}

/** The case that a name is of, or undefined where it is none of these files; names come composed, without suffix. */
type IdOf = (name: string) => string | undefined;

/** A file's name as it is read. */
export const nameOf = (file: string): string => withoutSuffix(file).normalize("NFC");

/** Every image with the mask of the same case. */
export function pairNames(
  images: Files,
  imageId: IdOf,
  masks: Files,
  maskId: IdOf,
): Pairing & { readonly images: number } {
  const faults: DataError[] = [];
  const imageOf = index(images, imageId, faults);
  const maskOf = index(masks, maskId, faults);
  // A file that is called by the word alone is of its folder's case.
  const absent = (id: string): string => `none is there ${id === "" ? "beside it" : `for case ${printable(id)}`}`;
  const pairs: Pair[] = [];
  for (const [id, imagePath] of imageOf) {
    const maskPath = maskOf.get(id);
    if (maskPath !== undefined) pairs.push({ id, imagePath, maskPath });
    else
      faults.push(
        channelFault(id, imagePath, maskOf) ??
          new DataError(imagePath, "mask", absent(id), "add its mask or take the image away"),
      );
  }
  for (const [id, maskPath] of maskOf)
    if (!imageOf.has(id))
      faults.push(new DataError(maskPath, "image", absent(id), "add its image or take the mask away"));
  return { pairs, faults, images: imageOf.size };
}

/** An image whose name is that of a further channel of a case that has a mask. */
function channelFault(id: string, imagePath: string, maskOf: ReadonlyMap<string, string>): DataError | undefined {
  const channel = channelOf(id);
  if (!channel || !maskOf.has(channel.id)) return undefined;
  const problem =
    `is a second channel of case ${printable(channel.id)}, whose mask is there, ` +
    `or a case ${printable(id)} whose mask is missing`;
  const mend = "one image a case is read: move other channels to another folder, or add that mask";
  return new DataError(imagePath, "channels", problem, mend);
}

/** id → path; two files of one id are a fault. */
export function index({ folder, names }: Files, idOf: IdOf, faults: DataError[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const file of names) {
    const id = idOf(nameOf(file));
    if (id === undefined) continue;
    const path = join(folder, file);
    const other = found.get(id);
    if (other !== undefined) {
      const problem = `has the same case name, ${printable(id)}, as ${printable(other)}`;
      faults.push(new DataError(path, "name", problem, "keep one of them"));
    } else found.set(id, path);
  }
  return found;
}

/** Throws the first fault, if there is one, with the others. */
export function refuseFaults([first, ...others]: readonly CmedlError[]): void {
  if (first instanceof DataError && others.length > 0) first.others = others;
  if (first) throw first;
}

/** The readings that are complete, of those with the same pairs the first. */
export function complete<R extends Pairing>(readings: readonly R[]): R[] {
  const seen = new Set<string>();
  return readings.filter(({ pairs, faults }) => {
    const key = pairs
      .map(({ imagePath, maskPath }) => `${imagePath}\n${maskPath}`)
      .sort()
      .join("\n");
    if (pairs.length === 0 || faults.length > 0 || seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** The reading that pairs most, the first of equals; undefined where none pairs or finds fault. */
export function likeliest<R extends Pairing>(readings: readonly R[]): R | undefined {
  const telling = readings.filter(({ pairs, faults }) => pairs.length > 0 || faults.length > 0);
  return telling.reduce<R | undefined>(
    (best, reading) => (best && best.pairs.length >= reading.pairs.length ? best : reading),
    undefined,
  );
}
