// How much several raters agree (Table IV): each against all others.
import { coefficientOfVariation } from "./similarity.ts";
import { summarize } from "./summary.ts";

/** What two raters' masks of one case score against each other. */
export interface PairScores {
  readonly case: string;
  readonly raters: readonly [string, string];
  /** By metric, of one that is the same either way round; NaN where undefined. */
  readonly scores: Readonly<Record<string, number>>;
}

export interface RaterAgreement {
  readonly rater: string;
  /**
   * Of all its pairs in which the metric is defined: how many, their mean, and their coefficient of variation σ / μ.
   */
  readonly pairs: number;
  readonly mean: number;
  readonly variation: number;
}

/** One metric of each rater, over all cases and all other raters, in the order of `raters`. */
export const agreementOf = (
  pairs: readonly PairScores[],
  raters: readonly string[],
  metric: string,
): RaterAgreement[] =>
  raters.map((rater) => {
    const own = pairs.filter((pair) => pair.raters.includes(rater)).map(({ scores }) => scores[metric] ?? NaN);
    const values = own.filter((v) => !Number.isNaN(v));
    return { rater, pairs: values.length, mean: summarize(values).mean, variation: coefficientOfVariation(values) };
  });
