// Slices that a structure skips.

/** How many slices between the first and the last of `slices`, each there once, are not among them. */
export function skippedSlices(slices: readonly number[]): number {
  if (slices.length === 0) return 0;
  return Math.max(...slices) - Math.min(...slices) + 1 - slices.length;
}
