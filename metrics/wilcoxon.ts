// Two-sided paired Wilcoxon signed-rank test, the paper's test of one method against another on the same cases.

export interface Wilcoxon {
  /** Probability of sums at least this uneven if neither is better. */
  readonly p: number;
  /** The smaller of the rank sums of positive and of negative differences. */
  readonly statistic: number;
  /** Pairs that differ. */
  readonly n: number;
  readonly exact: boolean;
}

/** The distribution is counted out for up to this many pairs without ties or zeros. */
const EXACT = 50;

/**
 * Tests the differences a − b. As scipy.stats.wilcoxon by default: equal pairs are dropped (zero_method "wilcox");
 * exact for up to 50 pairs without ties or zeros; otherwise the normal distribution with the variance corrected for
 * ties and no continuity correction. Pairs with a NaN are left out, and two equal infinities are equal. p is 1 where
 * no pair differs. Throws RangeError on lists of different length.
 */
export function wilcoxon(a: readonly number[], b: readonly number[]): Wilcoxon {
  if (a.length !== b.length) throw new RangeError(`wilcoxon: ${a.length} and ${b.length} values make no pairs`);
  const pairs = a.map((x, i): [number, number] => [x, b[i]!]).filter(([x, y]) => !Number.isNaN(x) && !Number.isNaN(y));
  const differences = pairs.map(([x, y]) => (x === y ? 0 : x - y));
  const moved = differences.filter((d) => d !== 0);
  const n = moved.length;
  if (n === 0) return { p: 1, statistic: 0, n, exact: true };
  const { ranks, ties } = ranksOf(moved.map(Math.abs));
  const positive = ranks.reduce((s, r, i) => (moved[i]! > 0 ? s + r : s), 0);
  const statistic = Math.min(positive, (n * (n + 1)) / 2 - positive);
  const exact = n <= EXACT && ties === 0 && n === differences.length;
  const p = exact ? exactP(statistic, n) : normalP(statistic, n, ties);
  return { p, statistic, n, exact };
}

/** Fewest pairs, all differing one way, with which p falls below `level`. */
export function fewestPairs(level = 0.05): number {
  let n = 1;
  while (2 / 2 ** n >= level) n++;
  return n;
}

/** Ranks from 1, equal values sharing the mean of theirs; and Σ (t³ − t) over groups of t equal ones. */
function ranksOf(values: readonly number[]): { ranks: number[]; ties: number } {
  // Infinity − Infinity is NaN: equal values are looked for first.
  const rising = (p: number, q: number): number => (p === q ? 0 : p - q);
  const order = [...values.keys()].sort((i, j) => rising(values[i]!, values[j]!));
  const ranks = new Array<number>(values.length);
  let ties = 0;
  for (let first = 0, end = 0; first < order.length; first = end) {
    while (end < order.length && values[order[end]!] === values[order[first]!]) end++;
    const t = end - first;
    ties += t ** 3 - t;
    for (let k = first; k < end; k++) ranks[order[k]!] = (first + 1 + end) / 2;
  }
  return { ranks, ties };
}

/** 2 · P(T ≤ t) where each of the ranks 1 … n has either sign with equal chance. */
function exactP(t: number, n: number): number {
  const most = (n * (n + 1)) / 2;
  const ways = new Float64Array(most + 1);
  ways[0] = 1;
  for (let rank = 1; rank <= n; rank++) for (let s = most; s >= rank; s--) ways[s]! += ways[s - rank]!;
  let below = 0;
  for (let s = 0; s <= t; s++) below += ways[s]!;
  return Math.min(1, (2 * below) / 2 ** n);
}

function normalP(t: number, n: number, ties: number): number {
  const mean = (n * (n + 1)) / 4;
  const variance = (n * (n + 1) * (2 * n + 1) - ties / 2) / 24;
  return Math.min(1, erfc(Math.abs(t - mean) / Math.sqrt(2 * variance)));
}

/** erfc(x) = 2/√π ∫ₓ^∞ exp(−t²) dt for x ≥ 0: the series of erf, further out the continued fraction of Laplace. */
export function erfc(x: number): number {
  if (x < 2.5) {
    let term = x;
    let total = x;
    for (let k = 1; Math.abs(term) > 1e-17 * total; k++) {
      term *= (2 * x * x) / (2 * k + 1);
      total += term;
    }
    return 1 - (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * total;
  }
  let fraction = 0;
  for (let k = 60; k >= 1; k--) fraction = k / 2 / (x + fraction);
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * (x + fraction));
}
