// Statistics of many samples of one thing.

export interface Summary {
  readonly median: number;
  readonly p10: number;
  readonly p90: number;
  readonly samples: number;
}

/** The value below which a share `q` of the samples lies, linear between neighbours; NaN of none. */
export function quantile(samples: readonly number[], q: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = q * (sorted.length - 1);
  const low = Math.floor(at);
  const [a, b] = [sorted[low], sorted[Math.min(low + 1, sorted.length - 1)]];
  return a === undefined || b === undefined ? NaN : a + (at - low) * (b - a);
}

export const summarize = (samples: readonly number[]): Summary => ({
  median: quantile(samples, 0.5),
  p10: quantile(samples, 0.1),
  p90: quantile(samples, 0.9),
  samples: samples.length,
});
