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

/** All assignments of signs to the ranks are counted for up to this many pairs without ties or zeros. */
const EXACT = 50;
/** The same with ties or zeros; and for how many that differ among any number of pairs. */
const EXACT_TIED = 13;
const EXACT_FEW = 12;

/**
 * Tests the differences a − b; the same for b − a. As scipy.stats.wilcoxon by default (from 1.13 on): equal pairs are
 * dropped (zero_method "wilcox"); p is exact, by counting all assignments of signs, for up to 50 pairs without ties or
 * zeros and up to 13 with; otherwise by the normal distribution with the variance corrected for ties and no continuity
 * correction. Where 12 pairs or fewer differ p is exact in any case: the normal distribution's may be smaller than any
 * signs give. Pairs with a NaN are left out, and two equal infinities are equal. p is 1 where no pair differs. Throws
 * RangeError on lists of different length.
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
  const plain = ties === 0 && n === differences.length;
  const exact = plain ? n <= EXACT : differences.length <= EXACT_TIED || n <= EXACT_FEW;
  const p = exact ? exactP(statistic, ranks) : normalP(statistic, n, ties);
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

/** 2 · P(T ≤ t), at most 1, where each of the ranks counts with equal chance or not. */
function exactP(t: number, ranks: readonly number[]): number {
  // In halves: tied values share the mean of their ranks.
  const doubled = ranks.map((r) => 2 * r);
  const most = doubled.reduce((s, r) => s + r, 0);
  const ways = new Float64Array(most + 1);
  ways[0] = 1;
  for (const r of doubled) for (let s = most; s >= r; s--) ways[s]! += ways[s - r]!;
  const below = ways.subarray(0, 2 * t + 1).reduce((sum, w) => sum + w, 0);
  return Math.min(1, (2 * below) / 2 ** ranks.length);
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
