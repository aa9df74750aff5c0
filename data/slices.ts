// From volumes and masks to the 2-D slices that networks see. Both sets use one field of view in millimetres and one
// size in pixels, so that a centimetre is as many pixels on CT as on MR.
import { DataError } from "./errors.ts";
import { type Range, scaleInto } from "./intensity.ts";
import { keyOf, permutation } from "./random.ts";
import { type Field, centreField, covers, cropLabels, cropValues } from "./resample.ts";
import { type Volume, type VoxelArray, storedSlice } from "./volume.ts";

/** What is cut out of an axial slice: `fieldMm` × `fieldMm` round its centre, as `size` × `size` pixels. */
export interface SliceGrid {
  readonly fieldMm: number;
  readonly size: number;
}

/**
 * A patient's image and mask in memory, in Left-Posterior-Superior order. The mask holds class numbers, one a voxel:
 * 0 and 1 for one structure.
 */
export interface LoadedCase {
  readonly id: string;
  readonly patient: string;
  readonly image: Volume;
  readonly mask: Uint8Array<ArrayBuffer>;
}

export interface SliceOrigin {
  readonly id: string;
  readonly patient: string;
  readonly z: number;
}

/** Slices ready for training: images [count, size, size] in [−1, 1] and masks [count, size, size] of class numbers. */
export interface SliceSet {
  readonly size: number;
  readonly count: number;
  readonly images: Float32Array<ArrayBuffer>;
  readonly masks: Uint8Array<ArrayBuffer>;
  readonly origins: readonly SliceOrigin[];
}

/** The field both sets share unless one is given: the median short side of all slices. `sides` in mm. */
export function defaultFieldMm(sides: readonly number[]): number {
  const sorted = [...sides].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}

/** The short side of a volume's axial slices in mm. */
export const shortSideMm = ({ shape, spacingMm }: Pick<Volume, "shape" | "spacingMm">): number =>
  Math.min(shape[0] * spacingMm[0], shape[1] * spacingMm[1]);

export const fieldOf = ({ shape, spacingMm }: Pick<Volume, "shape" | "spacingMm">, grid: SliceGrid): Field =>
  centreField(shape[0], shape[1], spacingMm, grid.fieldMm);

/** Axial slice z scaled to [−1, 1] and brought onto the grid: target[at …] as [size, size]; −1 outside the slice. */
export function imageSlice(
  image: Volume,
  z: number,
  range: Range,
  grid: SliceGrid,
  target: Float32Array,
  at = 0,
): void {
  const [nx, ny] = image.shape;
  const scaled = new Float32Array(nx * ny);
  scaleInto(scaled, 0, storedSlice(image.data, image.shape, z), range);
  cropValues(scaled, nx, ny, fieldOf(image, grid), grid.size, -1, target, at);
}

/** The mask's slice z on the grid. */
export function maskSlice(
  { image, mask }: Pick<LoadedCase, "image" | "mask">,
  z: number,
  grid: SliceGrid,
  target: Uint8Array,
  at = 0,
): void {
  cropLabels(
    storedSlice(mask, image.shape, z),
    image.shape[0],
    image.shape[1],
    fieldOf(image, grid),
    grid.size,
    target,
    at,
  );
}

/** Foreground voxels of each axial slice. */
export function foregroundPerSlice(mask: VoxelArray, shape: Volume["shape"]): Uint32Array {
  const counts = new Uint32Array(shape[2]);
  for (let z = 0, v = 0; z < shape[2]; z++)
    for (let n = shape[0] * shape[1]; n > 0; n--) if (mask[v++] !== 0) counts[z]!++;
  return counts;
}

/**
 * Which slices of a volume are trained on, rising: all with foreground, and `negatives` times as many without, drawn
 * by `key`.
 */
export function chooseSlices(foreground: ArrayLike<number>, negatives: number, key: number): number[] {
  const all = Array.from({ length: foreground.length }, (_, z) => z);
  const without = all.filter((z) => foreground[z] === 0);
  const withSome = all.filter((z) => foreground[z]! > 0);
  const wanted = Math.min(without.length, Math.round(negatives * withSome.length));
  const drawn = Array.from(permutation(without.length, key).subarray(0, wanted), (i) => without[i]!);
  return [...withSome, ...drawn].sort((a, b) => a - b);
}

export interface CollectOptions {
  readonly grid: SliceGrid;
  /**
   * Slices without foreground, as a part of those with. Default ¼. "all" takes every slice, "shown" every one that is
   * not blank.
   */
  readonly negatives?: number | "all" | "shown";
  readonly seed?: number;
}

/** Gathers slices case by case, so that only one volume need be in memory. */
export class SliceCollector {
  readonly #images: Float32Array[] = [];
  readonly #masks: Uint8Array[] = [];
  readonly #origins: SliceOrigin[] = [];
  /** Foreground voxels seen, and those that lie outside the field. */
  foreground = 0;
  outsideField = 0;

  constructor(readonly options: CollectOptions) {}

  /** Adds a case's slices, scaled from `range`; returns how many. */
  add(c: LoadedCase, range: Range): number {
    const { grid, negatives = 0.25, seed = 0 } = this.options;
    const counts = foregroundPerSlice(c.mask, c.image.shape);
    const chosen =
      typeof negatives === "string"
        ? Array.from(counts.keys())
        : chooseSlices(counts, negatives, keyOf(seed, "negatives", c.id));
    const n = grid.size * grid.size;
    const before = this.#origins.length;
    for (const z of chosen) {
      const image = new Float32Array(n);
      const mask = new Uint8Array(n);
      imageSlice(c.image, z, range, grid, image);
      // A slice beyond the body teaches nothing.
      if (negatives !== "all" && counts[z] === 0 && image.every((v) => v === image[0])) continue;
      maskSlice(c, z, grid, mask);
      this.#images.push(image);
      this.#masks.push(mask);
      this.#origins.push({ id: c.id, patient: c.patient, z });
    }
    this.#countForeground(c, counts);
    return this.#origins.length - before;
  }

  #countForeground({ image, mask }: LoadedCase, perSlice: Uint32Array): void {
    const [nx, ny] = image.shape;
    const field = fieldOf(image, this.options.grid);
    perSlice.forEach((count, z) => {
      this.foreground += count;
      if (count === 0) return;
      for (let y = 0, v = z * nx * ny; y < ny; y++)
        for (let x = 0; x < nx; x++, v++) if (mask[v] !== 0 && !covers(field, x + 0.5, y + 0.5)) this.outsideField++;
    });
  }

  /** All slices so far as one set. Throws DataError where there are none. */
  finish(name: string): SliceSet {
    const count = this.#images.length;
    const { size } = this.options.grid;
    const n = size * size;
    if (count === 0)
      throw new DataError(name, "slices", "no slice holds foreground", "check the masks, or name their label");
    const images = new Float32Array(count * n);
    const masks = new Uint8Array(count * n);
    this.#images.forEach((s, i) => images.set(s, i * n));
    this.#masks.forEach((s, i) => masks.set(s, i * n));
    return { size, count, images, masks, origins: this.#origins };
  }
}
