// What augmentation draws for each slice: numbers only, from a key alone. The GPU moves the pixels (train/augment.ts).
import { mat3d } from "wgpu-matrix";
import { keyOf, uniform } from "./random.ts";

/** Probabilities and ranges of the changes drawn for each slice; all 0: slices as they are. */
export interface AugmentationConfig {
  /** Probability of a left-right flip. */
  flip: number;
  /** Pairs of class numbers that a flip makes of each other, as a left and a right kidney; absent: none. */
  sides?: readonly (readonly [number, number])[];
  /** Rotation within ± this. */
  degrees: number;
  /** Scaling within 1 ± this. */
  scale: number;
  /** Elastic deformation: the points of a random field are displaced by up to this part of the image's side. */
  elastic: number;
  /** Points of that field along a side. */
  elasticGrid: number;
  /** Changes of an image's values; absent or all 0: the values as they are. */
  intensity?: IntensityChange;
}

/** Ranges of what is drawn for an image's values, which lie within −1 … 1. */
export interface IntensityChange {
  /** Values are multiplied by a factor within 1 ± this. */
  contrast: number;
  /** Values are shifted by a number within ± this. */
  brightness: number;
  /** Values, brought to 0 … 1, are raised to a power within 1 ± this. */
  gamma: number;
}

/** Whether there is anything to draw for an image's values. */
export const changesIntensity = ({ intensity }: AugmentationConfig): boolean =>
  intensity !== undefined && Object.values(intensity).some((range) => range !== 0);

/** Flips, rotations up to 10°, scaling by up to 10 %, elastic deformation; no change of values. */
export const defaultAugmentation: AugmentationConfig = {
  flip: 0.5,
  degrees: 10,
  scale: 0.1,
  elastic: 0.02,
  elasticGrid: 4,
};

/** Where each pixel's value comes from, for N slices. */
export interface Transforms {
  /**
   * [N, 6], rows (a b c; d e f): target (x, y) reads source (ax + by + c, dx + ey + f). Across and down, −1 to 1 over
   * the image.
   */
  readonly affine: Float32Array;
  /**
   * [N, G, G, 2], rows downward: what the points of a field move the source by, across and down, in parts of the
   * image's side.
   */
  readonly elastic: Float32Array;
}

/** Whether an affine map [6], as in Transforms, mirrors: turns and scalings do not. */
export const mirrors = (affine: ArrayLike<number>): boolean => affine[0]! * affine[4]! - affine[1]! * affine[3]! < 0;

/** Makes of each class number of a mask the one on the other side; of the rest nothing. */
export function exchangeSides(mask: Float32Array, sides: readonly (readonly [number, number])[]): void {
  const other = new Map(sides.flatMap(([a, b]) => [[a, b] as const, [b, a] as const]));
  for (let i = 0; i < mask.length; i++) mask[i] = other.get(mask[i]!) ?? mask[i]!;
}

/** So many numbers of a slice's stream come before those of its field. */
const FIELD = 3;

/**
 * The affine map [6] (as Transforms.affine) that flips an image, then scales it up by `scale`, then turns it from x
 * towards y, round its centre.
 */
export function affineOf({
  flip,
  radians,
  scale,
}: {
  readonly flip: boolean;
  readonly radians: number;
  readonly scale: number;
}): number[] {
  const toTarget = mat3d.multiply(mat3d.rotation(radians), mat3d.scaling([flip ? -scale : scale, scale]));
  const m = mat3d.inverse(toTarget); // columns of 4
  return [m[0]!, m[4]!, m[8]!, m[1]!, m[5]!, m[9]!];
}

/**
 * The transforms of the places `indices` of `epoch`. Each follows from its key, epoch and place alone, whatever was
 * drawn before or beside it.
 */
export function drawTransforms(
  { flip, degrees, scale, elastic, elasticGrid }: AugmentationConfig,
  key: number,
  epoch: number,
  indices: readonly number[],
): Transforms {
  const field = 2 * elasticGrid ** 2;
  const drawn: Transforms = {
    affine: new Float32Array(6 * indices.length),
    elastic: new Float32Array(field * indices.length),
  };
  indices.forEach((index, i) => {
    const k = keyOf(key, epoch, index);
    const within = (n: number, range: number): number => (2 * uniform(k, n) - 1) * range;
    drawn.affine.set(
      affineOf({
        flip: uniform(k, 0) < flip,
        radians: (within(1, degrees) * Math.PI) / 180,
        scale: 1 + within(2, scale),
      }),
      6 * i,
    );
    for (let p = 0; p < field; p++) drawn.elastic[field * i + p] = within(FIELD + p, elastic);
  });
  return drawn;
}

/**
 * What happens to the values of the places `indices` of `epoch`: [N, 3], power, factor and shift of each. As
 * drawTransforms, from a stream of its own.
 */
export function drawIntensities(
  { contrast, brightness, gamma }: IntensityChange,
  key: number,
  epoch: number,
  indices: readonly number[],
): Float32Array {
  const drawn = new Float32Array(3 * indices.length);
  indices.forEach((index, i) => {
    const k = keyOf(key, epoch, index);
    const within = (n: number, range: number): number => (2 * uniform(k, n) - 1) * range;
    drawn.set([1 + within(0, gamma), 1 + within(1, contrast), within(2, brightness)], 3 * i);
  });
  return drawn;
}
