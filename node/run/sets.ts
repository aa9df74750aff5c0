// The slices of a run, by the ids of its configuration: what its regime reads, and nothing else.
import type { IntensityRule } from "../../data/intensity.ts";
import type { Slices } from "../../data/slices.ts";
import type { SetStatistics } from "../../data/value-statistics.ts";
import { type TrainConfig, structuresOf } from "../../train/config/config.ts";
import { makeRegime } from "../../train/regimes/make.ts";
import type { Narrator } from "../narrator.ts";
import type { Source } from "./source.ts";
import { MeasuredImages, type Oddness, type RunStatistics, tell } from "./statistics.ts";

/** What a run trains on and is validated by. */
export interface RunSets {
  readonly student: Slices;
  /** Absent where the regime reads no teacher. */
  readonly teacher: Slices | undefined;
  readonly validation: Slices;
  /** What the values of the images that train are like. */
  readonly statistics: RunStatistics;
}

export interface RunSources {
  readonly student: Source;
  /** Absent where the regime reads no teacher. */
  readonly teacher?: Source | undefined;
}

export interface RunSetsOptions {
  /** What is done with images that are plainly not what they are taken for. Default "refuse". */
  readonly odd?: Oddness;
  /** What the run's images were like when it began, which is then what they are compared with. */
  readonly before?: RunStatistics | undefined;
}

/**
 * Reads the cases that `config.cases` names, one volume in memory at a time. Throws CommandError where a case is gone,
 * DataError where a file is wrong, every mask is empty, or images are plainly not in the unit that they are taken for.
 */
export async function loadRunSets(
  config: TrainConfig,
  { student, teacher }: RunSources,
  narrator: Narrator,
  { odd = "refuse", before }: RunSetsOptions = {},
): Promise<RunSets> {
  const { data, cases, seed } = config;
  const readsTeacher = makeRegime(config).inputs.includes("xM");
  const load = async (
    what: "student" | "teacher" | "validation",
    source: Source,
    ids: readonly string[],
    rule: IntensityRule,
    negatives: number | "all" = data.negatives,
  ): Promise<{ slices: Slices; statistics: SetStatistics }> => {
    const measured = new MeasuredImages(rule);
    const bar = narrator.bar(`reading ${what}`, ids.length);
    try {
      const slices = await source.loadSlices(ids, {
        ...slicingOf(config),
        rule,
        seed,
        labels: data.labels,
        negatives,
        onProgress: ({ id }) => bar.advance(id),
        onWarning: (message) => narrator.say(message),
        onVolume: (loaded, range) => measured.add(loaded, range),
      });
      const earlier = what === "teacher" ? before?.teacher : before?.student;
      // A teacher that is read for other runs' sake is scaled by a rule that is not for it.
      if (what !== "teacher" || readsTeacher) tell(measured.oddest(source.name, earlier), odd, narrator);
      return { slices, statistics: measured.summary() };
    } finally {
      bar.done();
    }
  };
  const ofStudent = await load("student", student, cases.studentTrain, data.studentIntensity);
  const ofTeacher = teacher && (await load("teacher", teacher, cases.teacherTrain, data.teacherIntensity));
  const validation = await load("validation", student, cases.studentVal, data.studentIntensity, "all");
  return {
    student: ofStudent.slices,
    teacher: ofTeacher?.slices,
    validation: validation.slices,
    statistics: {
      version: 1,
      student: ofStudent.statistics,
      ...(ofTeacher && { teacher: ofTeacher.statistics }),
    },
  };
}

/** How a configuration cuts slices. */
export const slicingOf = ({ data: { fieldMm, size, slices, fieldAt } }: TrainConfig) => ({
  grid: { fieldMm: fieldMm!, size },
  slices,
  fieldAt,
});

/** With the shares of the structures in the training set, where the masks are to start at those. */
export function withPrior(
  config: TrainConfig,
  { student, teacher }: Pick<RunSets, "student" | "teacher">,
): TrainConfig {
  const { networks } = config;
  if (networks.segmentor.prior !== "data") return config;
  const structures = structuresOf(config);
  const counts = new Array<number>(structures).fill(0);
  let pixels = 0;
  for (const set of [student, teacher ?? student]) {
    const found = classPixels(set, structures);
    // A teacher whose masks are not read has none to count.
    if (found.every((count) => count === 0)) continue;
    pixels += set.count * set.size ** 2;
    found.forEach((count, k) => (counts[k]! += count));
  }
  // Nothing starts below one pixel of a slice: a logarithm of 0 would never come back.
  const least = 1 / (student.size * student.size);
  const shares = counts.map((count) => Math.max(least, pixels === 0 ? 0 : count / pixels));
  const prior = structures === 1 ? shares[0]! : shares;
  return { ...config, networks: { ...networks, segmentor: { ...networks.segmentor, prior } } };
}

/** Pixels of each of so many classes in a set's masks. */
function classPixels(set: Slices, classes: number): number[] {
  const counts = new Array<number>(classes).fill(0);
  const mask = new Uint8Array(set.size ** 2);
  for (let i = 0; i < set.count; i++) {
    set.copyMask(i, mask);
    for (const k of mask) if (k > 0) counts[k - 1]! += 1;
  }
  return counts;
}
