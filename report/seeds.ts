// Rows that were each trained by several seeds, compared with the seed as the unit: patients of one seed share one pair
// of networks and so are no independent evidence about a method.
import { type Interval, meanInterval } from "../metrics/interval.ts";
import { type Summary, summarize } from "../metrics/summary.ts";
import { fewestPairs, wilcoxon } from "../metrics/wilcoxon.ts";
import { LEVEL } from "./comparison.ts";

/** What a run of one seed scored. */
export interface SeedRun {
  readonly seed: number;
  /** Dice by patient. */
  readonly patients: Readonly<Record<string, number>>;
  /** False where all its masks are worth nothing: Dice 0 or one constant for every patient. */
  readonly learned: boolean;
}

/** A row's mean Dice over its seeds. */
export interface SeedSummary extends Summary {
  /** Runs that learned nothing; they count with their Dice. */
  readonly failed: number;
}

export const meanOf = ({ patients }: SeedRun): number => summarize(Object.values(patients)).mean;

export const summarizeSeeds = (runs: readonly SeedRun[]): SeedSummary => ({
  ...summarize(runs.map(meanOf)),
  failed: runs.filter((run) => !run.learned).length,
});

/** A row against another, on the seeds that both have. */
export interface SeedComparison {
  /** Mean difference over seeds and its 95 % confidence interval; without bounds where nothing is tested. */
  readonly difference: Interval;
  /** Seeds in which the row is ahead. */
  readonly ahead: number;
  /** Of the two-sided Wilcoxon signed-rank test over seeds; NaN where nothing is tested. */
  readonly p: number;
  /** Seeds in which the patients of the seed differ with p < 0.05, to the row's advantage and to its disadvantage. */
  readonly patientsAhead: number;
  readonly patientsBehind: number;
  /**
   * Seeds in which either run learned nothing; they count with their Dice. Where that is half of a row's runs or more,
   * the row learned nothing, and nothing is tested.
   */
  readonly failed: readonly number[];
}

export function compareSeeds(runs: readonly SeedRun[], reference: readonly SeedRun[]): SeedComparison {
  const pairs = runs.flatMap((run) => {
    const other = reference.find(({ seed }) => seed === run.seed);
    return other ? [{ run, other }] : [];
  });
  const a = pairs.map(({ run }) => meanOf(run));
  const b = pairs.map(({ other }) => meanOf(other));
  const interval = meanInterval(a.map((v, i) => v - b[i]!));
  const failed = pairs.filter(({ run, other }) => !run.learned || !other.learned).map(({ run }) => run.seed);
  const isTested = didLearn(pairs.map(({ run }) => run)) && didLearn(pairs.map(({ other }) => other));
  const within = isTested ? pairs.map(({ run, other }) => withinSeed(run, other)) : [];
  return {
    difference: isTested ? interval : { ...interval, low: NaN, high: NaN },
    ahead: a.filter((v, i) => v > b[i]!).length,
    p: isTested ? wilcoxon(a, b).p : NaN,
    patientsAhead: within.filter((side) => side > 0).length,
    patientsBehind: within.filter((side) => side < 0).length,
    failed,
  };
}

/** Whether most of a row's runs learned something. */
const didLearn = (runs: readonly SeedRun[]): boolean => 2 * runs.filter((run) => run.learned).length > runs.length;

/**
 * 1 where the patients are better by one run than by the other with p < 0.05, −1 where they are worse, else 0; 0 too
 * where they are so few that only ties could bring p there.
 */
function withinSeed(run: SeedRun, other: SeedRun): number {
  const ids = Object.keys(run.patients).filter((id) => id in other.patients);
  if (ids.length < fewestPairs(LEVEL)) return 0;
  const a = ids.map((id) => run.patients[id]!);
  const b = ids.map((id) => other.patients[id]!);
  return wilcoxon(a, b).p < LEVEL ? Math.sign(summarize(a.map((v, i) => v - b[i]!)).mean) : 0;
}
