// Where a run's cases of one modality come from: a folder of scans, a folder of images without masks, or phantoms made
// on the spot. All are read the same way.
import { resolve } from "node:path";
import { type IntensityRule, mrPercentile, softTissueWindow } from "../../data/intensity.ts";
import type { LoadedCase, SliceSet } from "../../data/slices.ts";
import type { CaseName, SplitLists } from "../../data/split.ts";
import { type Modality, phantomCase } from "../../data/synthetic.ts";
import {
  type CachedSlices,
  type Case,
  type Dataset,
  type FoundSplits,
  type CaseImage,
  type LoadOptions,
  type SliceCache,
  type SliceLoadOptions,
  cacheImageSlices,
  cacheSlices,
  findSplits,
  loadCase,
  loadImage,
  loadImageSlices,
  loadSlices,
  loadSlicesBy,
  scanDataset,
  scanImages,
  surveyCases,
} from "../dataset/index.ts";
import { CommandError } from "../errors.ts";

/** One modality's cases, of one patient or several scans of a patient each. */
export interface Source {
  /** Its folder, as configurations name it, made absolute; "" for phantoms. */
  readonly folder: string;
  /** What messages call it. */
  readonly name: string;
  /** How its files are laid out, in words. */
  readonly layout: string;
  /** Names of its masks' labels, where a file tells them. */
  readonly labels?: ReadonlyMap<number, string> | undefined;
  readonly cases: readonly CaseName[];
  /** How its images are scaled, where the source decides that. */
  readonly intensity?: IntensityRule;
  /** The short sides of its cases' axial slices in mm. Throws DataError where a header is wrong. */
  shortSidesMm(): Promise<number[]>;
  /** The splits of `file`, else those that go with the source; of several folds the `fold`-th, from 0. Throws DataError. */
  splits(file?: string, fold?: number): Promise<FoundSplits | undefined>;
  /** One whole case in Left-Posterior-Superior order. Throws CommandError where it is gone, DataError as loadCase. */
  load(id: string, options?: LoadOptions): Promise<LoadedCase>;
  /**
   * The training slices of cases, one volume in memory at a time. Throws CommandError where a case is gone, DataError
   * as loadCase and where every mask is empty.
   */
  loadSlices(ids: readonly string[], options: SliceLoadOptions): Promise<SliceSet>;
  /** The same slices on disk, in a cache; absent where cases are no files. Throws as loadSlices, and FileError. */
  cacheSlices?(ids: readonly string[], cache: SliceCache, options: SliceLoadOptions): Promise<CachedSlices>;
}

/** A folder of images with label masks. Throws DataError as scanDataset. */
export async function scanSource(folder: string): Promise<Source> {
  const set = await scanDataset(folder);
  return {
    ...folderSource(set),
    load: async (id, options) => loadCase(pick(set.cases, id, folder), options),
    loadSlices: async (ids, options) => loadSlices(pickAll(set.cases, ids, folder), folder, options),
    cacheSlices: async (ids, cache, options) => cacheSlices(pickAll(set.cases, ids, folder), folder, cache, options),
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
    load: async (id, options) => loadImage(pick(set.cases, id, folder), options),
    loadSlices: async (ids, options) => loadImageSlices(pickAll(set.cases, ids, folder), folder, options),
    cacheSlices: async (ids, cache, options) =>
      cacheImageSlices(pickAll(set.cases, ids, folder), folder, cache, options),
  };
}

function folderSource(set: Dataset<CaseImage | Case>): Omit<Source, "load" | "loadSlices"> {
  return {
    folder: resolve(set.folder),
    name: set.folder,
    layout: set.layout.description,
    labels: set.layout.labels,
    cases: set.cases,
    shortSidesMm: async () => (await surveyCases(set.cases)).map((survey) => survey.shortSideMm),
    splits: (path, fold) => findSplits(set, { path, fold }),
  };
}

function pick<C extends CaseName>(cases: readonly C[], id: string, source: string): C {
  const found = cases.find((c) => c.id === id.normalize("NFC"));
  if (!found)
    throw new CommandError("data", `${source}: case ${id} of the run is gone; put its files back or start a new run`);
  return found;
}

const pickAll = <C extends CaseName>(cases: readonly C[], ids: readonly string[], source: string): C[] =>
  ids.map((id) => pick(cases, id, source));

/** Side of a phantom's slices in mm. */
export const PHANTOM_FIELD_MM = 330;
const PHANTOM_SLICES = 16;

/** How many phantoms train, validate and are tested on: as many as train in minutes on two cores without a GPU. */
export interface PhantomCounts {
  readonly train: number;
  readonly validate: number;
  readonly test: number;
}
export const PHANTOM_COUNTS: PhantomCounts = { train: 12, validate: 4, test: 12 };

/**
 * Phantoms of `size` × `size` × 16 voxels, each of another patient, with splits of their own. The other modality's
 * `patients` make images of the same patients.
 */
export function phantomSource(
  modality: Modality,
  size: number,
  seed = 0,
  { train, validate, test }: PhantomCounts = PHANTOM_COUNTS,
  patients: Modality = modality,
): Source {
  const cases = Array.from({ length: train + validate + test }, (_, index) => {
    const id = `${patients.toLowerCase()}-${String(index + 1).padStart(3, "0")}`;
    return { id, patient: id, index };
  });
  const ids = cases.map((c) => c.id);
  const name = patients === modality ? `${modality} phantoms` : `${modality} phantoms of the ${patients}'s patients`;
  const lists: SplitLists = {
    train: { train: ids.slice(0, train) },
    val: ids.slice(train, train + validate),
    test: ids.slice(train + validate),
  };
  const made = { modality, set: patients, seed, size, slices: PHANTOM_SLICES, fieldMm: PHANTOM_FIELD_MM };
  const make = async ({ index }: { index: number }): Promise<LoadedCase> => phantomCase({ ...made, index });
  return {
    folder: "",
    name,
    layout: "phantoms",
    intensity: modality === "CT" ? softTissueWindow : mrPercentile,
    cases,
    shortSidesMm: async () => cases.map(() => PHANTOM_FIELD_MM),
    splits: async () => ({ path: name, lists }),
    load: async (id) => make(pick(cases, id, name)),
    loadSlices: async (wanted, options) => loadSlicesBy(make, pickAll(cases, wanted, name), name, options),
  };
}
