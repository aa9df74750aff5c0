// The slices of a run, by the ids of its configuration: what its regime reads, and nothing else.
import type { IntensityRule } from "../../data/intensity.ts";
import type { SliceSet } from "../../data/slices.ts";
import type { TrainConfig } from "../../train/config/config.ts";
import type { Narrator } from "../narrator.ts";
import type { Source } from "./source.ts";

/** What a run trains on and is validated by. */
export interface RunSets {
  readonly student: SliceSet;
  /** Absent where the regime reads no teacher. */
  readonly teacher: SliceSet | undefined;
  readonly validation: SliceSet;
}

export interface RunSources {
  readonly student: Source;
  /** Absent where the regime reads no teacher. */
  readonly teacher?: Source | undefined;
}

/**
 * Reads the cases that `config.cases` names, one volume in memory at a time. Throws CommandError where a case is gone,
 * DataError where a file is wrong or every mask is empty.
 */
export async function loadRunSets(
  { data, cases, seed }: TrainConfig,
  { student, teacher }: RunSources,
  narrator: Narrator,
): Promise<RunSets> {
  const load = async (
    what: string,
    source: Source,
    ids: readonly string[],
    rule: IntensityRule,
    negatives: number | "all" = data.negatives,
  ): Promise<SliceSet> => {
    const bar = narrator.bar(`reading ${what}`, ids.length);
    try {
      return await source.loadSlices(ids, {
        grid: { fieldMm: data.fieldMm!, size: data.size },
        rule,
        seed,
        labels: data.labels,
        negatives,
        onProgress: ({ id }) => bar.advance(id),
        onWarning: (message) => narrator.say(message),
      });
    } finally {
      bar.done();
    }
  };
  return {
    student: await load("student", student, cases.studentTrain, data.studentIntensity),
    teacher: teacher && (await load("teacher", teacher, cases.teacherTrain, data.teacherIntensity)),
    validation: await load("validation", student, cases.studentVal, data.studentIntensity, "all"),
  };
}
