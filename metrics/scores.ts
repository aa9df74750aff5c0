// How well a mask agrees with the expert's, as one volume on its own grid, in millimetres.
import { DataError } from "../data/errors.ts";
import { type Volume, isSheared } from "../data/volume.ts";
import { diceOf, overlap } from "./dice.ts";
import { summarize } from "./summary.ts";
import { hausdorff, surfaceDice, surfaceDistances } from "./surface.ts";

/** Values of a case by their names; NaN is undefined. */
export type Scored = Readonly<Record<string, number>>;

/** The grid of a mask, with the name that messages call it by. */
export type Geometry = Pick<Volume, "name" | "shape" | "spacingMm" | "affine">;

const METRICS = ["DSC", "SDSC", "HD95"] as const;
type Scores = Record<(typeof METRICS)[number], number>;

export interface ScoreOptions {
  /** Names of the structures, in the order of their classes from 1 on. */
  readonly names: readonly string[];
  /** The tolerance of surface Dice. */
  readonly toleranceMm: number;
}

/**
 * DSC, SDSC and HD95 in mm of one structure, whose voxels are those that are not 0, or "DSC LV", "DSC RK", … of each of
 * several and "DSC Avg.", the mean of those that are defined. A structure that neither mask has is undefined (NaN); one
 * that only one mask has scores 0, 0, and for HD95 the diagonal of the volume. Throws DataError where the grid is
 * sheared.
 */
export function scoresOf(
  mask: Uint8Array,
  expert: Uint8Array,
  image: Geometry,
  { names, toleranceMm }: ScoreOptions,
): Scored {
  if (names.length === 1) return scoresOfOne(mask, expert, image, toleranceMm);
  const only = (classes: Uint8Array, k: number): Uint8Array => classes.map((v) => Number(v === k));
  const structures = names.map((name, i) => ({
    name,
    scores: scoresOfOne(only(mask, i + 1), only(expert, i + 1), image, toleranceMm),
  }));
  return Object.fromEntries(
    METRICS.flatMap((metric) => [
      ...structures.map((s) => [`${metric} ${s.name}`, s.scores[metric]]),
      [`${metric} Avg.`, summarize(structures.map((s) => s.scores[metric])).mean],
    ]),
  );
}

function scoresOfOne(
  a: Uint8Array,
  b: Uint8Array,
  { name, shape, spacingMm, affine }: Geometry,
  toleranceMm: number,
): Scores {
  if (isSheared(affine)) {
    const problem = "the grid is sheared, as by a tilted gantry: SDSC and HD95 can't be measured in millimetres";
    throw new DataError(name, "affine", problem, "resample the case to a grid of right angles, or do not test on it");
  }
  const distances = surfaceDistances({ a, b, shape, spacingMm });
  const [x, y, z] = shape;
  const diagonal = Math.hypot(x * spacingMm[0], y * spacingMm[1], z * spacingMm[2]);
  const hd = hausdorff(distances, 95);
  return {
    DSC: diceOf(overlap(a, b), "undefined"),
    SDSC: surfaceDice(distances, toleranceMm),
    HD95: hd === Infinity ? diagonal : hd,
  };
}
