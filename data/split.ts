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
  /** Cases that neither train nor choose an epoch; absent unless a list names some. */
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

type Fail = (field: string, problem: string, mend: string) => never;
const FORM = 'write {"train": […], "val": […]}';

/**
 * Reads a splits file's text. Three forms: a list of {train, val} (nnU-Net; `fold`, counted from 0, picks one; the
 * first where it is undefined), one {train, val}, or {train_ct, train_mr, val_paired} with one training list a modality
 * (any train_… and one val or val_…). A list "test" may go with any. Throws DataError.
 */
export function parseSplits(text: string, name: string, fold?: number): SplitLists {
  const fail: Fail = (field, problem, mend) => {
    throw new DataError(name, field, problem, mend);
  };
  const json = parseJson(text, name);
  if (!Array.isArray(json)) {
    if (fold !== undefined) fail("folds", "is one split, not a list of folds", "give no fold, or a file of several");
    return splitListsOf(json, "", fail);
  }
  if (json.length === 0) fail("folds", "the list is empty", "give at least one {train, val}");
  const chosen = fold ?? 0;
  if (!(Number.isInteger(chosen) && chosen >= 0 && chosen < json.length))
    fail("fold", `there is none after fold ${json.length}, the last`, "choose a fold of the file");
  return splitListsOf(json[chosen], `[${chosen}].`, fail);
}

function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text.replace(/^\ufeff/, ""));
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw new DataError(name, "json", problem, "mend the JSON", { cause });
  }
}

/** The lists of one object of the file; `at` is the object's place in it, for errors. */
function splitListsOf(json: unknown, at: string, fail: Fail): SplitLists {
  if (typeof json !== "object" || json === null) return fail(at || "root", "is no object of lists", FORM);
  const lists = Object.entries(json)
    .filter(([key]) => /^((train|val)(_[a-z0-9]+)*|test)$/i.test(key))
    .map(([key, value]): [string, string[]] => [key, namesOf(value, `${at}${key}`, fail)]);
  const train = Object.fromEntries(lists.filter(([key]) => /^train/i.test(key)));
  const [val, ...others] = lists.filter(([key]) => /^val/i.test(key)).map(([, ids]) => ids);
  const test = lists.find(([key]) => /^test$/i.test(key))?.[1];
  if (Object.keys(train).length === 0) fail(`${at}train`, "is missing", FORM);
  if (val === undefined || others.length > 0) {
    const problem = val === undefined ? "is missing" : "there is more than one validation list";
    return fail(`${at}val`, problem, "give one list of validation cases");
  }
  for (const [key, ids] of Object.entries(train)) {
    const validated = ids.filter((id) => val.includes(id));
    const tested = ids.filter((id) => test?.includes(id));
    const mend = "no patient may stand in both lists";
    if (validated.length) fail(`${at}${key}`, `${show(validated)} also validates`, mend);
    if (tested.length) fail(`${at}${key}`, `${show(tested)} is also tested on`, mend);
  }
  return { train, val, ...(test ? { test } : {}) };
}

/** A list of ids, each once, in the composed form that cases are named in. */
function namesOf(value: unknown, field: string, fail: Fail): string[] {
  if (!Array.isArray(value) || !value.every((v) => typeof v === "string"))
    return fail(field, "is no list of names", "list the case names as strings");
  const ids = value.map((id: string) => id.normalize("NFC"));
  const twice = ids.filter((id, i) => ids.indexOf(id) !== i);
  if (twice.length) fail(field, `${show(twice)} stands twice`, "list each case once");
  if (ids.length === 0) fail(field, "is empty", "list at least one case");
  return ids;
}

const named = (c: CaseName, ids: ReadonlySet<string>): boolean => ids.has(c.id) || ids.has(c.patient);

/**
 * Applies the lists to one set. If there are several training lists, it takes that of its `name` ("train_student"), or
 * the one whose names are all in the set. Throws DataError where a name is not, and where several lists fit.
 */
export function applySplit<C extends CaseName>(lists: SplitLists, cases: readonly C[], name: string): Split<C> {
  const known = namesOfCases(cases);
  const missing = (ids: readonly string[]): string[] => ids.filter((id) => !known.has(id));
  const training = Object.entries(lists.train);
  const own = training.find(([key]) => key.toLowerCase() === `train_${name}`);
  const fitting = training.filter(([, listed]) => missing(listed).length === 0);
  if (!own && fitting.length > 1)
    throw new DataError(
      name,
      "train",
      `its cases fit ${fitting.map(([key]) => key).join(" and ")} of the splits alike`,
      `call its list train_${name}, or give it a splits.json of its own`,
    );
  const [, ids] =
    own ??
    training.reduce((best, list) =>
      missing(list[1]).length / list[1].length < missing(best[1]).length / best[1].length ? list : best,
    );
  const lost = missing(ids);
  if (lost.length) throw notInFolder(name, "train", lost);
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
 * Throws DataError where lists name a case to validate or to test on that is not among `cases`: on fewer it would be
 * another test. Of lists that train several sets nothing is asked unless `areAll` their cases are there.
 */
export function refuseUnknown(
  { train, val, test = [] }: SplitLists,
  cases: readonly CaseName[],
  { name, areAll }: { readonly name: string; readonly areAll: boolean },
): void {
  if (!areAll && Object.keys(train).length > 1) return;
  const known = namesOfCases(cases);
  for (const [field, ids] of Object.entries({ val, test })) {
    const lost = ids.filter((id) => !known.has(id));
    if (lost.length) throw notInFolder(name, field, lost);
  }
}

const namesOfCases = (cases: readonly CaseName[]): Set<string> => new Set(cases.flatMap((c) => [c.id, c.patient]));

const notInFolder = (name: string, field: string, ids: readonly string[]): DataError =>
  new DataError(
    name,
    field,
    `${show(ids)} is in the splits but not in the folder`,
    "add the case or take it out of the splits",
  );

/**
 * Draws the patients that validate from the seed: `fraction` of them, at least one. Throws DataError with fewer than
 * two patients.
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
    Array.from(permutation(patients.length, keyOf(seed, "split")).subarray(0, count), (i) => patients[i]!),
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
 * Throws DataError where a set would have nothing to train on or overlaps, or a list names a case that no set has.
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
  for (const [name, told] of Object.entries<SplitLists | undefined>(lists))
    if (told) refuseUnknown(told, [...student, ...teacher], { name, areAll: teacher.length > 0 });
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
