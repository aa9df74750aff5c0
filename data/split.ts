// Which cases train and which validate: by patient, never overlapping, from a seed or from a splits.json.
import { DataError, printable } from "./errors.ts";
import { keyOf, permutation } from "./random.ts";

export interface CaseName {
  readonly id: string;
  readonly patient: string;
}

export interface Split<C extends CaseName = CaseName> {
  readonly train: readonly C[];
  readonly val: readonly C[];
  /** Cases that neither train nor choose an epoch; where there are lists that name some. */
  readonly test?: readonly C[];
}

/** Lists of case (or patient) ids, as a file gives them. */
export interface SplitLists {
  /**
   * Name of a training list → ids. One list for nnU-Net's folds ("train"), one a modality for unpaired sets
   * ("train_ct", "train_mr").
   */
  readonly train: Readonly<Record<string, readonly string[]>>;
  readonly val: readonly string[];
  readonly test?: readonly string[];
}

const show = (ids: readonly string[]): string =>
  printable(ids.slice(0, 5).join(", ") + (ids.length > 5 ? `, … (${ids.length})` : ""));

/**
 * Reads a splits file's text. Three forms: a list of {train, val} (nnU-Net; `fold` picks one), one {train, val}, or
 * {train_ct, train_mr, val_paired} with one training list a modality (any train_… and one val or val_…). A list
 * "test" may go with any. Throws DataError.
 */
export function parseSplits(text: string, name: string, fold = 0): SplitLists {
  const bad = (field: string, problem: string, mend: string): never => {
    throw new DataError(name, field, problem, mend);
  };
  let json: unknown;
  try {
    json = JSON.parse(text.replace(/^\ufeff/, ""));
  } catch (cause) {
    throw new DataError(name, "json", cause instanceof Error ? cause.message : String(cause), "mend the JSON", {
      cause,
    });
  }
  let at = "";
  if (Array.isArray(json)) {
    if (json.length === 0) bad("folds", "the list is empty", "give at least one {train, val}");
    if (!(Number.isInteger(fold) && fold >= 0 && fold < json.length))
      bad("fold", `${fold} is none of 0 … ${json.length - 1}`, "choose a fold of the file");
    json = json[fold];
    at = `[${fold}].`;
  }
  if (typeof json !== "object" || json === null)
    bad(at || "root", "is no object of lists", 'write {"train": […], "val": […]}');
  const lists = new Map<string, string[]>();
  for (const [key, value] of Object.entries(json as object)) {
    if (!/^((train|val)(_[a-z0-9]+)*|test)$/i.test(key)) continue;
    if (!Array.isArray(value) || !value.every((v) => typeof v === "string"))
      bad(`${at}${key}`, "is no list of names", "list the case names as strings");
    const ids = value as string[];
    const twice = ids.filter((id, i) => ids.indexOf(id) !== i);
    if (twice.length) bad(`${at}${key}`, `${show(twice)} stands twice`, "list each case once");
    if (ids.length === 0) bad(`${at}${key}`, "is empty", "list at least one case");
    lists.set(key, ids);
  }
  const train = Object.fromEntries([...lists].filter(([key]) => /^train/i.test(key)));
  const vals = [...lists].filter(([key]) => /^val/i.test(key));
  if (Object.keys(train).length === 0) bad(`${at}train`, "is missing", 'write {"train": […], "val": […]}');
  if (vals.length !== 1)
    bad(
      `${at}val`,
      vals.length > 1 ? "there is more than one validation list" : "is missing",
      "give one list of validation cases",
    );
  const val = vals[0][1];
  const test = [...lists].find(([key]) => /^test$/i.test(key))?.[1];
  for (const [key, ids] of Object.entries(train)) {
    const both = ids.filter((id) => val.includes(id));
    const tested = ids.filter((id) => test?.includes(id));
    if (both.length) bad(`${at}${key}`, `${show(both)} also validates`, "no patient may stand in both lists");
    if (tested.length) bad(`${at}${key}`, `${show(tested)} is also tested on`, "no patient may stand in both lists");
  }
  return { train, val, ...(test ? { test } : {}) };
}

const named = (c: CaseName, ids: ReadonlySet<string>): boolean => ids.has(c.id) || ids.has(c.patient);

/**
 * The lists applied to one set. Where there are several training lists, the one whose names are all in the set is
 * meant.
 */
export function applySplit<C extends CaseName>(lists: SplitLists, cases: readonly C[], name: string): Split<C> {
  const known = new Set(cases.flatMap((c) => [c.id, c.patient]));
  const missing = (ids: readonly string[]): string[] => ids.filter((id) => !known.has(id));
  const [, ids] = Object.entries(lists.train).reduce((best, list) =>
    missing(list[1]).length / list[1].length < missing(best[1]).length / best[1].length ? list : best,
  );
  const lost = missing(ids);
  if (lost.length)
    throw new DataError(
      name,
      "train",
      `${show(lost)} is in the splits but not in the folder`,
      "add the case or take it out of the splits",
    );
  const trainIds = new Set(ids);
  const valIds = new Set(lists.val);
  const testIds = new Set(lists.test ?? []);
  return {
    train: cases.filter((c) => named(c, trainIds)),
    val: cases.filter((c) => named(c, valIds)),
    ...(testIds.size ? { test: cases.filter((c) => named(c, testIds)) } : {}),
  };
}

/**
 * A part (`fraction`, at least one patient) validates, drawn by patient from the seed. Throws DataError with fewer
 * than two patients.
 */
export function randomSplit<C extends CaseName>(
  cases: readonly C[],
  seed: number,
  fraction: number,
  name: string,
): Split<C> {
  if (!(fraction > 0 && fraction < 1))
    throw new DataError(name, "validation", `${fraction} is no part between 0 and 1`, "give 0.2 for a fifth");
  const patients = [...new Set(cases.map((c) => c.patient))].sort();
  if (patients.length < 2)
    throw new DataError(
      name,
      "patients",
      `${patients.length} cannot be split into training and validation`,
      "add a second patient",
    );
  const count = Math.min(patients.length - 1, Math.max(1, Math.round(fraction * patients.length)));
  const val = new Set(
    Array.from(permutation(patients.length, keyOf(seed, "split")).subarray(0, count), (i) => patients[i]),
  );
  return { train: cases.filter((c) => !val.has(c.patient)), val: cases.filter((c) => val.has(c.patient)) };
}

export interface UnpairedSplit<C extends CaseName = CaseName> {
  readonly student: Split<C>;
  readonly teacher: Split<C>;
}

export interface SplitOptions {
  readonly seed: number;
  /** Part of the student's patients that validates where no splits are given. Default 0.2. */
  readonly fraction?: number;
  /** Lists for the student and for the teacher (often the same file). */
  readonly lists?: { readonly student?: SplitLists; readonly teacher?: SplitLists };
}

/**
 * The split of both sets; the teacher's may be empty where none teaches. No patient who validates the student trains
 * either network: where the teacher has no lists of its own, its cases of those patients are kept for validation too.
 * Throws DataError where a set would have nothing to train on or overlaps.
 */
export function splitUnpaired<C extends CaseName>(
  student: readonly C[],
  teacher: readonly C[],
  { seed, fraction = 0.2, lists = {} }: SplitOptions,
): UnpairedSplit<C> {
  const s = lists.student
    ? applySplit(lists.student, student, "student")
    : randomSplit(student, seed, fraction, "student");
  const valPatients = new Set([...s.val, ...(s.test ?? [])].map((c) => c.patient));
  const t = lists.teacher
    ? applySplit(lists.teacher, teacher, "teacher")
    : {
        train: teacher.filter((c) => !valPatients.has(c.patient)),
        val: teacher.filter((c) => valPatients.has(c.patient)),
      };
  const split = { student: s, teacher: t };
  if (s.val.length === 0)
    throw new DataError(
      "student",
      "val",
      "no case validates",
      "name cases of the student's folder in the validation list",
    );
  for (const [role, { train }] of Object.entries(split)) {
    if (train.length === 0 && (role === "student" || teacher.length > 0))
      throw new DataError(role, "train", "no case is left to train on", "add cases or validate with fewer");
  }
  assertDisjoint(split);
  return split;
}

/** Throws DataError where a patient validates in one place and trains in another. */
export function assertDisjoint({ student, teacher }: UnpairedSplit): void {
  const training = new Set([...student.train, ...teacher.train].map((c) => c.patient));
  const both = [...new Set([...student.val, ...teacher.val, ...(student.test ?? [])].map((c) => c.patient))].filter(
    (p) => training.has(p),
  );
  if (both.length)
    throw new DataError(
      "splits",
      "patients",
      `${show(both)} would train and validate`,
      "no patient may stand in both lists",
    );
}
