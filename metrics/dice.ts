// Dice similarity coefficient of binary masks: DSC = 2 |A ∩ B| / (|A| + |B|), over all voxels of a volume at once.

export interface Overlap {
  /** Voxels in both, in A, in B. */
  readonly both: number;
  readonly a: number;
  readonly b: number;
}

/** Counts of two masks of one length; any value but 0 is foreground. Throws RangeError where the lengths differ. */
export function overlap(a: ArrayLike<number>, b: ArrayLike<number>): Overlap {
  if (a.length !== b.length) throw new RangeError(`dice: masks of ${a.length} and ${b.length} voxels`);
  let both = 0;
  let na = 0;
  let nb = 0;
  for (let i = 0; i < a.length; i++) {
    const x = a[i] !== 0;
    const y = b[i] !== 0;
    if (x) na++;
    if (y) nb++;
    if (x && y) both++;
  }
  return { both, a: na, b: nb };
}

/**
 * What two empty masks score. "one": 1, for nothing was missed and nothing invented (the common per-case rule);
 * "undefined": NaN, to be left out of a mean (as nnU-Net and MONAI do). One empty mask scores 0 either way.
 */
export type EmptyRule = "one" | "undefined";

/** DSC from counts, in [0, 1]. */
export function diceOf({ both, a, b }: Overlap, empty: EmptyRule = "one"): number {
  if (a + b === 0) return empty === "one" ? 1 : NaN;
  return (2 * both) / (a + b);
}

/** Volumetric DSC of two masks. */
export const dice = (a: ArrayLike<number>, b: ArrayLike<number>, empty: EmptyRule = "one"): number =>
  diceOf(overlap(a, b), empty);

/** Sums counts, for a volume that is scored slice by slice: its DSC is that of the sum, not the mean of the slices'. */
export const addOverlap = (p: Overlap, q: Overlap): Overlap => ({ both: p.both + q.both, a: p.a + q.a, b: p.b + q.b });

/** Mean over cases, leaving out undefined ones; NaN where none is defined. */
export function meanDice(values: readonly number[]): number {
  const defined = values.filter((v) => !Number.isNaN(v));
  return defined.length ? defined.reduce((s, v) => s + v, 0) / defined.length : NaN;
}
