// Phantoms as the cases of a run, made when they are read.
import { mrPercentile, softTissueWindow } from "../../data/intensity.ts";
import type { SplitLists } from "../../data/split.ts";
import { type Modality, phantomCase } from "../../data/synthetic.ts";
import { type CaseSource, caseSource } from "./case-source.ts";

/** Side of a phantom's slices in mm. */
export const PHANTOM_FIELD_MM = 330;
const PHANTOM_SLICES = 16;

/** How many phantoms train, validate and are tested on: as many as train in minutes on two cores without a GPU. */
export interface PhantomCounts {
  readonly train: number;
  readonly validate: number;
  readonly test: number;
}
/** The counts of `cmedl experiment --data phantom`. */
export const PHANTOM_COUNTS: PhantomCounts = { train: 12, validate: 4, test: 12 };

export interface PhantomCases extends CaseSource {
  readonly lists: SplitLists;
}

/**
 * Phantoms of `size` × `size` × 16 voxels, each of another patient, with splits of their own. The other modality's
 * `patients` make images of the same patients.
 */
export function phantomCases(
  modality: Modality,
  size: number,
  seed = 0,
  { train, validate, test }: PhantomCounts = PHANTOM_COUNTS,
  patients: Modality = modality,
): PhantomCases {
  const cases = Array.from({ length: train + validate + test }, (_, index) => {
    const id = `${patients.toLowerCase()}-${String(index + 1).padStart(3, "0")}`;
    return { id, patient: id, index };
  });
  const ids = cases.map((c) => c.id);
  const name = patients === modality ? `${modality} phantoms` : `${modality} phantoms of the ${patients}'s patients`;
  const made = { modality, set: patients, seed, size, slices: PHANTOM_SLICES, fieldMm: PHANTOM_FIELD_MM };
  return {
    ...caseSource(name, cases, async ({ index }) => phantomCase({ ...made, index })),
    intensity: modality === "CT" ? softTissueWindow : mrPercentile,
    shortSidesMm: async () => cases.map(() => PHANTOM_FIELD_MM),
    lists: {
      train: { train: ids.slice(0, train) },
      val: ids.slice(train, train + validate),
      test: ids.slice(train + validate),
    },
  };
}
