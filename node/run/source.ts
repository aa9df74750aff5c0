// Where a run's cases of one modality come from: a folder of scans, a folder of images without masks, or phantoms made
// on the spot. All are read the same way.
import { resolve } from "node:path";
import {
  type CachedSlices,
  type Case,
  type Dataset,
  type FoundSplits,
  type CaseImage,
  type SliceCache,
  type SliceLoadOptions,
  cacheImageSlices,
  cacheSlices,
  findSplits,
  loadCase,
  loadImage,
  loadImageSlices,
  loadSlices,
  scanDataset,
  scanImages,
  surveyCases,
} from "../dataset/index.ts";
import { type CaseSource, pickCase, pickCases } from "../../train/run/case-source.ts";
import { phantomCases } from "../../train/run/phantoms.ts";

/** Cases of files, or phantoms. */
export interface Source extends CaseSource {
  /** Its folder, as configurations name it, made absolute; "" for phantoms. */
  readonly folder: string;
  /** How its files are laid out, in words. */
  readonly layout: string;
  /** Files and folders in its folder that no case is made of, where cases are expected there. */
  readonly passedOver: readonly string[];
  /**
   * The splits of `file`, else those that go with the source; of several folds the `fold`-th, from 0. Throws DataError.
   */
  splits(file?: string, fold?: number): Promise<FoundSplits | undefined>;
  /** The slices of `loadSlices` on disk, in a cache; absent where cases are no files. Throws as that, and FileError. */
  cacheSlices?(ids: readonly string[], cache: SliceCache, options: SliceLoadOptions): Promise<CachedSlices>;
}

/** A folder of images with label masks. Throws DataError as scanDataset. */
export async function scanSource(folder: string): Promise<Source> {
  const set = await scanDataset(folder);
  return {
    ...folderSource(set),
    load: async (id, options) => loadCase(pickCase(set.cases, id, folder), options),
    loadSlices: async (ids, options) => loadSlices(pickCases(set.cases, ids, folder), folder, options),
    cacheSlices: async (ids, cache, options) => cacheSlices(pickCases(set.cases, ids, folder), folder, cache, options),
  };
}

/**
 * A folder of images whose masks, if there are any, are not read: every slice that shows something is one to
 * train on. Throws DataError as scanImages.
 */
export async function imageSource(folder: string): Promise<Source> {
  const set = await scanImages(folder);
  return {
    ...folderSource(set),
    load: async (id, options) => loadImage(pickCase(set.cases, id, folder), options),
    loadSlices: async (ids, options) => loadImageSlices(pickCases(set.cases, ids, folder), folder, options),
    cacheSlices: async (ids, cache, options) =>
      cacheImageSlices(pickCases(set.cases, ids, folder), folder, cache, options),
  };
}

function folderSource(set: Dataset<CaseImage | Case>): Omit<Source, "load" | "loadSlices"> {
  return {
    folder: resolve(set.folder),
    name: set.folder,
    layout: set.layout.description,
    passedOver: set.passedOver,
    labels: set.layout.labels,
    cases: set.cases,
    shortSidesMm: async () => (await surveyCases(set.cases)).map((survey) => survey.shortSideMm),
    loadImage: async (id) => (await loadImage(pickCase(set.cases, id, set.folder))).image,
    splits: (path, fold) => findSplits(set, { path, fold }),
  };
}

/** Phantoms as `phantomCases` makes them. */
export function phantomSource(...phantoms: Parameters<typeof phantomCases>): Source {
  const { lists, ...source } = phantomCases(...phantoms);
  return {
    ...source,
    folder: "",
    layout: "phantoms",
    passedOver: [],
    splits: async () => ({ path: source.name, lists }),
  };
}
