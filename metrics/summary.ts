// A list of cases' values as the paper's tables give it: mean ± standard deviation.

export interface Summary {
  readonly mean: number;
  /** Of a sample: Σ (v − mean)² over n − 1. NaN below two values. */
  readonly std: number;
  /** Values that are defined. */
  readonly n: number;
}

/** Mean and standard deviation, leaving NaN out. */
export function summarize(values: readonly number[]): Summary {
  const defined = values.filter((v) => !Number.isNaN(v));
  const n = defined.length;
  const mean = n ? defined.reduce((s, v) => s + v, 0) / n : NaN;
  return { mean, std: n > 1 ? Math.sqrt(defined.reduce((s, v) => s + (v - mean) ** 2, 0) / (n - 1)) : NaN, n };
}
