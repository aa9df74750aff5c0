// From volumes and masks to the 2-D slices that networks see. Both sets use one field of view in millimetres and one
// size in pixels, so that a centimetre is as many pixels on CT as on MR.
import { isSameGrid } from "./alignment.ts";
import { type Range, scaleInto } from "./intensity.ts";
import { permutation } from "./random.ts";
import { type Field, centreField, cropLabels, cropValues } from "./resample.ts";
import { type Volume, type VoxelArray, sformGeometry, storedSlice } from "./volume.ts";

/**
 * What is cut out of an axial slice: `fieldMm` × `fieldMm`, round its centre unless told, as `size` × `size` pixels.
 */
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

/** Slices ready for training, wherever they are kept: images [size, size] in [−1, 1] and masks of class numbers. */
export interface Slices {
  readonly size: number;
  readonly count: number;
  readonly origins: readonly SliceOrigin[];
  /** Copies the image of slice `index` to target[at …]. Throws where it can't be read. */
  copyImage(index: number, target: Float32Array, at?: number): void;
  /** Copies the mask of slice `index` to target[at …]. Throws where it can't be read. */
  copyMask(index: number, target: Uint8Array, at?: number): void;
}

/** The bytes of slices: of each the image in 32-bit floats, and the mask. */
export const bytesOfSlices = ({ size, count }: Pick<Slices, "size" | "count">): number => count * size ** 2 * (4 + 1);

/** Slices in memory: images [count, size, size], masks [count, size, size]. */
export interface SliceSet extends Slices {
  readonly images: Float32Array<ArrayBuffer>;
  readonly masks: Uint8Array<ArrayBuffer>;
}

/** Slices in memory of their images and masks. */
export function sliceSet(held: Omit<SliceSet, "copyImage" | "copyMask">): SliceSet {
  return {
    ...held,
    copyImage(index, target, at = 0) {
      target.set(imageAt(this, index), at);
    },
    copyMask(index, target, at = 0) {
      target.set(maskAt(this, index), at);
    },
  };
}

/** The image [size, size] of a slice in memory, as a view. */
export const imageAt = ({ images, size }: SliceSet, index: number): SliceSet["images"] =>
  images.subarray(index * size ** 2, (index + 1) * size ** 2);
/** The mask [size, size] of a slice in memory, as a view. */
export const maskAt = ({ masks, size }: SliceSet, index: number): SliceSet["masks"] =>
  masks.subarray(index * size ** 2, (index + 1) * size ** 2);

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
  field = fieldOf(image, grid),
): void {
  const [nx, ny] = image.shape;
  const scaled = new Float32Array(nx * ny);
  scaleInto(scaled, 0, storedSlice(image.data, image.shape, z), range);
  cropValues(scaled, nx, ny, field, grid.size, -1, target, at);
}

/** The mask's slice z on the grid. */
export function maskSlice(
  { image, mask }: Pick<LoadedCase, "image" | "mask">,
  z: number,
  grid: SliceGrid,
  target: Uint8Array,
  at = 0,
  field = fieldOf(image, grid),
): void {
  const [nx, ny] = image.shape;
  cropLabels(storedSlice(mask, image.shape, z), nx, ny, field, grid.size, target, at);
}

/** A case's axial slices first … last alone, where they were. */
export function sliceRange({ image, mask, ...c }: LoadedCase, first: number, last: number): LoadedCase {
  const slice = image.shape[0] * image.shape[1];
  return { ...c, image: slab(image, first, last), mask: mask.slice(first * slice, (last + 1) * slice) };
}

/** A volume's slices first … last alone, where they were. */
function slab(volume: Volume, first: number, last: number): Volume {
  const [nx, ny] = volume.shape;
  const affine = volume.affine.map((v, i) => (i % 4 === 3 && i < 12 ? v + first * volume.affine[i - 1]! : v));
  const data = volume.data.slice(first * nx * ny, (last + 1) * nx * ny) as Volume["data"];
  const shape = [nx, ny, last + 1 - first] as const;
  return { ...volume, data, shape, affine, geometry: sformGeometry(affine, volume.spacingMm) };
}

/**
 * The slices of `volume` whose voxels are those of the grid of `part`; undefined where it has not all of them. Where a
 * file says nothing of its place, all or none.
 */
export function slicesOnGrid(volume: Volume, part: Volume): Volume | undefined {
  if (!(volume.oriented && part.oriented)) return isSameGrid(part, volume) ? volume : undefined;
  const [nx, ny, nz] = part.shape;
  if (volume.shape[0] !== nx || volume.shape[1] !== ny) return undefined;
  const step = [2, 6, 10].map((i) => volume.affine[i]!);
  const away = [3, 7, 11].map((i) => part.affine[i]! - volume.affine[i]!);
  const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, v, i) => sum + v * b[i]!, 0);
  const first = Math.round(dot(step, away) / dot(step, step));
  if (first < 0 || first + nz > volume.shape[2]) return undefined;
  const found = slab(volume, first, first + nz - 1);
  return isSameGrid(part, found) ? found : undefined;
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
 * by `key` from those that `mayBe` one.
 */
export function chooseSlices(
  foreground: ArrayLike<number>,
  negatives: number,
  key: number,
  mayBe: (z: number) => boolean = () => true,
): number[] {
  const all = Array.from({ length: foreground.length }, (_, z) => z);
  const without = all.filter((z) => foreground[z] === 0 && mayBe(z));
  const withSome = all.filter((z) => foreground[z]! > 0);
  const wanted = Math.min(without.length, Math.round(negatives * withSome.length));
  const drawn = Array.from(permutation(without.length, key).subarray(0, wanted), (i) => without[i]!);
  return [...withSome, ...drawn].sort((a, b) => a - b);
}
