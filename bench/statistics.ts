// What is said of many short samples.

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
  return sorted.length === 0 ? NaN : a + (at - low) * (b - a);
}

export const summarize = (samples: readonly number[]): Summary => ({
  median: quantile(samples, 0.5),
  p10: quantile(samples, 0.1),
  p90: quantile(samples, 0.9),
  samples: samples.length,
});

/** (Π x)^(1/n); NaN of none. */
export const geometricMean = (xs: readonly number[]): number =>
  xs.length === 0 ? NaN : Math.exp(xs.reduce((s, x) => s + Math.log(x), 0) / xs.length);

/** ‖a − b‖ / ‖b‖; infinite where the lengths differ or a value is not finite. */
export function relativeL2(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  let difference = 0;
  let size = 0;
  for (let i = 0; i < a.length; i++) {
    difference += (a[i] - b[i]) ** 2;
    size += b[i] ** 2;
  }
  const relative = difference === 0 ? 0 : Math.sqrt(difference / size);
  return Number.isNaN(relative) ? Infinity : relative;
}

/** Values in [−1, 1) from a hash of seed and index: any language can make the same. */
export function uniform(n: number, seed: number): Float32Array {
  return Float32Array.from({ length: n }, (_, i) => {
    let h = Math.imul((i + 1) ^ Math.imul(seed, 0x9e3779b1), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return ((h ^ (h >>> 16)) >>> 8) / 2 ** 23 - 1;
  });
}
