// The images of a folder whose masks, if there are any, are not read.
import { join } from "./paths.ts";
import { DataError, printable } from "../errors.ts";
import type { CaseImage, Found, Listing } from "./case.ts";
import { datasetJsonOf, slicesAreCases } from "./dataset-json.ts";
import { idInFolder, pairFiles } from "./layout.ts";
import { IMAGE_FOLDERS, channelOf, isMaskFolder, isMaskName, withoutImageWord } from "./names.ts";
import { type Files, index, nameOf, refuseFaults } from "./pairing.ts";
import { byId, noImages } from "./readings.ts";

/**
 * The images of a folder. Where each has its mask they have the names that pairing gives; else those that they have by
 * themselves. Throws DataError.
 */
export async function findImages(listing: Listing): Promise<Found<CaseImage>> {
  const paired = await pairFiles(listing).catch((error: unknown) => {
    // Masks may be missing here.
    if (error instanceof DataError) return undefined;
    throw error;
  });
  if (paired) {
    const cases = paired.cases.map(({ id, patient, imagePath }) => ({ id, patient, imagePath }));
    return { layout: { kind: "images", description: `images of ${paired.layout.description}` }, cases };
  }
  const { folder, subfolders, images, stacks } = listing;
  const inside = ["imagesTr", ...IMAGE_FOLDERS].flatMap(
    (name) => subfolders.find((s) => s.toLowerCase() === name.toLowerCase()) ?? [],
  )[0];
  if (inside === undefined) {
    const names = (await images(folder)).filter((f) => !isMaskName(nameOf(f)));
    if (names.length > 0) return found("images", indexed({ folder, names }, withoutImageWord));
    return imagesOfFolders(listing, folder, subfolders);
  }
  const place = join(folder, inside);
  const areSlicesCases = inside.toLowerCase() === "imagestr" && slicesAreCases(await datasetJsonOf(listing));
  const slices = areSlicesCases ? await listing.slices(place) : [];
  const all = [...(await images(place)), ...(await stacks(place)), ...slices];
  const plain = all.filter((name) => !isMaskName(nameOf(name)));
  // Masks may lie beside their images there too; where all have such a word it tells nothing.
  const names = plain.length > 0 ? plain : all;
  if (names.length === 0) return imagesOfFolders(listing, place, await listing.folders(place));
  const files: Files = { folder: place, names };
  return found(`images in ${inside}`, indexed(files, channelsOrNames(files)));
}

/** The only image of each folder: a file, its slices, or else its DICOM series at any depth. */
async function imagesOfFolders(
  { images, stacks, dicomImages }: Listing,
  place: string,
  all: readonly string[],
): Promise<Found<CaseImage>> {
  const folders = all.filter((name) => !isMaskFolder(name, all));
  const imageOf = new Map<string, string>();
  for (const name of folders) {
    const inside = join(place, name);
    const [image, other] = (await images(inside)).filter((f) => !isMaskName(nameOf(f)));
    if (image === undefined) continue;
    if (other !== undefined) {
      const problem = `holds several images: ${printable(image)}, ${printable(other)}`;
      throw new DataError(inside, "names", problem, "keep one image in a patient's folder");
    }
    imageOf.set(name.normalize("NFC"), join(inside, image));
  }
  // Files are opened only where no name tells of an image.
  const isOpened = imageOf.size === 0;
  const { cases, faults } = isOpened ? await dicomImages(place, folders) : { cases: [], faults: [] };
  refuseFaults(faults);
  for (const { id, imagePath } of cases) imageOf.set(id, imagePath);
  for (const name of await stacks(place)) {
    const id = name.normalize("NFC");
    if (folders.includes(name) && !imageOf.has(id)) imageOf.set(id, join(place, name));
  }
  if (imageOf.size === 0) throw noImages(place, "image", "put the images there, a DICOM series in a folder of its own");
  return found(cases.length > 0 ? "images, a folder of DICOM a patient" : "images, a folder a patient", imageOf);
}

const found = (description: string, imageOf: ReadonlyMap<string, string>): Found<CaseImage> => ({
  layout: { kind: "images", description },
  cases: [...imageOf].map(([id, imagePath]) => ({ id, patient: id, imagePath })).sort(byId),
});

function indexed(files: Files, idOf: (name: string) => string): Map<string, string> {
  const faults: DataError[] = [];
  const imageOf = index(files, idOf, faults);
  refuseFaults(faults);
  return imageOf;
}

/**
 * How images without masks to ask are named: _0000 is cut where every name ends so. Names that end in other numbers
 * are taken as they are, unless several cases have channels. Throws DataError there, and where one word before all
 * numbers leaves both readings.
 */
function channelsOrNames({ folder, names }: Files): (name: string) => string {
  const channels = names.map((file) => channelOf(nameOf(file)));
  const firsts = new Set(channels.filter((c) => c?.channel === 0).map((c) => c!.id));
  const further = channels.findIndex((c) => c && c.channel !== 0 && firsts.has(c.id));
  if (channels.every((c) => c && firsts.has(c.id)) && further >= 0) {
    const { id } = channels[further]!;
    const asCase = firsts.size === 1 ? `, or one of ${names.length} cases` : "";
    const problem = `is a second channel of case ${printable(id)}${asCase}; no mask tells which`;
    const mend = "one image a case is read: move other channels to another folder, or give cases other names";
    throw new DataError(join(folder, names[further]!), "channels", problem, mend);
  }
  return further >= 0 ? withoutImageWord : idInFolder;
}
