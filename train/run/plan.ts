// From a configuration as it was asked for to a whole one: what the cases decide.
import type { IntensityRule } from "../../data/intensity.ts";
import { defaultFieldMm } from "../../data/slices.ts";
import { type CaseName, type SplitLists, type UnpairedSplit, splitUnpaired } from "../../data/split.ts";
import type { TrainConfig } from "../config/config.ts";
import { type Named, namesOf, refuseOtherNames } from "./label-names.ts";
import { type LandmarksProgress, withLandmarks } from "./landmarks.ts";
import type { TrainingSources } from "./sets.ts";

export interface PlanCasesOptions {
  /** Which cases train and validate; where they are not given, patients are split by the seed. */
  readonly lists?: { readonly student?: SplitLists; readonly teacher?: SplitLists };
  onProgress?(progress: LandmarksProgress): void;
}

/**
 * The whole configuration of a run of sources: with the cases of each set, the field, and the landmarks that are to be
 * learned. Throws DataError where the lists name no case or share a patient, as withCases, and as withLandmarks.
 */
export async function planCases(
  asked: TrainConfig,
  { student, teacher }: TrainingSources,
  { lists = {}, onProgress }: PlanCasesOptions = {},
): Promise<TrainConfig> {
  const split = splitUnpaired(student.cases, teacher?.cases ?? [], { seed: asked.seed, lists });
  const sides =
    asked.data.fieldMm === null ? [...(await student.shortSidesMm()), ...((await teacher?.shortSidesMm()) ?? [])] : [];
  return withLandmarks(withCases(asked, { student, teacher }, split, sides), { student, teacher }, onProgress);
}

/**
 * With the cases of a split; the names of the structures, where the student's source tells them; and a field where none
 * is given: the median of `sidesMm`, the short sides of all slices. Throws DataError where the two sources call a label
 * that is wanted by two names.
 */
export function withCases(
  asked: TrainConfig,
  { student, teacher }: Readonly<Record<"student", Named>> & { readonly teacher?: Named | undefined },
  split: UnpairedSplit,
  sidesMm: readonly number[],
): TrainConfig {
  if (teacher) refuseOtherNames(asked.data.labels, student, teacher);
  return {
    ...asked,
    data: {
      ...forgetLandmarks(asked),
      names: namesOf(asked.data, student),
      fieldMm: asked.data.fieldMm ?? Math.round(defaultFieldMm(sidesMm)),
    },
    cases: {
      studentTrain: idsOf(split.student.train),
      studentVal: idsOf(split.student.val),
      teacherTrain: idsOf(split.teacher.train),
    },
  };
}

/**
 * The data of a configuration. Where it is that of an earlier run, its landmarks are that run's: its split is drawn
 * again, and they may have been learned from images that now validate.
 */
function forgetLandmarks({ data, cases }: TrainConfig): TrainConfig["data"] {
  if (cases.studentTrain.length === 0) return data;
  const forgotten = (rule: IntensityRule): IntensityRule =>
    rule.kind === "histogram" ? { ...rule, landmarks: null } : rule;
  return {
    ...data,
    studentIntensity: forgotten(data.studentIntensity),
    teacherIntensity: forgotten(data.teacherIntensity),
  };
}

export const idsOf = (cases: readonly CaseName[]): string[] => cases.map((c) => c.id);
