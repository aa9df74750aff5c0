// Statistics of many short samples, and how numbers are printed.

/** (Π x)^(1/n); NaN of none. */
export const geometricMean = (xs: readonly number[]): number =>
  xs.length === 0 ? NaN : Math.exp(xs.reduce((s, x) => s + Math.log(x), 0) / xs.length);

/** ‖a − b‖ / ‖b‖; infinite where the lengths differ or a value is not finite. */
export function relativeL2(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  let difference = 0;
  let size = 0;
  for (let i = 0; i < a.length; i++) {
    difference += (a[i]! - b[i]!) ** 2;
    size += b[i]! ** 2;
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

/** A number with two or three digits: 123, 12.3, 1.23, 0.12, 0.012. */
export function digits(v: number): string {
  if (v >= 100) return v.toFixed(0);
  if (v >= 10) return v.toFixed(1);
  return v >= 0.1 || v === 0 ? v.toFixed(2) : `${Number(v.toPrecision(2))}`;
}
