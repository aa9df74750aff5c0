// A mean of independent values with its confidence interval by Student's t.

export interface Interval {
  readonly mean: number;
  /** Bounds; NaN below two values. */
  readonly low: number;
  readonly high: number;
  /** Values that are defined. */
  readonly n: number;
}

/**
 * Mean ± t · s / √n of the values that are defined, t the quantile of n − 1 degrees of freedom: where the true mean
 * lies with confidence `level`, for values of one normal distribution.
 */
export function meanInterval(values: readonly number[], level = 0.95): Interval {
  const defined = values.filter((v) => !Number.isNaN(v));
  const n = defined.length;
  const mean = defined.reduce((sum, v) => sum + v, 0) / n;
  if (n < 2) return { mean, low: NaN, high: NaN, n };
  const variance = defined.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (n - 1);
  const reach = tBound(level, n - 1) * Math.sqrt(variance / n);
  return { mean, low: mean - reach, high: mean + reach, n };
}

/** The t with P(|T| < t) = level for Student's T of whole `freedom` ≥ 1, by bisection of its angle. */
export function tBound(level: number, freedom: number): number {
  let low = 0;
  let high = Math.PI / 2;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (insideAngle(middle, freedom) < level) low = middle;
    else high = middle;
  }
  return Math.tan((low + high) / 2) * Math.sqrt(freedom);
}

/** P(|T| < √freedom · tan θ): Abramowitz and Stegun, 26.7.3 for odd and 26.7.4 for even freedom. */
function insideAngle(θ: number, freedom: number): number {
  const isOdd = freedom % 2 === 1;
  const cosine = Math.cos(θ);
  let term = isOdd ? cosine : 1;
  let sum = 0;
  for (let k = isOdd ? 1 : 0; k <= freedom - 2; k += 2) {
    sum += term;
    term *= (cosine ** 2 * (k + 1)) / (k + 2);
  }
  return isOdd ? (2 / Math.PI) * (θ + Math.sin(θ) * sum) : Math.sin(θ) * sum;
}
