// Names of slices, by which masks and images that are files a slice are paired.
import type { ImageFile } from "./format.ts";

/** A file's name without its folder and its last suffix. */
export const stemOf = ({ name }: ImageFile): string => name.replace(/^.*[/\\]/, "").replace(/\.[^.]*$/, "");

/** Whether each mask has an image of its name. */
export function areNamedAlike(masks: readonly ImageFile[], images: readonly ImageFile[]): boolean {
  const stems = new Set(images.map(stemOf));
  return masks.every((mask) => stems.has(stemOf(mask)));
}
