// What a network makes of a volume: slice by slice, each by as many fields as cover it, laid back onto the volume's own
// grid.
import type { Range } from "../data/intensity.ts";
import type { Field } from "../data/resample.ts";
import { fieldOf } from "../data/slices.ts";
import { classesOfPlanes, slicePlanes, sliceTiles, tilesOf } from "../data/tiles.ts";
import type { Volume } from "../data/volume.ts";
import type { SegmentationModel } from "./model.ts";

export interface SegmentOptions {
  /** Probability above which a voxel belongs to the one structure. Default ½. */
  readonly threshold?: number;
  /** Whether only the field round the centre of each slice is segmented; the rest is then class 0. */
  readonly crop?: boolean;
  /**
   * Hears of each axial slice z, in order, of the volume in Left-Posterior-Superior order: of one structure its
   * probability [ny, nx], of several that of each class, class 0 first.
   */
  onSlice?(z: number, planes: readonly Float32Array[]): void;
}

/** The fields of an axial slice that are segmented, each as large as the images of the network. */
export const fieldsOf = (
  image: Pick<Volume, "shape" | "spacingMm">,
  { size, fieldMm }: Pick<SegmentationModel, "size" | "fieldMm">,
  { crop = false }: Pick<SegmentOptions, "crop"> = {},
): readonly Field[] => (crop ? [fieldOf(image, { fieldMm, size })] : tilesOf(image, fieldMm));

/** Channels of a network's output: one for one structure, else one more than structures. */
export const channelsFor = ({ length }: { readonly length: number }): number => (length === 1 ? 1 : length + 1);

/**
 * Class numbers of the voxels of a volume in Left-Posterior-Superior order, in its order. `probabilitiesOf` gives those
 * of images [count, size, size] in [−1, 1] as [count, size, size, K]; it is asked for so many `slices` at a time.
 */
export async function classesOfVolume(
  probabilitiesOf: (images: Float32Array) => Promise<Float32Array>,
  image: Volume,
  range: Range,
  model: Pick<SegmentationModel, "size" | "fieldMm" | "labels">,
  { slices, ...options }: SegmentOptions & { readonly slices: number },
): Promise<Uint8Array<ArrayBuffer>> {
  const { threshold = 0.5, onSlice } = options;
  const [nx, ny] = image.shape;
  const mask = new Uint8Array(image.data.length);
  const grid = {
    fields: fieldsOf(image, model, options),
    size: model.size,
    classes: channelsFor(model.labels),
    slices,
  };
  await eachSlice(probabilitiesOf, image, range, grid, (z, planes) => {
    onSlice?.(z, planes);
    classesOfPlanes(planes, mask, z * nx * ny, threshold);
  });
  return mask;
}

/**
 * How slices are given to a network: by which fields of [size, size], so many slices at a time; `classes` channels come
 * back.
 */
interface SliceFields {
  readonly fields: readonly Field[];
  readonly size: number;
  readonly classes: number;
  readonly slices: number;
}

/**
 * What a network makes of each axial slice of a volume, in order: a plane [ny, nx] for each of its channels, the fields
 * blended. `outputOf` gives [count, size, size, classes] of images [count, size, size] in [−1, 1].
 */
export async function eachSlice(
  outputOf: (images: Float32Array) => Promise<Float32Array>,
  image: Volume,
  range: Range,
  { fields, size, classes, slices }: SliceFields,
  onSlice: (z: number, planes: readonly Float32Array[]) => void,
): Promise<void> {
  const [, , depth] = image.shape;
  const n = fields.length * size ** 2;
  for (let first = 0; first < depth; first += slices) {
    const many = Math.min(slices, depth - first);
    const tiles = new Float32Array(many * n);
    for (let i = 0; i < many; i++) sliceTiles(image, first + i, range, { fields, size }, tiles, i * n);
    const output = await outputOf(tiles);
    for (let i = 0; i < many; i++) {
      const here = output.subarray(i * n * classes, (i + 1) * n * classes);
      onSlice(first + i, slicePlanes(here, image, { fields, size, classes }));
    }
  }
}
