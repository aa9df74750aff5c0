// Files and folders beside a set's cases that no case is made of: a patient whose files are named otherwise, or lie deeper.
import { printable } from "../errors.ts";
import type { Case, CaseImage, Listing } from "./case.ts";
import { IMAGE_FOLDERS, isMaskFolder, isMaskName } from "./names.ts";
import { nameOf } from "./pairing.ts";
import { join } from "./paths.ts";

type Perhaps = CaseImage & Partial<Case>;

/**
 * The image files in a set's folder that are no case's, but for masks; and the folders that no case is in: all where
 * cases are in folders of their own, those of images or slices where cases lie in the set's folder itself. Sets of a folder
 * of images and one of masks hold other folders by custom, and only a second one of images counts.
 */
export async function passedOver(listing: Listing, cases: readonly Perhaps[]): Promise<string[]> {
  const { folder, subfolders, images, slices } = listing;
  const used = cases.flatMap(({ imagePath, maskPath, structures = [] }) => [
    imagePath,
    ...(maskPath === undefined ? [] : [maskPath]),
    ...structures.map(({ path }) => path),
  ]);
  const isIn = (name: string, path: string): boolean => asFolder(path).startsWith(asFolder(join(folder, name)));
  const files = (await images(folder)).filter((name) => !isMaskName(nameOf(name)) && !used.some((p) => isIn(name, p)));
  const areFlat = cases.some(({ imagePath }) => !subfolders.some((name) => isIn(name, imagePath)));
  const ofImages = subfolders.filter((name) => cases.some(({ imagePath }) => isIn(name, imagePath)));
  const areTogether = !areFlat && ofImages.length < 2;
  const folders = subfolders.filter(
    (name) =>
      !name.startsWith(".") &&
      !isMaskFolder(name, subfolders) &&
      !used.some((path) => isIn(name, path)) &&
      (!areTogether || IMAGE_FOLDERS.includes(name.toLowerCase())),
  );
  const holding = await Promise.all(
    folders.map(async (name) => {
      const inside = await Promise.all([images, slices].map((list) => list(join(folder, name)).catch(() => [])));
      return !areFlat || inside.flat().length > 0;
    }),
  );
  return [...files, ...folders.filter((_, i) => holding[i])];
}

const asFolder = (path: string): string => `${path.replaceAll("\\", "/")}/`;

/** "2 files or folders are passed over (P3, P7): no case is made of them", for the user. */
export function passedOverText(names: readonly string[]): string {
  const shown = names.slice(0, 5).map((name) => printable(name, 40));
  const more = names.length > shown.length ? ` and ${names.length - shown.length} more` : "";
  const [what, them] = names.length === 1 ? ["file or folder is", "it"] : ["files or folders are", "them"];
  return `${names.length} ${what} passed over (${shown.join(", ")}${more}): no case is made of ${them}`;
}
