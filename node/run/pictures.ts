// A run's pictures: a few validation slices after each epoch, and the demo's of unseen patients.
import { type Slices, type SliceSet, maskAt } from "../../data/slices.ts";
import { diceOf, overlap } from "../../metrics/dice.ts";
import { type Tile, epochPicture, montage } from "../../report/montage.ts";
import { colours } from "../../report/picture.ts";
import type { EpochPictures } from "../../train/loop.ts";
import { classesOf, diceByCase } from "../../train/validation.ts";

/** `count` slices with the largest masks, at most one a case as long as there are cases. */
export function slicesToPicture(set: Slices, count: number): number[] {
  const area = (s: number): number => masksAt(set, s).reduce((a, v) => a + +(v > 0), 0);
  const ranked = set.origins
    .slice(0, set.count)
    .map(({ id }, slice) => ({ slice, id, area: area(slice) }))
    .sort((a, b) => b.area - a.area);
  const first = ranked.filter((r, i) => ranked.findIndex((q) => q.id === r.id) === i);
  const others = ranked.filter((r) => !first.includes(r));
  return [...first, ...others].slice(0, count).map((r) => r.slice);
}

/**
 * The pictures of an epoch as SVG: a row a slice, with the Dice of its mask, and beside it one of the teacher's slices
 * that are `pictured`, where there is one. `names` are the structures'.
 */
export function epochSvg(
  pictures: EpochPictures,
  set: Slices,
  teacher: { readonly slices: Slices; readonly pictured: readonly number[] } | undefined,
  title: string,
  names: readonly string[],
): string {
  const n = set.size ** 2;
  return epochPicture(
    pictures.rows.map(({ slice, ct, pM, rC, teacher: taught, probability }, i) => {
      const prediction = classesOf(probability, n);
      const expert = masksAt(set, slice);
      return {
        ct,
        ...(pM ? { pseudoMr: pM } : {}),
        ...(taught ? { teacher: classesOf(taught, n) } : {}),
        ...(pM && teacher ? { realMr: sliceAt(teacher.slices, teacher.pictured[i]!) } : {}),
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

/**
 * Slices of three test cases, one a row, as SVG: the image, its translation, and both runs' masks as contours beside
 * the expert's, with the case's Dice. Shows the cases at the quarters of the gain's order, not the best ones.
 */
export function comparisonSvg(
  test: SliceSet,
  baseline: Float32Array,
  taught: Float32Array,
  translated: Float32Array | undefined,
): string {
  const n = test.size ** 2;
  const before = diceByCase(baseline, test).cases;
  const after = diceByCase(taught, test).cases;
  const byGain = Object.keys(after).sort((a, b) => after[a]! - before[a]! - (after[b]! - before[b]!));
  const chosen = [0.25, 0.5, 0.75].map((part) => byGain[Math.round(part * (byGain.length - 1))]!);
  const slices = slicesToPicture(test, byGain.length);
  const tiles = [...new Set(chosen)].map((id): Tile[] => {
    const slice = slices.find((s) => test.origins[s]!.id === id)!;
    const at = (values: Float32Array): Float32Array => values.subarray(slice * n, (slice + 1) * n);
    const ct = at(test.images);
    const expert = maskAt(test, slice);
    const withMask = (probability: Float32Array, dice: number): Tile => ({
      values: ct,
      note: `Dice ${dice.toFixed(2)}`,
      contours: [
        { mask: expert, colour: colours.expert, side: "inside" },
        { mask: classesOf(at(probability), n), colour: colours.algorithm, side: "outside" },
      ],
    });
    return [
      { values: ct, note: id },
      ...(translated ? [{ values: at(translated) }] : []),
      withMask(baseline, before[id]!),
      withMask(taught, after[id]!),
    ];
  });
  return montage(tiles, {
    size: test.size,
    labels: ["CT", ...(translated ? ["pseudo MR"] : []), "CT only", "CMEDL+pMRI"],
    title: "unseen patients",
    legend: [
      { text: "expert", colour: colours.expert },
      { text: "algorithm", colour: colours.algorithm },
    ],
  });
}
