// Which file is whose mask: the layouts of folders that are understood, told apart by names, and DICOM by what its
// files hold. A folder is read in every way that there is; the one way that pairs all files is taken. Where two ways
// do, the message says both.
import { join } from "./paths.ts";
import { DataError, printable } from "../errors.ts";
import type { Case, Found, Layout, Listing } from "./case.ts";
import { type DatasetJson, datasetJsonOf, slicesAreCases } from "./dataset-json.ts";
import { IMAGE_FOLDERS, MASK_FOLDERS, withoutImageWord, withoutMaskWord } from "./names.ts";
import { type Files, complete, likeliest, pairNames, refuseFaults } from "./pairing.ts";
import { dicomReadings, patientReadings } from "./patients.ts";
import { type Reading, byId, flatReadings, labelNames, noImages, readingOf, twoReadings } from "./readings.ts";

const patterns =
  "<id>_image.nii.gz with <id>_mask.nii.gz, image_<id>.nii.gz with label_<id>.nii.gz, " +
  "folders images/ and labels/ (imagesTr/ and labelsTr/), or a folder a patient with image.nii.gz and mask.nii.gz or " +
  "with a DICOM series and its contours or segments";

/** Pairs the images and masks of a folder. Throws DataError. */
export async function pairFiles(listing: Listing): Promise<Found<Case>> {
  const { folder } = listing;
  const files = await listing.images(folder);
  const readings = [...(await folderReadings(listing)), ...flatReadings({ folder, names: files })];
  // Hundreds of folders are only opened where nothing above them is a set.
  if (complete(readings).length === 0) readings.push(...(await patientReadings(listing)));
  // Files are opened only where no name tells of an image.
  if (readings.every(({ pairs, faults }) => pairs.length + faults.length === 0) && files.length === 0)
    readings.push(...(await dicomReadings(listing)));
  const [reading, other] = complete(readings);
  if (reading && other) throw twoReadings(folder, reading, other);
  if (reading) return { layout: reading.layout, cases: [...reading.cases].sort(byId) };
  refuseFaults(likeliest(readings)?.faults ?? []);
  const [first] = files;
  if (first === undefined) throw noImages(folder, "file", `give a folder with ${patterns}`);
  const problem = `${files.length} files such as ${printable(first)} show no image beside its mask`;
  throw new DataError(folder, "names", problem, `name them ${patterns}`);
}

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
    const told = await datasetJsonOf(listing);
    const layout: Layout = {
      kind: "nnunet",
      description: describeTrained(told),
      ...(told ? { labels: told.labels } : {}),
    };
    readings.push(...(await pairFolders(listing, layout, imagesTr, labelsTr, slicesAreCases(told))));
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

/** What a folder of imagesTr and labelsTr is, with the names of its labels where dataset.json tells them. */
const describeTrained = (told: DatasetJson | undefined): string =>
  told ? `${told.form} (imagesTr, labelsTr; ${labelNames(told.labels)})` : "nnU-Net (imagesTr, labelsTr)";

/**
 * Readings of two folders: by equal names, else without words and nnU-Net's _0000. Slices in the folders themselves are
 * looked at where each is a case.
 */
async function pairFolders(
  { folder, images: list, stacks, slices }: Listing,
  layout: Layout,
  imageFolder: string,
  maskFolder: string,
  areSlicesCases = false,
): Promise<Reading[]> {
  const files = async (name: string): Promise<Files> => ({
    folder: join(folder, name),
    names: [
      ...(await list(join(folder, name))),
      ...(await stacks(join(folder, name))),
      ...(areSlicesCases ? await slices(join(folder, name)) : []),
    ],
  });
  const images = await files(imageFolder);
  const masks = await files(maskFolder);
  if (images.names.length === 0)
    throw noImages(images.folder, "file", "put the images there, a DICOM series in a folder of its own");
  const asNamed = (name: string): string => name;
  return [
    readingOf(layout, pairNames(images, asNamed, masks, asNamed)),
    readingOf(layout, pairNames(images, idInFolder, masks, withoutMaskWord)),
  ];
}

/** The id of an image in a folder of images. */
export const idInFolder = (name: string): string => withoutImageWord(name.replace(/_0000$/, ""));
