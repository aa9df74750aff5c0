// Folders that were chosen on the page, as the cases of a run: read by the layouts that the command line reads, but for
// folders of DICOM.
import { DataError } from "../../data/errors.ts";
import {
  isImageName,
  isSliceName,
  openStructures,
  readFolder,
  readFolderHeader,
  readImage,
  readImageHeader,
} from "../../data/formats/index.ts";
import type { Case, CaseImage, Listing } from "../../data/layouts/case.ts";
import { findImages } from "../../data/layouts/images.ts";
import { pairFiles } from "../../data/layouts/layout.ts";
import { type CaseFiles, CaseLoader } from "../../data/layouts/load.ts";
import { join } from "../../data/layouts/paths.ts";
import { surveyCases } from "../../data/layouts/survey.ts";
import { type SplitLists, parseSplits } from "../../data/split.ts";
import { type CaseSource, caseSource } from "../../train/run/case-source.ts";
import { type DroppedFile, imageFile } from "./files.ts";

export interface FolderSource extends CaseSource {
  /** Of the file of splits in the folder, if there is one. */
  readonly lists?: SplitLists | undefined;
}

/**
 * The cases of a chosen folder; without masks its images, which then all show something to train on. Throws DataError
 * where there is no folder, or no reading of its names pairs all files.
 */
export async function folderSource(
  what: string,
  files: readonly DroppedFile[],
  { withMasks }: { readonly withMasks: boolean },
): Promise<FolderSource> {
  const seen = files.filter(({ path }) => !path.split("/").some((name) => name.startsWith(".")));
  const [first] = seen;
  if (!first) throw new DataError(what, "folder", "is not chosen, or is empty", "choose a folder of images and masks");
  const folder = first.path.split("/")[0]!;
  const listing = listingOf(folder, seen);
  const loader = new CaseLoader(filesOf(seen));
  const { cases, layout } = withMasks ? await pairFiles(listing) : await findImages(listing);
  const splits = await listing.text(join(folder, "splits.json"));
  return {
    ...(withMasks
      ? caseSource(folder, cases as readonly Case[], loader.loadCase, {
          image: async (named) => (await loader.loadImage(named)).image,
        })
      : caseSource<CaseImage>(folder, cases, loader.loadImage, { withMasks })),
    shortSidesMm: async () => (await surveyCases(cases, loader.files)).map((survey) => survey.shortSideMm),
    labels: layout.labels,
    lists: splits === undefined ? undefined : parseSplits(splits, join(folder, "splits.json")),
  };
}

function listingOf(folder: string, files: readonly DroppedFile[]): Listing {
  const inside = (path: string): string[] =>
    files.filter((f) => f.path.startsWith(`${path}/`)).map((f) => f.path.slice(path.length + 1));
  const namesIn = (path: string): string[] =>
    inside(path)
      .filter((name) => !name.includes("/"))
      .sort();
  const foldersIn = (path: string): string[] =>
    [...new Set(inside(path).flatMap((name) => (name.includes("/") ? [name.slice(0, name.indexOf("/"))] : [])))].sort();
  // Only opening every file shows which series is whose: the command line does that.
  const noDicom = async () => ({ cases: [], faults: [] });
  return {
    folder,
    subfolders: foldersIn(folder),
    images: async (path) => namesIn(path).filter(isImageName),
    slices: async (path) => namesIn(path).filter(isSliceName),
    folders: async (path) => foldersIn(path),
    stacks: async (path) => foldersIn(path).filter((name) => namesIn(join(path, name)).some(isSliceName)),
    text: async (path) => files.find((f) => f.path === path)?.file.text(),
    dicomCases: noDicom,
    dicomImages: noDicom,
  };
}

function filesOf(files: readonly DroppedFile[]): CaseFiles {
  const fileAt = (path: string) => {
    const found = files.find((f) => f.path === path);
    return found && imageFile(path, found.file, files);
  };
  const slicesAt = (path: string) =>
    files
      .filter((f) => f.path.startsWith(`${path}/`))
      .sort((a, b) => (a.path < b.path ? -1 : 1))
      .map((f) => imageFile(f.path, f.file, files));
  return {
    header: async (path) => {
      const file = fileAt(path);
      return file ? readImageHeader(file) : readFolderHeader(slicesAt(path), path);
    },
    voxels: async (path) => {
      const file = fileAt(path);
      return file ? readImage(file) : readFolder(slicesAt(path), path);
    },
    structures: async (path) => {
      const file = fileAt(path);
      return file && openStructures(file);
    },
  };
}
