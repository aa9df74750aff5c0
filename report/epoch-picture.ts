// The picture of an epoch: a few validation slices with their masks, and what was translated.
import type { Slices } from "../data/slices.ts";
import { classesOf } from "../metrics/classes.ts";
import { diceOf, overlap } from "../metrics/dice.ts";
import { epochPicture } from "./montage.ts";

/** What a regime makes of slice number `slice`: images [size, size], probabilities [size, size, K]. */
export interface PicturedSlice {
  readonly slice: number;
  readonly ct: Float32Array;
  /** The pseudo MR of it. */
  readonly pM?: Float32Array | undefined;
  /** The CT that comes back of that. */
  readonly rC?: Float32Array | undefined;
  /** The teacher's probabilities of pM. */
  readonly teacher?: Float32Array | undefined;
  readonly probability: Float32Array;
}

/**
 * The pictures of an epoch as SVG: a row a slice, with the Dice of its mask, and beside it one of the teacher's slices
 * that are `pictured`, as long as there are any. `names` are the structures'.
 */
export function epochSvg(
  rows: readonly PicturedSlice[],
  set: Slices,
  teacher: { readonly slices: Slices; readonly pictured: readonly number[] } | undefined,
  title: string,
  names: readonly string[],
): string {
  const n = set.size ** 2;
  return epochPicture(
    rows.map(({ slice, ct, pM, rC, teacher: taught, probability }, i) => {
      const prediction = classesOf(probability, n);
      const expert = masksAt(set, slice);
      const other = teacher?.pictured[i];
      return {
        ct,
        ...(pM ? { pseudoMr: pM } : {}),
        ...(taught ? { teacher: classesOf(taught, n) } : {}),
        ...(pM && teacher && other !== undefined ? { realMr: sliceAt(teacher.slices, other) } : {}),
        ...(rC ? { cycledCt: rC } : {}),
        prediction,
        expert,
        note: set.origins[slice]!.id,
        score: diceText(prediction, expert),
      };
    }),
    set.size,
    title,
    names,
  );
}

function masksAt(set: Slices, slice: number): Uint8Array<ArrayBuffer> {
  const mask = new Uint8Array(set.size ** 2);
  set.copyMask(slice, mask);
  return mask;
}

function sliceAt(set: Slices, slice: number): { image: Float32Array; expert: Uint8Array } {
  const image = new Float32Array(set.size ** 2);
  set.copyImage(slice, image);
  return { image, expert: masksAt(set, slice) };
}

/** "Dice 0.71" of two masks of one slice; of several classes, of where any is. */
function diceText(prediction: Uint8Array, expert: ArrayLike<number>): string {
  const any = (mask: ArrayLike<number>): Uint8Array => Uint8Array.from(mask, (v) => (v > 0 ? 1 : 0));
  const dice = diceOf(overlap(any(prediction), any(expert)), "undefined");
  return Number.isNaN(dice) ? "" : `Dice ${dice.toFixed(2)}`;
}
