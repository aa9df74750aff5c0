// A run's pictures: a few validation slices after each epoch, and the curves of Dice and losses.
import type { SliceSet } from "../../data/slices.ts";
import { type Series, curvesPicture } from "../../report/curves.ts";
import { epochPicture } from "../../report/montage.ts";
import type { EpochPictures } from "../../train/loop.ts";
import { classesOf } from "../../train/validation.ts";

/** `count` slices with the largest masks, at most one a case as long as there are cases. */
export function slicesToPicture(set: SliceSet, count: number): number[] {
  const n = set.size ** 2;
  const area = (s: number): number => set.masks.subarray(s * n, (s + 1) * n).reduce((a, v) => a + +(v > 0), 0);
  const ranked = set.origins
    .slice(0, set.count)
    .map(({ id }, slice) => ({ slice, id, area: area(slice) }))
    .sort((a, b) => b.area - a.area);
  const first = ranked.filter((r, i) => ranked.findIndex((q) => q.id === r.id) === i);
  const others = ranked.filter((r) => !first.includes(r));
  return [...first, ...others].slice(0, count).map((r) => r.slice);
}

/** The pictures of an epoch as a PNG: a row a slice. `labels` are the masks' own values of the classes. */
export function epochPng(
  pictures: EpochPictures,
  set: SliceSet,
  title: string,
  labels: readonly number[] | null,
): Uint8Array {
  const n = set.size ** 2;
  const blank = new Float32Array(n).fill(-1);
  return epochPicture(
    pictures.rows.map(({ slice, ct, pM, rC, probability }) => ({
      ct,
      pseudoMr: pM ?? blank,
      cycledCt: rC ?? blank,
      prediction: classesOf(probability, n),
      expert: set.masks.subarray(slice * n, (slice + 1) * n),
      note: set.origins[slice]!.id,
    })),
    set.size,
    title,
    labels?.map(String),
  ).png();
}

/** What curves are drawn of. */
export interface CurvePoint {
  readonly dice: number | null;
  readonly validationLoss: number | null;
  readonly losses: Readonly<Record<string, number>>;
}

/** Dice and losses by epoch as a PNG; a curve without any value is left out. */
export function curvesPng(history: readonly CurvePoint[]): Uint8Array {
  const curve = (name: string, pick: (epoch: CurvePoint) => number | null | undefined): Series => ({
    name,
    values: history.map((epoch) => pick(epoch) ?? NaN),
  });
  const series = [
    curve("validation Dice", (e) => e.dice),
    curve("validation loss", (e) => e.validationLoss),
    curve("Dice loss, student", (e) => e.losses.diceCT),
    curve("hint", (e) => e.losses.hintS),
  ];
  return curvesPicture(
    series.filter((s) => s.values.some(Number.isFinite)),
    { title: "Dice and losses" },
  ).png();
}
