// Folders beside a set's cases that no case is made of: a patient whose files are named otherwise, or lie deeper.
import { printable } from "../errors.ts";
import type { Case, CaseImage, Listing } from "./case.ts";
import { isMaskFolder } from "./names.ts";
import { join } from "./paths.ts";

/**
 * The folders in a set's folder that no case is in, where cases are in folders of their own; where they lie in the set's
 * folder itself, those that hold images or slices. Sets of a folder of images and one of masks hold others by custom.
 */
export async function foldersPassedOver(
  { folder, subfolders, images, slices }: Listing,
  cases: readonly (CaseImage & Partial<Case>)[],
): Promise<string[]> {
  const inFolder = (path: string): string => `${path.replaceAll("\\", "/")}/`;
  const isIn = (name: string, path: string): boolean => inFolder(path).startsWith(inFolder(join(folder, name)));
  const areFlat = cases.some(({ imagePath }) => !subfolders.some((name) => isIn(name, imagePath)));
  const ofImages = subfolders.filter((name) => cases.some(({ imagePath }) => isIn(name, imagePath)));
  if (!areFlat && ofImages.length < 2) return [];
  const others = subfolders.filter(
    (name) =>
      !ofImages.includes(name) &&
      !name.startsWith(".") &&
      !isMaskFolder(name, subfolders) &&
      !cases.some(({ maskPath }) => maskPath !== undefined && isIn(name, maskPath)),
  );
  if (!areFlat) return others;
  const holding = await Promise.all(
    others.map(async (name) => (await Promise.all([images, slices].map((list) => list(join(folder, name))))).flat()),
  );
  return others.filter((_, i) => holding[i]!.length > 0);
}

/** "2 folders are passed over (P3, P7): no case is in them", for the user. */
export function passedOverText(names: readonly string[]): string {
  const shown = names.slice(0, 5).map((name) => printable(name, 40));
  const more = names.length > shown.length ? ` and ${names.length - shown.length} more` : "";
  const [folders, them] = names.length === 1 ? ["folder is", "it"] : ["folders are", "them"];
  return `${names.length} ${folders} passed over (${shown.join(", ")}${more}): no case is in ${them}`;
}
