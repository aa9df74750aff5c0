// Splits drawn by patient: folds of a cross-validation, and patients kept for the test. What is drawn follows from the
// patients' names and a seed alone.
import { DataError } from "./errors.ts";
import { keyOf, permutation } from "./random.ts";
import type { CaseName } from "./split.ts";

/** Fold `fold` of `of`, counted from 1. */
export interface Fold {
  readonly fold: number;
  readonly of: number;
}

/** The cases of a fold: those that train, and those that validate. */
export interface DrawnFold<C extends CaseName> {
  readonly train: readonly C[];
  readonly val: readonly C[];
}

/**
 * A fold of a cross-validation: every `of`-th patient of an order that the seed draws validates, from the `fold`-th on;
 * the others train. Throws DataError with fewer patients than folds, or where there is no such fold.
 */
export function drawFold<C extends CaseName>(
  cases: readonly C[],
  { fold, of }: Fold,
  name: string,
  seed = 0,
): DrawnFold<C> {
  const patients = patientsOf(cases);
  if (!(Number.isInteger(of) && of >= 2 && Number.isInteger(fold) && fold >= 1 && fold <= of))
    throw new DataError(name, "fold", `there is no fold ${fold} of ${of}`, "give one from 1 to a number of at least 2");
  if (patients.length < of) {
    const problem = `${patients.length} patients are too few for ${of} folds`;
    throw new DataError(name, "folds", problem, "give at most as many folds as there are patients");
  }
  const order = permutation(patients.length, keyOf(seed, "folds"));
  const val = new Set(Array.from(order, (i) => patients[i]!).filter((_, i) => i % of === fold - 1));
  return { train: cases.filter((c) => !val.has(c.patient)), val: cases.filter((c) => val.has(c.patient)) };
}

/**
 * Draws the patients that are kept for the test: `share` of them, at least one. Throws DataError where none would be
 * left.
 */
export function drawTest<C extends CaseName>(
  cases: readonly C[],
  share: number,
  name: string,
  seed = 0,
): { test: readonly C[]; rest: readonly C[] } {
  const patients = patientsOf(cases);
  const count = Math.max(1, Math.round(share * patients.length));
  if (!(share > 0 && share < 1) || count >= patients.length) {
    const problem = `a share of ${share} of ${patients.length} patients can't be kept for the test`;
    throw new DataError(name, "test", problem, "give a share between 0 and 1 that leaves patients to train on");
  }
  const order = permutation(patients.length, keyOf(seed, "test"));
  const tested = new Set(Array.from(order.subarray(0, count), (i) => patients[i]!));
  return { test: cases.filter((c) => tested.has(c.patient)), rest: cases.filter((c) => !tested.has(c.patient)) };
}

const patientsOf = (cases: readonly CaseName[]): string[] => [...new Set(cases.map((c) => c.patient))].sort();
