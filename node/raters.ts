// Several raters' masks of the same cases against each other, and where they differ as pictures (Table IV, Fig. 7).
import { mrPercentile, rangeOf, scaleInto, softTissueWindow } from "../data/intensity.ts";
import { type Volume, storedSlice } from "../data/volume.ts";
import type { PairScores } from "../metrics/agreement.ts";
import { type Tile, montage } from "../report/montage.ts";
import { type Colour, colours } from "../report/picture.ts";
import { loadMaskPair, pairMasks } from "./dataset/index.ts";
import { scoresOf } from "./run/scores.ts";
import type { Source } from "./run/source.ts";

export interface Rater {
  readonly name: string;
  /** Folder of label masks. */
  readonly folder: string;
}

export interface RaterOptions {
  readonly labels: readonly number[] | null;
  readonly toleranceMm: number;
  onPair?(raters: readonly [string, string], cases: number): void;
  /** Hears of cases that one rater of a pair has no mask of. */
  onMissing?(raters: readonly [string, string], ids: readonly string[]): void;
}

/** Every two raters on the cases that both have. Throws DataError as pairMasks and scoresOf. */
export async function comparePairs(
  raters: readonly Rater[],
  { labels, toleranceMm, onPair, onMissing }: RaterOptions,
): Promise<PairScores[]> {
  const names = labels === null ? ["1"] : labels.map(String);
  const found: PairScores[] = [];
  for (const [i, a] of raters.entries())
    for (const b of raters.slice(i + 1)) {
      const both = [a.name, b.name] as const;
      const { pairs, missing } = await pairMasks(a.folder, b.folder);
      if (missing.length > 0) onMissing?.(both, missing);
      for (const pair of pairs) {
        const { image, mask, expert } = await loadMaskPair(pair, labels);
        const scores = scoresOf(mask, expert, image, { names, toleranceMm }) as Record<string, number>;
        found.push({ case: pair.id, raters: both, scores });
      }
      onPair?.(both, pairs.length);
    }
  return found;
}

/** Pixels of a picture's side. */
const SIDE = 128;
/** How much wider than what is marked a picture is: by a factor, and so many mm besides. */
const FACTOR = 1.5;
const MARGIN_MM = 10;

/** The colour of each rater's contour. */
export const raterColours: readonly Colour[] = [
  colours.algorithm,
  colours.expert,
  colours.blue,
  colours.green,
  colours.orange,
  colours.violet,
];

/**
 * A picture a case: the axial slice on which the raters marked most, round what they marked, with a contour for each
 * rater. Cases without an image, or whose masks lie on another grid, are left out. Throws DataError as loadMaskPair.
 */
export async function ratersPicture(
  raters: readonly Rater[],
  images: Source,
  ids: readonly string[],
  labels: RaterOptions["labels"],
): Promise<string> {
  const tiles: Tile[] = [];
  for (const id of ids.filter((wanted) => images.cases.some((c) => c.id === wanted))) {
    const masks = await masksOf(raters, id, labels);
    const { image } = await images.load(id);
    if (masks.every(({ mask }) => mask.length === image.data.length)) tiles.push(tileOf(id, image, masks));
  }
  const legend = raters.map(({ name }, i) => ({ text: name, colour: colourOf(i) }));
  return tiles.length > 0 ? montage(inRows(tiles, 3), { size: SIDE, scale: 2, legend, title: "raters" }) : "";
}

const colourOf = (rater: number): Colour => raterColours[rater % raterColours.length]!;
const inRows = <T>(all: readonly T[], columns: number): T[][] =>
  Array.from({ length: Math.ceil(all.length / columns) }, (_, r) => all.slice(r * columns, (r + 1) * columns));

interface RaterMask {
  readonly colour: Colour;
  readonly mask: Uint8Array;
}

/** The masks of those raters that have one of the case. */
async function masksOf(raters: readonly Rater[], id: string, labels: RaterOptions["labels"]): Promise<RaterMask[]> {
  const found: RaterMask[] = [];
  const [first] = raters as readonly [Rater];
  for (const [i, rater] of raters.entries()) {
    const pair = (await pairMasks(rater.folder, first.folder)).pairs.find((p) => p.id === id);
    if (pair) found.push({ colour: colourOf(i), mask: (await loadMaskPair(pair, labels)).mask });
  }
  return found;
}

function tileOf(id: string, image: Volume, masks: readonly RaterMask[]): Tile {
  const { shape, spacingMm, data, name } = image;
  const [nx, ny] = shape;
  const z = fullestSlice(masks, shape);
  const planes = masks.map(({ mask }) => mask.subarray(z * nx * ny, (z + 1) * nx * ny));
  const isMarked = (x: number, y: number): boolean => planes.some((plane) => plane[y * nx + x]! > 0);
  const across = extentOf(nx, (x) => range(ny).some((y) => isMarked(x, y)));
  const down = extentOf(ny, (y) => range(nx).some((x) => isMarked(x, y)));
  const sideMm = Math.max(across.length * spacingMm[0], down.length * spacingMm[1]) * FACTOR + MARGIN_MM;
  const voxel = (centre: number, at: number, spacing: number): number =>
    Math.round(centre + ((at + 0.5) / SIDE - 0.5) * (sideMm / spacing));
  /** The index into a plane of each pixel of the picture; −1 outside the slice. */
  const from = Array.from({ length: SIDE ** 2 }, (_, i) => {
    const x = voxel(across.centre, i % SIDE, spacingMm[0]);
    const y = voxel(down.centre, Math.floor(i / SIDE), spacingMm[1]);
    return x >= 0 && y >= 0 && x < nx && y < ny ? y * nx + x : -1;
  });
  const scaled = new Float32Array(nx * ny);
  const isCt = data.some((v) => v < -500);
  scaleInto(scaled, 0, storedSlice(data, shape, z), rangeOf(isCt ? softTissueWindow : mrPercentile, data, name));
  return {
    values: from.map((i) => scaled[i] ?? -1),
    contours: planes.map((plane, i) => ({
      mask: from.map((at) => plane[at] ?? 0),
      colour: masks[i]!.colour,
      side: "inside",
      tinted: false,
    })),
    note: id,
  };
}

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** The axial slice on which most voxels are marked, by all raters together. */
function fullestSlice(masks: readonly RaterMask[], [nx, ny, nz]: Volume["shape"]): number {
  const counts = new Float64Array(nz);
  for (const { mask } of masks) mask.forEach((v, i) => void (v > 0 && counts[Math.floor(i / (nx * ny))]!++));
  return counts.indexOf(Math.max(...counts));
}

/** From the first to the last of n places that is marked; all where none is. */
function extentOf(n: number, isMarked: (at: number) => boolean): { centre: number; length: number } {
  const marked = range(n).filter(isMarked);
  const [first, last] = marked.length > 0 ? [marked[0]!, marked.at(-1)!] : [0, n - 1];
  return { centre: (first + last) / 2, length: last - first + 1 };
}
