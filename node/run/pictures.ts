// The demo's picture of unseen patients.
import { type SliceSet, maskAt } from "../../data/slices.ts";
import { type Tile, montage } from "../../report/montage.ts";
import { colours } from "../../report/picture.ts";
import { slicesToPicture } from "../../train/run/pictured.ts";
import { classesOf } from "../../metrics/classes.ts";
import { diceByCase } from "../../train/validation.ts";

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
