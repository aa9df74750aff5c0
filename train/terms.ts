// Weighted sums of losses, where a term of weight 0 is not even computed, and what the log calls them.
import { type Tensor, UsageError, weightedSum } from "../engine/index.ts";
import type { Losses } from "./regime.ts";

/** Terms of a sum by name: weight, and what computes it. */
export type Terms = Readonly<Record<string, readonly [weight: number, term: () => Tensor]>>;

/**
 * What is minimized together, by the optimizer: translators, segmentors, DRIT's encoders and generator on encoded
 * styles, the same on random styles.
 */
export type Sum = "G" | "S" | "EG" | "Z";

/** What the log calls a sum and those of its terms that go by another name there. */
interface LogNames {
  readonly total: string;
  readonly terms: Readonly<Record<string, string>>;
}

// What segmentors add to a translator's sum.
const tied = { hint: "hintG", segPM: "segPMG" };

const LOG_NAMES: Readonly<Record<Sum, LogNames>> = {
  G: { total: "lossG", terms: tied },
  EG: { total: "lossEG", terms: tied },
  Z: { total: "lossZ", terms: {} },
  S: {
    total: "lossS",
    terms: {
      seg: "diceCT",
      segPM: "dicePM",
      segRM: "diceRM",
      segPC: "dicePC",
      hint: "hintS",
      outputs: "distS",
    },
  },
};

const logName = (sum: Sum, term: string): string => LOG_NAMES[sum].terms[term] ?? term;

/** A sum's terms and its total as the log has them, in this order. */
export function logged(sum: Sum, terms: Losses, total: Tensor): Losses {
  const named = Object.entries(terms).map(([term, value]) => [logName(sum, term), value] as const);
  return { ...Object.fromEntries(named), [LOG_NAMES[sum].total]: total };
}

export interface Weighed {
  /** What an optimizer minimizes. Scalar. */
  readonly total: Tensor;
  /** The terms whose weight is not 0, unweighted, and the total, by their names in the log. */
  readonly losses: Losses;
}

/** The weighted sum of terms. Throws UsageError where every weight is 0. */
export function weigh(sum: Sum, terms: Terms): Weighed {
  const used = Object.entries(terms)
    .filter(([, [weight]]) => weight !== 0)
    .map(([name, [weight, term]]) => ({ name, weight, value: term() }));
  if (used.length === 0) {
    const names = Object.keys(terms).map((term) => logName(sum, term));
    throw new UsageError(
      `every term of ${LOG_NAMES[sum].total} has weight 0; give one of ${names.join(", ")} a weight`,
    );
  }
  const total = weightedSum(used.map(({ weight, value }) => [weight, value]));
  return { total, losses: logged(sum, Object.fromEntries(used.map(({ name, value }) => [name, value])), total) };
}

/** f, run at its first call only. */
export function once<T extends object>(f: () => T): () => T {
  let value: T | undefined;
  return () => {
    value ??= f();
    return value;
  };
}
