// Which file is whose mask: the folder layouts that are understood, told apart by names alone.
import { join } from "node:path";
import { DataError, printable } from "../../data/errors.ts";
import { formatSuffixes, withoutSuffix } from "../../data/formats/index.ts";

/** A patient's image on disk; its mask, if there is one, is not read. */
export interface CaseImage {
  readonly id: string;
  readonly patient: string;
  readonly imagePath: string;
}

/** A patient's image and its mask on disk. */
export interface Case extends CaseImage {
  readonly maskPath: string;
}

export interface Layout {
  readonly kind: "suffix" | "prefix" | "subfolders" | "nnunet" | "images";
  /** In words, for the user. */
  readonly description: string;
}

/** A folder's cases, and the layout by which they were found. */
export interface Found<C extends CaseImage> {
  readonly layout: Layout;
  readonly cases: readonly C[];
}

/** What is looked at of a folder. */
export interface Listing {
  readonly folder: string;
  readonly subfolders: readonly string[];
  /** The names of the image files in a folder, sorted. */
  images(path: string): Promise<string[]>;
}

const imageWord = "(?:image|img)";
const maskWord = "(?:gtv|mask|label|labels|seg|segmentation)";
const suffixImage = new RegExp(`^(.+)_${imageWord}$`, "i");
const suffixMask = new RegExp(`^(.+)_${maskWord}$`, "i");
const prefixImage = new RegExp(`^${imageWord}_(.+)$`, "i");
const prefixMask = new RegExp(`^${maskWord}_(.+)$`, "i");

const patterns =
  "<id>_image.nii.gz with <id>_mask.nii.gz, image_<id>.nii.gz with label_<id>.nii.gz, " +
  "or folders images/ and labels/ (imagesTr/ and labelsTr/)";

const noImages = (folder: string, kind: "file" | "image", mend: string): DataError =>
  new DataError(folder, "folder", `holds no ${formatSuffixes} ${kind}`, mend);

/** Pairs the images and masks of a folder. Throws DataError. */
export async function pairFiles(listing: Listing): Promise<Found<Case>> {
  const { folder, subfolders } = listing;
  const has = (name: string): string | undefined => subfolders.find((s) => s.toLowerCase() === name.toLowerCase());
  const imagesTr = has("imagesTr");
  const labelsTr = has("labelsTr");
  if (imagesTr || labelsTr) {
    if (imagesTr && labelsTr) {
      const layout: Layout = { kind: "nnunet", description: "nnU-Net (imagesTr, labelsTr)" };
      return { layout, cases: await pairFolders(listing, imagesTr, labelsTr) };
    }
    const missing = imagesTr ? "labelsTr" : "imagesTr";
    throw new DataError(folder, missing, "is missing", "an nnU-Net set has both imagesTr/ and labelsTr/");
  }
  const images = has("images");
  const labels = has("labels") ?? has("masks");
  if (images || labels) {
    if (images && labels) {
      const layout: Layout = { kind: "subfolders", description: `folders ${images} and ${labels}` };
      return { layout, cases: await pairFolders(listing, images, labels) };
    }
    const missing = images ? "labels" : "images";
    throw new DataError(folder, missing, "is missing", "put the images into images/ and the masks into labels/");
  }
  return pairFlat(folder, await listing.images(folder));
}

/** Images and masks side by side, told apart by a word before or after the id. */
function pairFlat(folder: string, files: readonly string[]): Found<Case> {
  const [first] = files;
  if (first === undefined) throw noImages(folder, "file", `give a folder with ${patterns}`);
  const imagesBySuffix = index(folder, files, (s) => suffixImage.exec(s)?.[1]);
  const masksBySuffix = index(folder, files, (s) => suffixMask.exec(s)?.[1]);
  if (imagesBySuffix.size > 0) {
    const layout: Layout = { kind: "suffix", description: "<id>_image and <id>_mask" };
    return { layout, cases: pair(imagesBySuffix, masksBySuffix) };
  }
  const imagesByPrefix = index(folder, files, (s) => prefixImage.exec(s)?.[1]);
  const masksByPrefix = index(folder, files, (s) => prefixMask.exec(s)?.[1]);
  if (imagesByPrefix.size > 0) {
    const layout: Layout = { kind: "prefix", description: "image_<id> and label_<id>" };
    return { layout, cases: pair(imagesByPrefix, masksByPrefix) };
  }
  const problem = `${files.length} files such as ${printable(first)} show no image beside its mask`;
  throw new DataError(folder, "names", problem, `name them ${patterns}`);
}

/** The images of a folder whose masks, if there are any, are not asked for. Throws DataError. */
export async function findImages({ folder, subfolders, images }: Listing): Promise<Found<CaseImage>> {
  const inside = subfolders.find((s) => /^imagesTr$/i.test(s)) ?? subfolders.find((s) => /^images$/i.test(s));
  const place = inside === undefined ? folder : join(folder, inside);
  const isMask = (name: string): boolean => suffixMask.test(name) || prefixMask.test(name);
  const files = (await images(place)).filter((f) => inside !== undefined || !isMask(withoutSuffix(f)));
  if (files.length === 0) throw noImages(place, "image", "put the images there");
  if (inside !== undefined) refuseChannels(place, files);
  const besideMasks = (s: string): string => (suffixImage.exec(s) ?? prefixImage.exec(s))?.[1] ?? s;
  const imageOf = index(place, files, inside === undefined ? besideMasks : idInFolder);
  const cases = [...imageOf].map(([id, imagePath]): CaseImage => ({ id, patient: id, imagePath }));
  return {
    layout: { kind: "images", description: inside === undefined ? "images" : `images in ${inside}` },
    cases: cases.sort(byId),
  };
}

/** The id of an image in a folder of images. */
const idInFolder = (s: string): string => s.replace(/_0000$/, "").replace(new RegExp(`_${imageWord}$`, "i"), "");

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  if (a.id === b.id) return 0;
  return a.id < b.id ? -1 : 1;
}

async function pairFolders({ folder, images }: Listing, imageFolder: string, maskFolder: string): Promise<Case[]> {
  const imagePlace = join(folder, imageFolder);
  const maskPlace = join(folder, maskFolder);
  const imageFiles = await images(imagePlace);
  const maskFiles = await images(maskPlace);
  if (imageFiles.length === 0) throw noImages(imagePlace, "file", "put the images there");
  refuseChannels(imagePlace, imageFiles);
  const maskId = (s: string): string => s.replace(new RegExp(`_${maskWord}$`, "i"), "");
  return pair(index(imagePlace, imageFiles, idInFolder), index(maskPlace, maskFiles, maskId));
}

function refuseChannels(folder: string, images: readonly string[]): void {
  const second = images.find((f) => /_000[1-9]$/.test(withoutSuffix(f)));
  if (second === undefined) return;
  const problem = "a second channel; one image a case is read";
  throw new DataError(join(folder, second), "channels", problem, "keep only the _0000 files");
}

/** id → path; `idOf` takes a name without its suffix. Throws where two files have one id. */
function index(
  folder: string,
  files: readonly string[],
  idOf: (name: string) => string | undefined,
): Map<string, string> {
  const found = new Map<string, string>();
  for (const file of files) {
    const id = idOf(withoutSuffix(file));
    if (id === undefined) continue;
    const other = found.get(id);
    if (other !== undefined) {
      const problem = `has the same case name, ${printable(id)}, as ${printable(other)}`;
      throw new DataError(join(folder, file), "name", problem, "keep one of them");
    }
    found.set(id, join(folder, file));
  }
  return found;
}

function pair(images: ReadonlyMap<string, string>, masks: ReadonlyMap<string, string>): Case[] {
  const absent = (id: string): string => `none is there for case ${printable(id)}`;
  const cases = [...images].map(([id, imagePath]): Case => {
    const maskPath = masks.get(id);
    if (maskPath === undefined)
      throw new DataError(imagePath, "mask", absent(id), "add its mask or take the image away");
    return { id, patient: id, imagePath, maskPath };
  });
  for (const [id, maskPath] of masks)
    if (!images.has(id)) throw new DataError(maskPath, "image", absent(id), "add its image or take the mask away");
  return cases.sort(byId);
}
