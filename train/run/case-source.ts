// Where a run's cases of one modality come from, be it files, memory or a formula: all are read the same way.
import {
  type LoadOptions,
  type Load,
  type SliceLoadOptions,
  collectImageSlices,
  collectSlices,
} from "../../data/collect-slices.ts";
import { DataError } from "../../data/errors.ts";
import type { IntensityRule } from "../../data/intensity.ts";
import { type LoadedCase, type SliceSet, shortSideMm } from "../../data/slices.ts";
import type { CaseName } from "../../data/split.ts";
import type { Volume } from "../../data/volume.ts";

/** One modality's cases, of one patient or several scans of a patient each. */
export interface CaseSource {
  /** What messages call it. */
  readonly name: string;
  readonly cases: readonly CaseName[];
  /** Names of its masks' labels, where it tells them. */
  readonly labels?: ReadonlyMap<number, string> | undefined;
  /** How its images are scaled, where the source decides that. */
  readonly intensity?: IntensityRule;
  /** The short sides of its cases' axial slices in mm. Throws DataError where a header is wrong. */
  shortSidesMm(): Promise<number[]>;
  /** One whole case in Left-Posterior-Superior order. Throws DataError where it is gone, or its files are wrong. */
  load(id: string, options?: LoadOptions): Promise<LoadedCase>;
  /** Its image alone; no mask is read. Throws as `load`. */
  loadImage(id: string): Promise<Volume>;
  /**
   * The training slices of cases, one volume in memory at a time. Throws DataError as `load`, and where every mask is
   * empty.
   */
  loadSlices(ids: readonly string[], options: SliceLoadOptions): Promise<SliceSet>;
}

/** The case of an id. Throws DataError where `source` has none. */
export function pickCase<C extends CaseName>(cases: readonly C[], id: string, source: string): C {
  const found = cases.find((c) => c.id.normalize("NFC") === id.normalize("NFC"));
  if (found) return found;
  throw new DataError(source, "cases", `case ${id} of the run is gone`, "put its files back or start a new run");
}

export const pickCases = <C extends CaseName>(cases: readonly C[], ids: readonly string[], source: string): C[] =>
  ids.map((id) => pickCase(cases, id, source));

export interface CaseSourceOptions<C = LoadedCase> {
  /** The image of a case alone. Default: that of the whole case, whatever its mask holds. */
  readonly image?: (named: C) => Promise<Volume>;
  /** Whether masks count. Without them every slice that shows something is one to train on. Default true. */
  readonly withMasks?: boolean;
}

/** A source of cases that `load` gives, each when it is read. */
export function caseSource<C extends CaseName>(
  name: string,
  cases: readonly C[],
  load: Load<C>,
  {
    withMasks = true,
    image = async (named) => (await load(named, { labels: "any" })).image,
  }: CaseSourceOptions<C> = {},
): CaseSource {
  const read: Load<C> = withMasks ? load : async (named, options) => unmarked(await load(named, options));
  const get = async (id: string, options: LoadOptions = {}): Promise<LoadedCase> =>
    read(pickCase(cases, id, name), options);
  const collect = withMasks ? collectSlices : collectImageSlices;
  return {
    name,
    cases,
    load: get,
    loadImage: (id) => image(pickCase(cases, id, name)),
    loadSlices: async (ids, options) => collect(read, pickCases(cases, ids, name), name, options),
    async shortSidesMm() {
      const sides: number[] = [];
      for (const named of cases) sides.push(shortSideMm(await image(named)));
      return sides;
    },
  };
}

const unmarked = (c: LoadedCase): LoadedCase => ({ ...c, mask: new Uint8Array(c.mask.length) });

/** A source of cases in memory, whose masks hold class numbers. */
export const memorySource = (name: string, cases: readonly LoadedCase[], options?: CaseSourceOptions): CaseSource =>
  caseSource(name, cases, async (c) => c, options);
