// Whether bytes that are looked at once an epoch stay as they are.

/** Epochs that are not judged: caches fill, and the compiler of the language still works. */
export const WARM = 5;
/** Of fewer epochs the memory's slope is told and not judged: allocators grow in steps. */
export const JUDGED = 60;
/** A slope that many epochs must not have, in bytes an epoch. */
export const MOST_BYTES = 64 * 1024;

export const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);

/** At the beginning, in the middle, at the end: "61.7 → 64.4 → 64.4". */
export const courseOf = (values: readonly number[]): string =>
  [WARM, values.length >> 1, values.length - 1].map((e) => mib(values[e]!)).join(" → ");

/** KiB an epoch that the second half of them grows by. */
export const growthOf = (values: readonly number[]): number =>
  Math.round(slopeOf(values.slice(values.length >> 1)) / 1024);

export const isFlat = (kib: number): boolean => 1024 * kib < MOST_BYTES;

/** Of a line through the values (least squares). */
function slopeOf(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  const above = values.reduce((sum, v, i) => sum + (i - middle) * (v - mean), 0);
  return above / values.reduce((sum, _, i) => sum + (i - middle) ** 2, 0);
}
