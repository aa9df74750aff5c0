// The slices of a run, by the ids of its configuration: what its regime reads, and nothing else.
import { freemem } from "node:os";
import type { IntensityRule } from "../../data/intensity.ts";
import type { Slices } from "../../data/slices.ts";
import type { SetStatistics } from "../../data/value-statistics.ts";
import { type TrainConfig, structuresOf } from "../../train/config/config.ts";
import { makeRegime } from "../../train/regimes/make.ts";
import { bytesText } from "../bytes.ts";
import { CachedSlices, type SliceCache, type SliceLoadOptions } from "../dataset/index.ts";
import { CommandError } from "../errors.ts";
import type { Narrator } from "../narrator.ts";
import type { Source } from "./source.ts";
import { MeasuredImages, type Oddness, type RunStatistics, tell } from "./statistics.ts";

/** What a run trains on and is validated by: in memory, or on disk where it is larger than may be. */
export interface RunSets {
  readonly student: Slices;
  /** Absent where the regime reads no teacher. */
  readonly teacher: Slices | undefined;
  readonly validation: Slices;
  /** What the values of the images that train are like. */
  readonly statistics: RunStatistics;
  /** Of the slices that are in memory. */
  readonly bytesInMemory: number;
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
  /** Where prepared slices are kept for the next time. */
  readonly cache?: SliceCache | undefined;
  /** The most bytes of slices in memory: sets of more stay in the cache, and are read slice by slice. */
  readonly maxBytes?: number | undefined;
}

interface LoadedSet {
  readonly slices: Slices;
  readonly statistics: SetStatistics;
}

/**
 * Reads the cases that `config.cases` names, one volume in memory at a time. Throws CommandError where a case is gone, or
 * `maxBytes` is given without a cache; DataError where a file is wrong, every mask is empty, or images are plainly not in
 * the unit that they are taken for; FileError where the cache can't be written.
 */
export async function loadRunSets(
  config: TrainConfig,
  { student, teacher }: RunSources,
  narrator: Narrator,
  { odd = "refuse", before, cache, maxBytes }: RunSetsOptions = {},
): Promise<RunSets> {
  if (maxBytes !== undefined && !cache)
    throw new CommandError("usage", "slices can't be kept out of memory without a cache; name its folder");
  const { data, cases, seed } = config;
  const readsTeacher = makeRegime(config).inputs.includes("xM");
  const room = new Room(narrator);
  const load = async (
    what: "student" | "teacher" | "validation",
    source: Source,
    ids: readonly string[],
    rule: IntensityRule,
    negatives: number | "all" = data.negatives,
  ): Promise<LoadedSet> => {
    const measured = new MeasuredImages(rule);
    const bar = narrator.bar(`reading ${what}`, ids.length);
    try {
      const options: SliceLoadOptions = {
        ...slicingOf(config),
        rule,
        seed,
        labels: data.labels,
        negatives,
        onProgress: ({ id, bytes }) => {
          bar.advance(id);
          if (maxBytes === undefined) room.judge(what, bytes);
        },
        onWarning: (message) => narrator.say(message),
        onValues: (id, values) => measured.add(id, values),
      };
      const slices =
        cache && source.cacheSlices
          ? await source.cacheSlices(ids, cache, options)
          : await source.loadSlices(ids, options);
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
  const ofValidation = await load("validation", student, cases.studentVal, data.studentIntensity, "all");
  const bytes = [ofStudent, ofTeacher, ofValidation].reduce((sum, set) => sum + (set ? bytesOf(set.slices) : 0), 0);
  const isStreamed = maxBytes !== undefined && bytes > maxBytes;
  const placed = (slices: Slices): Slices =>
    slices instanceof CachedSlices && !isStreamed ? slices.inMemory() : slices;
  const sets = {
    student: placed(ofStudent.slices),
    teacher: ofTeacher && placed(ofTeacher.slices),
    validation: placed(ofValidation.slices),
  };
  if (cache) narrator.say(await cacheText(cache, bytes, isStreamed));
  return {
    ...sets,
    statistics: {
      version: 1,
      student: ofStudent.statistics,
      ...(ofTeacher && { teacher: ofTeacher.statistics }),
    },
    bytesInMemory: isStreamed ? 0 : bytes,
  };
}

const bytesOf = ({ count, size }: Slices): number => count * 5 * size ** 2;

/** "slices: 3 of 10 cases were prepared before; 1.5 GiB, read from disk as they are needed; DIR holds 4.2 GiB". */
async function cacheText(cache: SliceCache, bytes: number, isStreamed: boolean): Promise<string> {
  const where = isStreamed ? "read from disk as they are needed" : "in memory";
  return (
    `slices: ${cache.found} of ${cache.found + cache.made} cases were prepared before; ${bytesText(bytes)}, ${where}; ` +
    `${cache.folder} holds ${bytesText(await cache.bytes())} and may be deleted`
  );
}

/** Tells, once, of slices in memory that take more than half of what is free. */
class Room {
  readonly #free = process.availableMemory?.() ?? freemem();
  #before = 0;
  #at = { what: "", bytes: 0 };
  #isTold = false;

  constructor(readonly narrator: Narrator) {}

  /** Hears of the bytes of a set so far. */
  judge(what: string, bytes: number): void {
    if (what !== this.#at.what) this.#before += this.#at.bytes;
    this.#at = { what, bytes };
    const all = this.#before + bytes;
    if (this.#isTold || all <= this.#free / 2) return;
    this.#isTold = true;
    this.narrator.say(
      `warning: slices take ${bytesText(all)} so far, more than half of the ${bytesText(this.#free)} that were free; ` +
        "--max-memory 2GB would keep those of a larger set on disk",
    );
  }
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
