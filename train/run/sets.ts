// The slices of a run, by the ids of its configuration: what its regime reads, and nothing else.
import type { Progress, SliceLoadOptions } from "../../data/collect-slices.ts";
import { DataError, printable } from "../../data/errors.ts";
import type { IntensityRule } from "../../data/intensity.ts";
import type { Unlikeness } from "../../data/likeness.ts";
import type { Slices } from "../../data/slices.ts";
import type { SetStatistics } from "../../data/value-statistics.ts";
import { type TrainConfig, structuresOf } from "../config/config.ts";
import { makeRegime } from "../regimes/make.ts";
import { MeasuredImages, type RunStatistics, type SliceCounts } from "../statistics.ts";
import type { CaseSource } from "./case-source.ts";
import { refuseOtherNames } from "./label-names.ts";

/** What a run trains on and is validated by, wherever the slices are kept. */
export interface TrainingSets {
  readonly student: Slices;
  /** Absent where the regime reads no teacher. */
  readonly teacher: Slices | undefined;
  readonly validation: Slices;
  /** What the values of the images that train are like, and how many slices there are of what. */
  readonly statistics: RunStatistics & Required<Pick<RunStatistics, "slices">>;
}

export interface TrainingSources<S extends CaseSource = CaseSource> {
  readonly student: S;
  /** Absent where the regime reads no teacher. */
  readonly teacher?: S | undefined;
}

export type SetName = "student" | "teacher" | "validation";

/** One of a run's sets that is to be read. */
export interface SetToRead<S extends CaseSource = CaseSource> {
  readonly what: SetName;
  readonly source: S;
  readonly ids: readonly string[];
  readonly options: SliceLoadOptions;
}

/** Progress: how many cases of a set are read. */
export interface SetProgress extends Progress {
  readonly what: SetName;
}

export interface MakeSetsOptions<S extends CaseSource = CaseSource> {
  /** What the run's images were like when it began, which is then what they are compared with. */
  readonly before?: RunStatistics | undefined;
  /** Hears of each case once it is read; the next one waits for it. */
  onProgress?(progress: SetProgress): void | Promise<void>;
  /** Hears what is odd about files. */
  onWarning?(message: string): void;
  /** Ends reading after a case, with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Gives the slices of a set. Default: in memory, by `source.loadSlices`. */
  read?(set: SetToRead<S>): Promise<Slices>;
  /** Hears of images of a set that are plainly not what they are taken for; it may throw. */
  onOdd?(found: Unlikeness, source: S): void;
}

/** How a configuration cuts slices. */
export const slicingOf = ({ data: { fieldMm, size, slices, fieldAt } }: TrainConfig) => ({
  grid: { fieldMm: fieldMm!, size },
  slices,
  fieldAt,
});

/**
 * The sets of the cases that `config.cases` names, one volume in memory at a time. Throws DataError where a case is
 * gone or can't be read, where every mask is empty or holds a class beyond the structures, and where student and
 * teacher call a label that is wanted by two names; the reason of `signal`.
 */
export async function makeSets<S extends CaseSource>(
  config: TrainConfig,
  { student, teacher }: TrainingSources<S>,
  {
    before,
    read = ({ source, ids, options }) => source.loadSlices(ids, options),
    onProgress,
    onWarning,
    onOdd,
    signal,
  }: MakeSetsOptions<S> = {},
): Promise<TrainingSets> {
  const { data, cases, seed } = config;
  const { inputs } = makeRegime(config);
  const readsTeacher = inputs.includes("xM");
  if (teacher && inputs.includes("yM")) refuseOtherNames(data.labels, student, teacher);
  const load = async (
    what: SetName,
    source: S,
    ids: readonly string[],
    rule: IntensityRule,
    negatives: number | "all" = data.negatives,
  ): Promise<{ slices: Slices; statistics: SetStatistics }> => {
    const measured = new MeasuredImages(rule);
    const options: SliceLoadOptions = {
      ...slicingOf(config),
      ...{ rule, seed, labels: data.labels, negatives },
      onValues: (id, values) => measured.add(id, values),
      onProgress: async (progress) => {
        await onProgress?.({ ...progress, what });
        signal?.throwIfAborted();
      },
      onWarning: (message) => onWarning?.(message),
    };
    signal?.throwIfAborted();
    const slices = await read({ what, source, ids, options });
    // A teacher that is read for other runs' sake is scaled by a rule that is not for it.
    const isJudged = what !== "teacher" || readsTeacher;
    const odd = isJudged && measured.oddest(what === "teacher" ? before?.teacher : before?.student);
    if (odd) onOdd?.(odd, source);
    return { slices, statistics: measured.summary() };
  };
  const ofStudent = await load("student", student, cases.studentTrain, data.studentIntensity);
  const ofTeacher = teacher && (await load("teacher", teacher, cases.teacherTrain, data.teacherIntensity));
  const ofValidation = await load("validation", student, cases.studentVal, data.studentIntensity, "all");
  const structures = structuresOf(config);
  return {
    student: ofStudent.slices,
    teacher: ofTeacher?.slices,
    validation: ofValidation.slices,
    statistics: {
      version: 1,
      student: ofStudent.statistics,
      ...(ofTeacher && { teacher: ofTeacher.statistics }),
      slices: {
        student: countSlices(ofStudent.slices, structures, student.name),
        ...(ofTeacher && { teacher: countSlices(ofTeacher.slices, structures, teacher!.name) }),
      },
    },
  };
}

/**
 * How much of a set's masks is of each of so many structures; `name` is what messages call the set. Throws DataError
 * where a mask holds a class beyond them, and where slices on disk can't be read.
 */
export function countSlices(set: Slices, structures: number, name: string): SliceCounts {
  const { count, size } = set;
  const foreground = new Array<number>(structures).fill(0);
  const mask = new Uint8Array(size ** 2);
  for (let i = 0; i < count; i++) {
    set.copyMask(i, mask);
    for (const k of mask) {
      if (k > structures) throw beyondStructures(name, set.origins[i]?.id, k, structures);
      if (k > 0) foreground[k - 1]! += 1;
    }
  }
  return { count, size, foreground };
}

function beyondStructures(name: string, id: string | undefined, k: number, structures: number): DataError {
  const problem = `of ${printable(id ?? "a case")} holds class ${k}, of ${structures} structure${structures === 1 ? "" : "s"}`;
  return new DataError(name, "mask", problem, "give masks of class numbers, or all labels in data.labels");
}

/** With the shares of the structures in the training set, where the masks are to start at those. */
export function withPrior(
  config: TrainConfig,
  { student, teacher }: NonNullable<RunStatistics["slices"]>,
): TrainConfig {
  const { networks } = config;
  if (networks.segmentor.prior !== "data") return config;
  const structures = structuresOf(config);
  const counts = new Array<number>(structures).fill(0);
  let pixels = 0;
  for (const { count, size, foreground } of [student, teacher ?? student]) {
    // A teacher whose masks are not read has none to count.
    if (foreground.every((n) => n === 0)) continue;
    pixels += count * size ** 2;
    foreground.forEach((n, k) => (counts[k]! += n));
  }
  // Nothing starts below one pixel of a slice: a logarithm of 0 would never come back.
  const least = 1 / (student.size * student.size);
  const shares = counts.map((count) => Math.max(least, pixels === 0 ? 0 : count / pixels));
  const prior = structures === 1 ? shares[0]! : shares;
  return { ...config, networks: { ...networks, segmentor: { ...networks.segmentor, prior } } };
}
