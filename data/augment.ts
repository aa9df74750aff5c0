// What augmentation draws for each slice: numbers only, from a key alone. The GPU moves the pixels (train/augment.ts).
import { mat3d } from "wgpu-matrix";
import { keyOf, uniform } from "./random.ts";

/** Probabilities and ranges of what is drawn anew for each slice; all 0: slices as they are. */
export interface AugmentationConfig {
  /** Probability of a left-right flip. */
  flip: number;
  /** Rotation within ± this. */
  degrees: number;
  /** Scaling within 1 ± this. */
  scale: number;
  /** Elastic deformation: the points of a random field are displaced by up to this part of the image's side. */
  elastic: number;
  /** Points of that field along a side. */
  elasticGrid: number;
}

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
