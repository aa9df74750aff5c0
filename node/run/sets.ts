// The slices of a run, by the ids of its configuration: what its regime reads, and nothing else.
import type { IntensityRule } from "../../data/intensity.ts";
import type { SliceSet } from "../../data/slices.ts";
import type { TrainConfig } from "../../train/config/config.ts";
import type { Regime } from "../../train/regime.ts";
import { type Dataset, type CaseImage, type SliceLoadOptions, loadImageSlices, loadSlices } from "../dataset/index.ts";
import { CommandError } from "../errors.ts";
import type { Narrator } from "../narrator.ts";
import type { RunSets } from "./train.ts";

/**
 * Throws CommandError where a case is gone, DataError as loadSlices. `teacher` is needed where `inputs` names xM, its
 * masks where yM.
 */
export async function loadRunSets(
  config: TrainConfig,
  inputs: Regime["inputs"],
  student: Dataset,
  teacher: Dataset<CaseImage> | undefined,
  narrator: Narrator,
): Promise<RunSets> {
  const { data, cases, seed } = config;
  const load = async <C extends CaseImage>(
    what: string,
    set: Dataset<C>,
    ids: readonly string[],
    rule: IntensityRule,
    read: (files: readonly C[], name: string, options: SliceLoadOptions) => Promise<SliceSet>,
    negatives: number | "all" = data.negatives,
  ): Promise<SliceSet> => {
    const bar = narrator.bar(`reading ${what}`, ids.length);
    const options: SliceLoadOptions = {
      grid: { fieldMm: data.fieldMm!, size: data.size },
      rule,
      seed,
      labels: data.labels,
      negatives,
      onProgress: ({ id }) => bar.advance(id),
      onWarning: (m) => narrator.say(m),
    };
    try {
      return await read(pick(set, ids), set.folder, options);
    } finally {
      bar.done();
    }
  };
  const labelled = (set: Dataset<CaseImage>): set is Dataset => set.layout.kind !== "images";
  const taught = async (): Promise<SliceSet | undefined> => {
    if (!teacher || !inputs.includes("xM")) return undefined;
    if (!inputs.includes("yM"))
      return load("teacher", teacher, cases.teacherTrain, data.teacherIntensity, loadImageSlices);
    if (!labelled(teacher)) throw new CommandError("data", `${teacher.folder}: masks are needed by ${config.regime}`);
    return load("teacher", teacher, cases.teacherTrain, data.teacherIntensity, loadSlices);
  };
  return {
    student: await load("student", student, cases.studentTrain, data.studentIntensity, loadSlices),
    teacher: await taught(),
    validation: await load("validation", student, cases.studentVal, data.studentIntensity, loadSlices, "all"),
  };
}

const pick = <C extends CaseImage>(set: Dataset<C>, ids: readonly string[]): C[] =>
  ids.map((id) => {
    const found = set.cases.find((c) => c.id === id);
    if (!found)
      throw new CommandError(
        "data",
        `${set.folder}: case ${id} of the run is gone; put its files back or start a new run`,
      );
    return found;
  });
