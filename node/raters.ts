// Several raters' masks of the same cases against each other, and where they differ as pictures (Table IV, Fig. 7).
import { isSameGrid } from "../data/alignment.ts";
import { type IntensityRule, mrPercentile, rangeOf, scaleInto, softTissueWindow } from "../data/intensity.ts";
import { unlikeRule } from "../data/likeness.ts";
import { statisticsOf } from "../data/value-statistics.ts";
import { type Volume, storedSlice } from "../data/volume.ts";
import type { PairScores } from "../metrics/agreement.ts";
import { type Tile, montage } from "../report/montage.ts";
import { type Colour, colours } from "../report/picture.ts";
import { type MaskFiles, loadMasks, masksIn, requireCommonCase, withoutImageWord } from "./dataset/index.ts";
import { scoresOf } from "../metrics/scores.ts";
import type { Source } from "./run/source.ts";

export interface Rater {
  readonly name: string;
  /** Folder of label masks. */
  readonly folder: string;
}

/** A case, and the masks of those raters that drew one, in the order of the raters. */
export interface RatedCase {
  readonly id: string;
  readonly masks: readonly RaterMask[];
}

interface RaterMask {
  readonly rater: Rater;
  readonly path: string;
}

/**
 * Every case that a rater has a mask of. Throws DataError where a folder holds no mask or two of a case, or two raters
 * have no case in common.
 */
export async function ratedCases(raters: readonly Rater[]): Promise<RatedCase[]> {
  const drawn: { rater: Rater; files: MaskFiles }[] = [];
  for (const rater of raters) {
    const files = await masksIn(rater.folder);
    for (const other of drawn) requireCommonCase(other.rater.folder, other.files, rater.folder, files);
    drawn.push({ rater, files });
  }
  const ids = [...new Set(drawn.flatMap(({ files }) => [...files.keys()]))];
  return ids.map((id) => ({
    id,
    masks: drawn.flatMap(({ rater, files }) => {
      const path = files.get(id);
      return path === undefined ? [] : [{ rater, path }];
    }),
  }));
}

/** The cases that a rater has no mask of, though another has. */
export const casesWithout = (rater: Rater, cases: readonly RatedCase[]): string[] =>
  cases.filter(({ masks }) => masks.every((mask) => mask.rater !== rater)).map(({ id }) => id);

/** Whether there is something to compare in a case. */
export const isShared = ({ masks }: RatedCase): boolean => masks.length > 1;

export interface RaterOptions {
  readonly labels: readonly number[] | null;
  readonly toleranceMm: number;
  /** Hears of what is odd in a mask, in whole sentences. */
  onWarning?(message: string): void;
  /** Hears of each shared case once its pairs are scored. */
  onCase?(id: string): void;
}

/**
 * Every two raters on the cases that both have, case by case, on the grid of the first of a case's masks. Each mask is
 * read once. Throws DataError as loadMasks and scoresOf.
 */
export async function comparePairs(
  cases: readonly RatedCase[],
  { labels, toleranceMm, onWarning, onCase }: RaterOptions,
): Promise<PairScores[]> {
  const names = labels === null ? ["1"] : labels.map(String);
  const found: PairScores[] = [];
  for (const rated of cases.filter(isShared)) {
    const { grid, masks } = await loadMasks(pathsOf(rated), labels, onWarning);
    for (const [i, a] of rated.masks.entries())
      for (const [j, b] of rated.masks.entries()) {
        if (j <= i) continue;
        const scores = scoresOf(masks[i]!, masks[j]!, grid, { names, toleranceMm }) as Record<string, number>;
        found.push({ case: rated.id, raters: [a.rater.name, b.rater.name], scores });
      }
    onCase?.(rated.id);
  }
  return found;
}

/** A rated case has a mask at least. */
const pathsOf = ({ masks }: RatedCase) => masks.map(({ path }) => path) as [string, ...string[]];

/** Pixels of a picture's side. */
const SIDE = 128;
/** How much wider than what is marked a picture is: by a factor, and so many mm besides. */
const FACTOR = 1.5;
const MARGIN_MM = 10;

/** The colour of each rater's contour. */
const raterColours: readonly Colour[] = [
  colours.algorithm,
  colours.expert,
  colours.blue,
  colours.green,
  colours.orange,
  colours.violet,
];

export interface PictureOptions {
  readonly labels: RaterOptions["labels"];
  /** Hears of a case without a picture, and why it has none. */
  onNoPicture?(id: string, why: string): void;
}

/**
 * A picture a case: the axial slice on which the raters marked most, round what they marked, with a contour for each
 * rater that has a mask of it. An image is found by the case's id, but for a word such as "ct" or "mr". Cases without
 * an image, or whose image lies on another grid, are left out; "" where none is left. Throws DataError as loadMasks and
 * Source.load.
 */
export async function ratersPicture(
  raters: readonly Rater[],
  images: Source,
  cases: readonly RatedCase[],
  { labels, onNoPicture }: PictureOptions,
): Promise<string> {
  const tiles: Tile[] = [];
  for (const rated of cases) {
    const { id } = rated;
    const imageId = imageOf(images, id);
    if (imageId === undefined) {
      onNoPicture?.(id, `${images.name} holds no image of it`);
      continue;
    }
    const image = await images.loadImage(imageId);
    const { grid, masks } = await loadMasks(pathsOf(rated), labels);
    if (!isSameGrid(image, grid)) {
      onNoPicture?.(id, "its image lies on another grid than its masks; resample one to the other's");
      continue;
    }
    const contours = rated.masks.map(({ rater }, i) => ({
      colour: colourOf(raters.indexOf(rater)),
      mask: masks[i]!,
    }));
    tiles.push(tileOf(id, image, contours));
  }
  const legend = raters.map(({ name }, i) => ({ text: name, colour: colourOf(i) }));
  return tiles.length > 0 ? montage(inRows(tiles, 3), { size: SIDE, scale: 2, legend, title: "raters" }) : "";
}

/** The image of that very id, else of the same but for a word. */
function imageOf({ cases }: Source, id: string): string | undefined {
  const ids = cases.map((c) => c.id);
  return ids.find((other) => other === id) ?? ids.find((other) => withoutImageWord(other) === withoutImageWord(id));
}

const colourOf = (rater: number): Colour => raterColours[rater % raterColours.length]!;
const inRows = <T>(all: readonly T[], columns: number): T[][] =>
  Array.from({ length: Math.ceil(all.length / columns) }, (_, r) => all.slice(r * columns, (r + 1) * columns));

/** A rater's mask in memory, and its colour. */
interface ColouredMask {
  readonly colour: Colour;
  readonly mask: Uint8Array;
}

/** How an image is shown: by a window in HU where its values are those of CT. */
function ruleFor({ data, name }: Volume): IntensityRule {
  const values = statisticsOf(data, rangeOf(mrPercentile, data, name));
  return unlikeRule(values, mrPercentile) ? softTissueWindow : mrPercentile;
}

function tileOf(id: string, image: Volume, masks: readonly ColouredMask[]): Tile {
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
  scaleInto(scaled, 0, storedSlice(data, shape, z), rangeOf(ruleFor(image), data, name));
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
function fullestSlice(masks: readonly ColouredMask[], [nx, ny, nz]: Volume["shape"]): number {
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
