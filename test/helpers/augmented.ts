// Slices to augment, and how far results are apart.
import * as assert from "uvu/assert";

/** Slices that change by at most about a tenth from pixel to pixel, in [−1, 1]. */
export const waves = (n: number, h: number, w: number): Float32Array =>
  Float32Array.from({ length: n * h * w }, (_, i) => {
    const s = Math.floor(i / (h * w));
    const y = Math.floor(i / w) % h;
    const x = i % w;
    return Math.sin(0.1 * x + s) * Math.cos(0.09 * y - 0.5 * s);
  });
export const same = (got: ArrayLike<number>, want: ArrayLike<number>, what: string): void =>
  assert.is(
    Array.from(want).findIndex((v, i) => got[i] !== v),
    -1,
    what,
  );
export const largest = (got: ArrayLike<number>, want: ArrayLike<number>): number =>
  Array.from(got).reduce((most, v, i) => Math.max(most, Math.abs(v - want[i]!)), 0);
