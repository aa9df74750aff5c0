// What the values of a run's training images are like, kept beside its weights: images that are plainly something else
// are noticed before they train a network, or are segmented by one.
import { DataError } from "../data/errors.ts";
import type { IntensityRule, Range } from "../data/intensity.ts";
import { type Unlikeness, unlikeRule, unlikeSet } from "../data/likeness.ts";
import {
  KEPT_PERCENTILES,
  type SetStatistics,
  type ValueStatistics,
  setStatistics,
  statisticsOf,
} from "../data/value-statistics.ts";
import type { Volume } from "../data/volume.ts";

/** How many slices a set has, and how much of them is foreground. */
export interface SliceCounts {
  readonly count: number;
  /** Height and width of each, in pixels. */
  readonly size: number;
  /** Pixels of each structure, over all slices. */
  readonly foreground: readonly number[];
}

/** What statistics.json of a run holds. */
export interface RunStatistics {
  readonly version: 1;
  /** Of the images that train the student. */
  readonly student: SetStatistics;
  /** Absent where nothing teaches. */
  readonly teacher?: SetStatistics;
  /** Of the slices that train; absent in files of earlier versions. */
  readonly slices?: { readonly student: SliceCounts; readonly teacher?: SliceCounts };
}

/** Reads a statistics.json. Throws DataError where it is none of this version's. */
export function parseStatistics(text: string, path: string): RunStatistics {
  const mend =
    "put back the file that training wrote, or remove it: images are then not compared with those of training";
  const fail = (field: string, problem: string, cause?: unknown): never => {
    throw new DataError(path, field, problem, mend, { cause });
  };
  let found: Partial<RunStatistics>;
  try {
    found = JSON.parse(text) as Partial<RunStatistics>;
  } catch (cause) {
    return fail("json", "can't be read", cause);
  }
  const { version, student, teacher, slices } = found ?? {};
  if (version !== 1) return fail("version", "is not 1");
  if (!isSet(student)) return fail("student", "holds no statistics of a set");
  if (teacher !== undefined && !isSet(teacher)) return fail("teacher", "holds no statistics of a set");
  if (slices !== undefined && ![slices?.student, slices?.teacher ?? slices?.student].every(isCounts))
    return fail("slices", "holds no counts of slices");
  return found as RunStatistics;
}

const INTERVALS = ["least", "greatest", "airPeak", "air", "airAndFat", "soft", "dark"] as const;

/** A number as JSON keeps it: one that is not finite is null. */
const isNumber = (v: unknown): boolean => typeof v === "number" || v === null;
const areNumbers = (v: unknown): v is readonly unknown[] => Array.isArray(v) && v.every(isNumber);
const isInterval = (v: unknown): boolean => areNumbers(v) && v.length === 2;

function isSet(value: unknown): value is SetStatistics {
  const { rule, histogram, percentiles, farthest, ...set } = (value ?? {}) as Partial<SetStatistics>;
  const isRule = rule?.kind === "window" ? isNumber(rule.low) && isNumber(rule.high) : typeof rule?.kind === "string";
  return (
    isRule &&
    INTERVALS.every((name) => isInterval(set[name])) &&
    areNumbers(histogram) &&
    Array.isArray(percentiles) &&
    percentiles.length === KEPT_PERCENTILES.length &&
    percentiles.every(isInterval) &&
    isNumber(farthest)
  );
}

function isCounts(value: unknown): value is SliceCounts {
  const { count, size, foreground } = (value ?? {}) as Partial<SliceCounts>;
  return [count, size].every(Number.isInteger) && Array.isArray(foreground) && foreground.every(Number.isInteger);
}

/** The measured images of a set. */
export class MeasuredImages {
  readonly #images: { readonly id: string; readonly values: ValueStatistics }[] = [];
  constructor(readonly rule: IntensityRule) {}

  /** Adds what the values of an image are like. */
  add(id: string, values: ValueStatistics): void {
    this.#images.push({ id, values });
  }

  /** The statistics of all images added so far. */
  summary(): SetStatistics {
    return setStatistics(
      this.#images.map(({ values }) => values),
      this.rule,
    );
  }

  /**
   * What shows that images are not like those of `before`, or, where that is absent, plainly not in the unit that the
   * rule is for. Undefined where nothing does.
   */
  oddest(before?: SetStatistics): Unlikeness | undefined {
    const odd = this.#images.flatMap(({ id, values }) => {
      const unlike = before ? unlikeSet(values, before) : unlikeRule(values, this.rule);
      return unlike ? [{ id, unlike }] : [];
    });
    const [first] = odd;
    if (!first) return undefined;
    const others = odd.length === 1 ? "" : ` and ${odd.length - 1} others`;
    const { problem, mend } = first.unlike;
    return { problem: `of ${first.id}${others}, of ${this.#images.length} images: ${problem}`, mend };
  }
}

/** What shows that an image to be segmented is not like those that a run's student was trained on. */
export const oddImage = (image: Volume, range: Range, { student }: RunStatistics): Unlikeness | undefined =>
  unlikeSet(statisticsOf(image.data, range), student);
