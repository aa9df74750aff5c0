// Which file is whose mask: the layouts of folders that are understood, told apart by names alone. A folder is read in
// every way that there is; the one way that pairs all files is taken. Where two ways do, the message says both.
import { basename, join } from "node:path";
import { DataError, printable } from "../../data/errors.ts";
import { formatSuffixes } from "../../data/formats/index.ts";
import { CONVENTIONS, IMAGE_FOLDERS, MASK_FOLDERS, withoutImageWord, withoutMaskWord } from "./names.ts";
import { type Files, type Pair, type Pairing, complete, likeliest, nameOf, pairNames } from "./pairing.ts";

/** A patient's image on disk; its mask, if there is one, is not read. */
export interface CaseImage {
  readonly id: string;
  readonly patient: string;
  readonly imagePath: string;
}

/** One structure's mask in a file of its own. */
export interface Structure {
  /** The label that it has among those of the set, from 1. */
  readonly label: number;
  readonly name: string;
  readonly path: string;
}

/** A patient's image and its mask on disk. */
export interface Case extends CaseImage {
  /** The mask's file, or the folder of its structures. */
  readonly maskPath: string;
  /** Where each structure has a file of its own. */
  readonly structures?: readonly Structure[];
}

export interface Layout {
  readonly kind:
    | "suffix"
    | "prefix"
    | "words"
    | "bare"
    | "subfolders"
    | "nnunet"
    | "patients"
    | "structures"
    | "images";
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
  /** The names of the folders in a folder, sorted; none where there is no such folder. */
  folders(path: string): Promise<string[]>;
}

/** One way to read a folder. */
export interface Reading extends Pairing {
  readonly layout: Layout;
  /** Of which patient each pair is, and its structures, where names tell. */
  readonly cases: readonly Case[];
}

const patterns =
  "<id>_image.nii.gz with <id>_mask.nii.gz, image_<id>.nii.gz with label_<id>.nii.gz, " +
  "folders images/ and labels/ (imagesTr/ and labelsTr/), or a folder a patient with image.nii.gz and mask.nii.gz";

export const noImages = (folder: string, kind: "file" | "image", mend: string): DataError =>
  new DataError(folder, "folder", `holds no ${formatSuffixes} ${kind}`, mend);

/** Pairs the images and masks of a folder. Throws DataError. */
export async function pairFiles(listing: Listing): Promise<Found<Case>> {
  const { folder } = listing;
  const files = await listing.images(folder);
  const readings = [...(await folderReadings(listing)), ...flatReadings({ folder, names: files })];
  // Hundreds of folders are only opened where nothing above them is a set.
  if (complete(readings).length === 0) readings.push(...(await patientReadings(listing)));
  const [reading, other] = complete(readings);
  if (reading && other) throw twoReadings(folder, reading, other);
  if (reading) return { layout: reading.layout, cases: [...reading.cases].sort(byId) };
  const fault = likeliest(readings)?.faults[0];
  if (fault) throw fault;
  const [first] = files;
  if (first === undefined) throw noImages(folder, "file", `give a folder with ${patterns}`);
  const problem = `${files.length} files such as ${printable(first)} show no image beside its mask`;
  throw new DataError(folder, "names", problem, `name them ${patterns}`);
}

function twoReadings(folder: string, a: Reading, b: Reading): DataError {
  const shown = ({ layout, pairs }: Reading): string => {
    const [{ imagePath, maskPath }] = pairs as [Pair];
    const example = `${basename(imagePath)} with ${basename(maskPath)}`;
    return `${layout.description} (${pairs.length} cases, ${printable(example)})`;
  };
  const problem = `can be read in two ways: ${shown(a)}, or ${shown(b)}`;
  return new DataError(folder, "names", problem, "move the files of one of them to another folder");
}

/** A reading whose patients are its cases. */
const reading = (layout: Layout, pairing: Pairing): Reading => ({
  layout,
  ...pairing,
  cases: pairing.pairs.map((pair) => ({ ...pair, patient: pair.id })),
});

/** Readings by folders of images and of masks. Throws DataError where one of a pair is missing. */
async function folderReadings(listing: Listing): Promise<Reading[]> {
  const { folder, subfolders } = listing;
  const has = (name: string): string | undefined => subfolders.find((s) => s.toLowerCase() === name.toLowerCase());
  const all = (names: readonly string[]): string[] => names.flatMap((name) => has(name) ?? []);
  const imagesTr = has("imagesTr");
  const labelsTr = has("labelsTr");
  if (Boolean(imagesTr) !== Boolean(labelsTr)) {
    const missing = imagesTr ? "labelsTr" : "imagesTr";
    throw new DataError(folder, missing, "is missing", "an nnU-Net set has both imagesTr/ and labelsTr/");
  }
  const readings: Reading[] = [];
  if (imagesTr && labelsTr) {
    const layout: Layout = { kind: "nnunet", description: "nnU-Net (imagesTr, labelsTr)" };
    readings.push(...(await pairFolders(listing, layout, imagesTr, labelsTr)));
  }
  const images = all(IMAGE_FOLDERS);
  const masks = all(MASK_FOLDERS);
  const plain = has("images") ?? has("labels") ?? has("masks");
  if (plain !== undefined && (images.length === 0 || masks.length === 0)) {
    const missing = images.length ? "labels" : "images";
    throw new DataError(folder, missing, "is missing", "put the images into images/ and the masks into labels/");
  }
  for (const image of images)
    for (const mask of masks) {
      const layout: Layout = { kind: "subfolders", description: `folders ${image} and ${mask}` };
      readings.push(...(await pairFolders(listing, layout, image, mask)));
    }
  return readings;
}

/** Readings of two folders: by equal names, else without words and nnU-Net's _0000. */
async function pairFolders(
  { folder, images: list }: Listing,
  layout: Layout,
  imageFolder: string,
  maskFolder: string,
): Promise<Reading[]> {
  const files = async (name: string): Promise<Files> => ({
    folder: join(folder, name),
    names: await list(join(folder, name)),
  });
  const images = await files(imageFolder);
  const masks = await files(maskFolder);
  if (images.names.length === 0) throw noImages(images.folder, "file", "put the images there");
  const asNamed = (name: string): string => name;
  return [
    reading(layout, pairNames(images, asNamed, masks, asNamed)),
    reading(layout, pairNames(images, idInFolder, masks, withoutMaskWord)),
  ];
}

/** The id of an image in a folder of images. */
export const idInFolder = (name: string): string => withoutImageWord(name.replace(/_0000$/, ""));

/** Readings of images and masks side by side: of the first group of conventions that pairs any, else all faulty ones. */
export function flatReadings(files: Files): Reading[] {
  const faulty: Reading[] = [];
  for (const group of CONVENTIONS) {
    const readings = group.flatMap(({ kind, description, imageId, maskId }) => {
      const { images, ...pairing } = pairNames(files, imageId, files, maskId);
      return images > 0 ? [reading({ kind, description }, pairing)] : [];
    });
    if (readings.some(({ pairs }) => pairs.length > 0)) return readings;
    // Any name is an image's without a word: that finds fault with every file.
    faulty.push(...readings.filter(({ layout }) => layout.kind !== "bare"));
  }
  return faulty;
}

/** Readings by folders of which each is a patient's, with an image and its mask or the masks of its structures. */
async function patientReadings(listing: Listing): Promise<Reading[]> {
  const { folder, subfolders } = listing;
  const pairs: Pair[] = [];
  const cases: Case[] = [];
  const faults: DataError[] = [];
  const structures = new Map<string, { folder: string; files: string[] }>();
  for (const name of [...subfolders].sort()) {
    const patient = name.normalize("NFC");
    const inside = join(folder, name);
    const names = await listing.images(inside);
    if (names.length === 0) continue;
    const masks = (await listing.folders(inside)).find((f) => /^segmentations?$/i.test(f));
    const [image, ...others] = names;
    if (masks !== undefined && image !== undefined && others.length === 0) {
      const maskPath = join(inside, masks);
      const imagePath = join(inside, image);
      const files = await listing.images(maskPath);
      if (files.length === 0) faults.push(noImages(maskPath, "file", "put the masks of its structures there"));
      structures.set(patient, { folder: maskPath, files });
      cases.push({ id: patient, patient, imagePath, maskPath });
      pairs.push({ id: patient, imagePath, maskPath });
      continue;
    }
    const readings = flatReadings({ folder: inside, names });
    const [found, other] = complete(readings);
    if (found && !other) {
      const idOf = (id: string): string => (found.pairs.length === 1 ? patient : `${patient}_${id}`);
      cases.push(...found.cases.map((c) => ({ ...c, id: idOf(c.id), patient })));
      pairs.push(...found.pairs);
      continue;
    }
    const problem = `${names.length} files such as ${printable(names[0]!)} show no image beside its mask`;
    const unclear = new DataError(inside, "names", problem, "name them image.nii.gz and mask.nii.gz");
    faults.push(found && other ? twoReadings(inside, found, other) : (likeliest(readings)?.faults[0] ?? unclear));
  }
  if (pairs.length + faults.length === 0) return [];
  if (structures.size === 0)
    return [{ layout: { kind: "patients", description: "a folder a patient" }, pairs, cases, faults }];
  const all = [...structures.values()].flatMap(({ files }) => files.map(nameOf));
  const labels = new Map([...new Set(all)].sort().map((name, i) => [name, i + 1]));
  const withStructures = cases.map((c): Case => {
    const of = structures.get(c.id);
    const made = of?.files.map((file): Structure => {
      const name = nameOf(file);
      return { label: labels.get(name)!, name, path: join(of.folder, file) };
    });
    return made ? { ...c, structures: made } : c;
  });
  const description = `a folder a patient, ${labels.size} structures a file each`;
  return [{ layout: { kind: "structures", description }, pairs, cases: withStructures, faults }];
}

export function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  if (a.id === b.id) return 0;
  return a.id < b.id ? -1 : 1;
}
