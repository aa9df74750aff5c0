// A folder of images, with label masks or without, as a set of cases.
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { DataError } from "../../data/errors.ts";
import { isImageName, isSliceName } from "../../data/formats/index.ts";
import { exists, isFolder, readBytes } from "../files.ts";
import type { Case, CaseImage, Found, Listing } from "../../data/layouts/case.ts";
import { dicomCases, dicomImages } from "./dicom-tree.ts";
import { findImages } from "../../data/layouts/images.ts";
import { pairFiles } from "../../data/layouts/layout.ts";
import { passedOver } from "../../data/layouts/passed-over.ts";

/** A folder's cases: with masks, or (Dataset<CaseImage>) as images alone. */
export interface Dataset<C extends CaseImage = Case> extends Found<C> {
  readonly folder: string;
  /** Files and folders in it that no case is made of, where cases are expected there. */
  readonly passedOver: readonly string[];
}

/**
 * Finds the cases of a folder by names and its dataset.json. Other files are opened only where no name tells of an
 * image: folders are looked through for DICOM then. Throws DataError: no folder, no image file, names without a
 * pattern, an image without a mask; FileError where a file can't be read.
 */
export async function scanDataset(folder: string): Promise<Dataset> {
  return found(await listingOf(folder), pairFiles);
}

/**
 * Finds the images of a folder, whether or not they have masks; files are opened as scanDataset does. Throws DataError:
 * no folder, no image file; FileError where a file can't be read.
 */
export async function scanImages(folder: string): Promise<Dataset<CaseImage>> {
  return found(await listingOf(folder), findImages);
}

async function found<C extends CaseImage>(
  listing: Listing,
  find: (listing: Listing) => Promise<Found<C>>,
): Promise<Dataset<C>> {
  const set = await find(listing);
  return { folder: listing.folder, ...set, passedOver: await passedOver(listing, set.cases) };
}

async function listingOf(folder: string): Promise<Listing> {
  const found = await stat(folder).catch(() => undefined);
  if (!found) throw new DataError(folder, "folder", "does not exist", "check the path");
  if (!found.isDirectory())
    throw new DataError(folder, "folder", "is a file", "name the folder that holds the images and masks");
  return {
    folder,
    subfolders: await foldersIn(folder),
    images: async (path) => (await readdir(path)).filter((f) => isImageName(f) && !f.startsWith(".")).sort(),
    slices: async (path) => (await readdir(path)).filter((f) => isSliceName(f) && !f.startsWith(".")).sort(),
    folders: (path) => foldersIn(path).catch(() => []),
    stacks: stacksIn,
    dicomCases,
    dicomImages,
    text: async (path) => ((await exists(path)) ? new TextDecoder().decode(await readBytes(path)) : undefined),
  };
}

/** The folders in a folder, and links that may lead to one. */
async function foldersIn(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true });
  const folders = entries.filter((e) => e.isDirectory() || e.isSymbolicLink()).map((e) => e.name);
  return (await Promise.all(folders.map(async (name) => ((await isFolder(join(path, name))) ? [name] : []))))
    .flat()
    .sort();
}

/** The folders in a folder of which each holds slices. */
async function stacksIn(path: string): Promise<string[]> {
  const stacks: string[] = [];
  for (const name of await foldersIn(path))
    if ((await readdir(join(path, name))).some((file) => !file.startsWith(".") && isSliceName(file))) stacks.push(name);
  return stacks;
}
