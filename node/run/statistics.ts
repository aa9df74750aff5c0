// What the values of a run's training images are like, kept in its folder: images that are plainly something else are
// noticed before they train a network, or are segmented by one.
import { DataError } from "../../data/errors.ts";
import type { IntensityRule, Range } from "../../data/intensity.ts";
import { type Unlikeness, unlikeRule, unlikeSet } from "../../data/likeness.ts";
import { type SetStatistics, type ValueStatistics, setStatistics, statisticsOf } from "../../data/value-statistics.ts";
import type { Volume } from "../../data/volume.ts";
import type { Narrator } from "../narrator.ts";

/** What statistics.json of a run holds. */
export interface RunStatistics {
  readonly version: 1;
  /** Of the images that train the student. */
  readonly student: SetStatistics;
  /** Absent where nothing teaches. */
  readonly teacher?: SetStatistics;
}

/** Reads a statistics.json. Throws DataError where it is none of this version's. */
export function parseStatistics(text: string, path: string): RunStatistics {
  const mend =
    "put back the file that training wrote, or remove it: images are then not compared with those of training";
  try {
    const found = JSON.parse(text) as RunStatistics;
    if (found.version === 1 && Array.isArray(found.student.histogram)) return found;
  } catch (cause) {
    throw new DataError(path, "json", "can't be read", mend, { cause });
  }
  throw new DataError(path, "version", "is not 1", mend);
}

/** What is done with images that are plainly not what they are taken for: an error is thrown, or they are told of. */
export type Oddness = "refuse" | "say" | "ignore";

/** The measured images of a set. */
export class MeasuredImages {
  readonly #images: { readonly id: string; readonly values: ValueStatistics }[] = [];
  constructor(readonly rule: IntensityRule) {}

  /** Adds what the values of an image are like. */
  add(id: string, values: ValueStatistics): void {
    this.#images.push({ id, values });
  }

  summary(): SetStatistics {
    return setStatistics(
      this.#images.map(({ values }) => values),
      this.rule,
    );
  }

  /**
   * The fault of images that are not like those of `before`, or, where that is absent, plainly not in the unit that
   * the rule is for. `folder` is what the DataError names.
   */
  oddest(folder: string, before?: SetStatistics): DataError | undefined {
    const odd = this.#images.flatMap(({ id, values }) => {
      const unlike = before ? unlikeSet(values, before) : unlikeRule(values, this.rule);
      return unlike ? [{ id, unlike }] : [];
    });
    const [first] = odd;
    if (!first) return undefined;
    const others = odd.length === 1 ? "" : ` and ${odd.length - 1} others`;
    return unlikeError(folder, first.unlike, `of ${first.id}${others}, of ${this.#images.length} images: `);
  }
}

/** The fault of an image to be segmented that is not like those that a run's student was trained on. */
export function oddImage(image: Volume, range: Range, path: string, { student }: RunStatistics): DataError | undefined {
  const unlike = unlikeSet(statisticsOf(image.data, range), student);
  return unlike && unlikeError(path, unlike);
}

/** Throws a fault, or tells of it. */
export function tell(fault: DataError | undefined, odd: Oddness, narrator: Narrator): void {
  if (!fault || odd === "ignore") return;
  if (odd === "refuse") throw fault;
  narrator.say(`going on by --force: ${fault.message}`);
}

const unlikeError = (file: string, { problem, mend }: Unlikeness, of = ""): DataError =>
  new DataError(file, "values", `${of}${problem}`, `${mend}; --force goes on all the same`);
