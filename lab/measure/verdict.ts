// Whether one of two is slower, judged by rounds in which both ran: what slows the machine for a while slows both.

/** A ratio of times, and the interval that it lies in with 99.5 % confidence. */
export interface Ratio {
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
}

export type Verdict = "same" | "faster" | "slower" | "noisy";

/** Differences up to this share are not called slower or faster. */
export const MARGIN = 0.03;
/** An interval within this share of 1 is called the same. */
const SAME_WITHIN = 0.05;
/** Standard normal quantile of a two-sided 99.5 %: it is looked at several times, so each look must be sure. */
const Z = 2.807;
/** With fewer rounds the signed ranks give no interval of that confidence. */
export const LEAST_ROUNDS = 11;
/** Later rounds of more are left out of the interval, which takes all pairs of rounds. */
const MOST_ROUNDS = 600;

/**
 * Median ratio of `now` to `before`, paired by round: Hodges and Lehmann's estimate of the logarithm, with the interval
 * of Wilcoxon's signed ranks by their normal approximation. Infinite at both ends with less than LEAST_ROUNDS rounds.
 * Hollander, Wolfe and Chicken, Nonparametric Statistical Methods, 3.2 and 3.3.
 */
export function pairedRatio(before: readonly number[], now: readonly number[]): Ratio {
  const n = Math.min(before.length, now.length, MOST_ROUNDS);
  const logs = Array.from({ length: n }, (_, i) => Math.log(now[i]! / before[i]!));
  const means = new Float64Array((n * (n + 1)) / 2);
  let count = 0;
  for (let i = 0; i < n; i++) for (let j = i; j < n; j++) means[count++] = (logs[i]! + logs[j]!) / 2;
  means.sort();
  const middle = (count - 1) / 2;
  const ratio = Math.exp((means[Math.floor(middle)]! + means[Math.ceil(middle)]!) / 2);
  const rank = Math.floor(count / 2 - Z * Math.sqrt((n * (n + 1) * (2 * n + 1)) / 24));
  if (n < LEAST_ROUNDS || rank < 1) return { ratio, low: 0, high: Infinity };
  return { ratio, low: Math.exp(means[rank - 1]!), high: Math.exp(means[count - rank]!) };
}

/** The verdict of an interval; "noisy" where it says nothing: more rounds may. */
export function verdictOf({ low, high }: Ratio): Verdict {
  if (low > 1 + MARGIN) return "slower";
  if (high < 1 / (1 + MARGIN)) return "faster";
  return low > 1 / (1 + SAME_WITHIN) && high < 1 + SAME_WITHIN ? "same" : "noisy";
}
