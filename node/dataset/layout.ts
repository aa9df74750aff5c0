// Which file is whose mask: the folder layouts that are understood, told apart by names alone.
import { join } from "node:path";
import { DataError, printable } from "../../data/errors.ts";

export interface ImageFile {
  readonly id: string;
  readonly patient: string;
  readonly imagePath: string;
}

export interface CaseFiles extends ImageFile {
  readonly maskPath: string;
}

export interface Layout {
  readonly kind: "suffix" | "prefix" | "subfolders" | "nnunet" | "images";
  /** In words, for the user. */
  readonly says: string;
}

const imageWord = "(?:image|img)";
const maskWord = "(?:gtv|mask|label|labels|seg|segmentation)";
const suffixImage = new RegExp(`^(.+)_${imageWord}$`, "i");
const suffixMask = new RegExp(`^(.+)_${maskWord}$`, "i");
const prefixImage = new RegExp(`^${imageWord}_(.+)$`, "i");
const prefixMask = new RegExp(`^${maskWord}_(.+)$`, "i");

const stem = (file: string): string => file.replace(/\.nii(\.gz)?$/i, "");
const patterns =
  "<id>_image.nii.gz with <id>_mask.nii.gz, image_<id>.nii.gz with label_<id>.nii.gz, or folders images/ and labels/ (imagesTr/ and labelsTr/)";

/** Pairs the images and masks of a folder. `list` gives a folder's NIfTI files, sorted. Throws DataError. */
export async function pairFiles(
  folder: string,
  subfolders: readonly string[],
  list: (path: string) => Promise<string[]>,
): Promise<{ layout: Layout; cases: CaseFiles[] }> {
  const has = (name: string): string | undefined => subfolders.find((s) => s.toLowerCase() === name.toLowerCase());
  const imagesTr = has("imagesTr");
  const labelsTr = has("labelsTr");
  const images = has("images");
  const labels = has("labels") ?? has("masks");
  if (imagesTr || labelsTr) {
    if (!imagesTr || !labelsTr)
      throw new DataError(
        folder,
        imagesTr ? "labelsTr" : "imagesTr",
        "is missing",
        "an nnU-Net set has both imagesTr/ and labelsTr/",
      );
    const layout: Layout = { kind: "nnunet", says: "nnU-Net (imagesTr, labelsTr)" };
    return {
      layout,
      cases: pairFolders(
        folder,
        imagesTr,
        labelsTr,
        await list(join(folder, imagesTr)),
        await list(join(folder, labelsTr)),
      ),
    };
  }
  if (images || labels) {
    if (!images || !labels)
      throw new DataError(
        folder,
        images ? "labels" : "images",
        "is missing",
        "put the images into images/ and the masks into labels/",
      );
    const layout: Layout = { kind: "subfolders", says: `folders ${images} and ${labels}` };
    return {
      layout,
      cases: pairFolders(folder, images, labels, await list(join(folder, images)), await list(join(folder, labels))),
    };
  }
  const files = await list(folder);
  if (files.length === 0)
    throw new DataError(folder, "folder", "holds no .nii or .nii.gz file", `give a folder with ${patterns}`);
  const tryFlat = (
    kind: Layout["kind"],
    image: RegExp,
    mask: RegExp,
    says: string,
  ): { layout: Layout; cases: CaseFiles[] } | undefined => {
    const imageOf = index(folder, files, (s) => image.exec(s)?.[1]);
    const maskOf = index(folder, files, (s) => mask.exec(s)?.[1]);
    if (imageOf.size === 0) return undefined;
    return { layout: { kind, says }, cases: pair(imageOf, maskOf) };
  };
  const flat =
    tryFlat("suffix", suffixImage, suffixMask, "<id>_image and <id>_mask") ??
    tryFlat("prefix", prefixImage, prefixMask, "image_<id> and label_<id>");
  if (!flat)
    throw new DataError(
      folder,
      "names",
      `${files.length} files such as ${printable(files[0])} show no image beside its mask`,
      `name them ${patterns}`,
    );
  return flat;
}

/** The images of a folder whose masks, if there are any, are not asked for. Throws DataError. */
export async function findImages(
  folder: string,
  subfolders: readonly string[],
  list: (path: string) => Promise<string[]>,
): Promise<{ layout: Layout; cases: ImageFile[] }> {
  const inside = subfolders.find((s) => /^imagesTr$/i.test(s)) ?? subfolders.find((s) => /^images$/i.test(s));
  const place = inside === undefined ? folder : join(folder, inside);
  const files = (await list(place)).filter(
    (f) => inside !== undefined || !(suffixMask.test(stem(f)) || prefixMask.test(stem(f))),
  );
  if (files.length === 0)
    throw new DataError(place, "folder", "holds no .nii or .nii.gz image", "put the images there");
  if (inside !== undefined) refuseChannels(place, files);
  const imageOf = index(place, files, (s) =>
    inside === undefined ? ((suffixImage.exec(s) ?? prefixImage.exec(s))?.[1] ?? s) : folderId(s),
  );
  const cases = [...imageOf].map(([id, imagePath]): ImageFile => ({ id, patient: id, imagePath }));
  return {
    layout: { kind: "images", says: inside === undefined ? "images" : `images in ${inside}` },
    cases: cases.sort(byId),
  };
}

/** The id of an image in a folder of images. */
const folderId = (s: string): string => s.replace(/_0000$/, "").replace(new RegExp(`_${imageWord}$`, "i"), "");
const byId = (a: ImageFile, b: ImageFile): number => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);

function pairFolders(
  folder: string,
  imageFolder: string,
  maskFolder: string,
  images: readonly string[],
  masks: readonly string[],
): CaseFiles[] {
  if (images.length === 0)
    throw new DataError(join(folder, imageFolder), "folder", "holds no .nii or .nii.gz file", "put the images there");
  refuseChannels(join(folder, imageFolder), images);
  const maskId = (s: string): string => s.replace(new RegExp(`_${maskWord}$`, "i"), "");
  return pair(index(join(folder, imageFolder), images, folderId), index(join(folder, maskFolder), masks, maskId));
}

function refuseChannels(folder: string, images: readonly string[]): void {
  const second = images.find((f) => /_000[1-9]$/.test(stem(f)));
  if (second)
    throw new DataError(
      join(folder, second),
      "channels",
      "a second channel; one image a case is read",
      "keep only the _0000 files",
    );
}

/** id → path; throws where two files have one id. */
function index(
  folder: string,
  files: readonly string[],
  idOf: (stem: string) => string | undefined,
): Map<string, string> {
  const found = new Map<string, string>();
  for (const file of files) {
    const id = idOf(stem(file));
    if (id === undefined) continue;
    const other = found.get(id);
    if (other)
      throw new DataError(
        join(folder, file),
        "name",
        `has the same case name, ${printable(id)}, as ${printable(other)}`,
        "keep one of them",
      );
    found.set(id, join(folder, file));
  }
  return found;
}

function pair(images: ReadonlyMap<string, string>, masks: ReadonlyMap<string, string>): CaseFiles[] {
  const cases = [...images].map(([id, imagePath]): CaseFiles => {
    const maskPath = masks.get(id);
    if (!maskPath)
      throw new DataError(
        imagePath,
        "mask",
        `none is there for case ${printable(id)}`,
        "add its mask or take the image away",
      );
    return { id, patient: id, imagePath, maskPath };
  });
  for (const [id, maskPath] of masks)
    if (!images.has(id))
      throw new DataError(
        maskPath,
        "image",
        `none is there for case ${printable(id)}`,
        "add its image or take the mask away",
      );
  return cases.sort(byId);
}
