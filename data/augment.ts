// Augmentation of a training slice: flip, rotation, scaling; one transform for image and mask, drawn from a key alone.
import { keyOf, uniform } from "./random.ts";

export interface AugmentOptions {
  /** Probability of a left-right flip. */
  readonly flip: number;
  /** Rotation within ± this. */
  readonly degrees: number;
  /** Scaling drawn from 1 − scale … 1 + scale. */
  readonly scale: number;
}

export const defaultAugment: AugmentOptions = { flip: 0.5, degrees: 10, scale: 0.1 };

export interface Transform {
  readonly flip: boolean;
  readonly radians: number;
  readonly scale: number;
}

/** The transform of sample `index` in `epoch`: the same whatever was drawn before, in whichever process. */
export function drawTransform(options: AugmentOptions, key: number, epoch: number, index: number): Transform {
  const k = keyOf(key, epoch, index);
  return {
    flip: uniform(k, 0) < options.flip,
    radians: ((2 * uniform(k, 1) - 1) * options.degrees * Math.PI) / 180,
    scale: 1 + (2 * uniform(k, 2) - 1) * options.scale,
  };
}

/**
 * image [size, size] and mask [size, size] (from `from` on) transformed round their centre into outImage and outMask (from `to` on).
 * Values bilinearly, masks by the nearest pixel; −1 (air) and 0 come in from outside.
 */
export function transformInto(image: Float32Array, mask: Uint8Array, from: number, size: number, t: Transform, outImage: Float32Array, outMask: Float32Array, to: number): void {
  // Each target pixel looks back: rotate by −angle, divide by the scale, flip last.
  const c = Math.cos(t.radians) / t.scale, s = Math.sin(t.radians) / t.scale, half = size / 2;
  for (let j = 0, o = to; j < size; j++) {
    const v = j + 0.5 - half;
    for (let i = 0; i < size; i++, o++) {
      const u = i + 0.5 - half;
      const along = c * u + s * v;
      const x = (t.flip ? -along : along) + half - 0.5, y = c * v - s * u + half - 0.5;
      outImage[o] = bilinear(image, from, size, x, y);
      const nx = Math.round(x), ny = Math.round(y);
      outMask[o] = nx >= 0 && nx < size && ny >= 0 && ny < size ? mask[from + ny * size + nx] : 0;
    }
  }
}

const OUTSIDE = -1;

function bilinear(image: Float32Array, from: number, size: number, x: number, y: number): number {
  const x0 = Math.floor(x), y0 = Math.floor(y), fx = x - x0, fy = y - y0;
  const at = (px: number, py: number): number => (px >= 0 && px < size && py >= 0 && py < size ? image[from + py * size + px] : OUTSIDE);
  const top = at(x0, y0) * (1 - fx) + (fx > 0 ? at(x0 + 1, y0) * fx : 0);
  return fy > 0 ? top * (1 - fy) + (at(x0, y0 + 1) * (1 - fx) + (fx > 0 ? at(x0 + 1, y0 + 1) * fx : 0)) * fy : top;
}
