// CHAOS's folders: "Ground" with masks as PNG slices, beside "DICOM_anon" with the slices of the image, or with a
// folder of slices for each phase of it.
import { basename, dirname, relative, sep } from "node:path";
import type { ImageFile } from "../../data/formats/index.ts";
import { areNamedAlike } from "../../data/formats/slice-names.ts";

/** Masks of a folder, and the slices of an image that they are on. */
export interface Ground {
  readonly folder: string;
  readonly masks: readonly string[];
  readonly images: readonly string[];
}

/** Whether a folder is one of masks, by its name. */
export const isGround = (folder: string): boolean => /^ground$/i.test(basename(folder));

/** The folders of masks among files, once for each image beside them. */
export function groundsAmong(paths: readonly string[]): Ground[] {
  const byFolder = new Map<string, string[]>();
  for (const path of paths) {
    const files = byFolder.get(dirname(path));
    if (files) files.push(path);
    else byFolder.set(dirname(path), [path]);
  }
  return [...byFolder].flatMap(([folder, files]) => {
    const masks = files.filter((file) => /\.png$/i.test(file));
    if (!isGround(folder) || masks.length === 0) return [];
    const beside = [...byFolder].filter(([f]) => /^dicom/i.test(relative(dirname(folder), f).split(sep)[0]!));
    return beside.map(([, images]) => ({ folder, masks, images }));
  });
}

/** Of several images the one whose slices are named as the masks are, else the first. */
export const likeliestGround = (grounds: readonly Ground[], fileOf: (path: string) => ImageFile): Ground | undefined =>
  grounds.find(({ masks, images }) => areNamedAlike(masks.map(fileOf), images.map(fileOf))) ?? grounds[0];
