// Which pixels' features a map is made of, as the paper takes them (IV-D): as many of structures as of background, out
// of a square round the structure in each slice that shows one.
import { keyOf, permutation } from "../data/random.ts";
import type { Features } from "./feature-maps.ts";

/** A pixel of a layer, and the class that the expert's mask gives it: 0 for background. */
export interface LabelledPixel {
  readonly slice: number;
  /** Row times width plus column, of the layer. */
  readonly at: number;
  readonly label: number;
}

/** Masks [count, size, size] of class numbers. */
export interface Masks {
  readonly size: number;
  readonly count: number;
  readonly masks: ArrayLike<number>;
}

export interface PixelOptions {
  /** Pixels of the layer along an axis; `size` is a multiple of it. */
  readonly side: number;
  /** Side of the square in pixels of the slice, as far as that goes; larger where the structure is. Default 160. */
  readonly window?: number;
  /** Most pixels of all. */
  readonly most: number;
  readonly seed?: number;
}

/**
 * Pixels of a layer, as many of structures as of background, in an order drawn by `seed`. A pixel of a layer that is
 * smaller than the slice has the class that most of its part of the mask has, the background where none has most.
 */
export function choosePixels(masks: Masks, { side, window = 160, most, seed = 0 }: PixelOptions): LabelledPixel[] {
  const structure: LabelledPixel[] = [];
  const background: LabelledPixel[] = [];
  const n = masks.size ** 2;
  for (let slice = 0; slice < masks.count; slice++) {
    const mask = Uint8Array.from({ length: n }, (_, i) => masks.masks[slice * n + i]!);
    const square = squareRound(mask, masks.size, window);
    if (!square) continue;
    const factor = masks.size / side;
    for (let y = Math.ceil(square.y / factor); y < Math.floor((square.y + square.side) / factor); y++)
      for (let x = Math.ceil(square.x / factor); x < Math.floor((square.x + square.side) / factor); x++) {
        const label = classAt(mask, masks.size, x, y, factor);
        (label > 0 ? structure : background).push({ slice, at: y * side + x, label });
      }
  }
  const each = Math.min(structure.length, background.length, Math.floor(most / 2));
  const drawn = (pixels: readonly LabelledPixel[], name: string): LabelledPixel[] =>
    Array.from(permutation(pixels.length, keyOf(seed, name)).subarray(0, each), (i) => pixels[i]!);
  const chosen = [...drawn(structure, "structure"), ...drawn(background, "background")];
  return Array.from(permutation(chosen.length, keyOf(seed, "order")), (i) => chosen[i]!);
}

/** The square round what a mask marks, within the slice; undefined where it marks nothing. */
function squareRound(
  mask: Uint8Array,
  size: number,
  window: number,
): { x: number; y: number; side: number } | undefined {
  const [low, high] = [
    [size, size],
    [-1, -1],
  ] as [[number, number], [number, number]];
  mask.forEach((v, i) => {
    if (v === 0) return;
    for (const [axis, at] of [i % size, Math.floor(i / size)].entries() as Iterable<[0 | 1, number]>) {
      low[axis] = Math.min(low[axis], at);
      high[axis] = Math.max(high[axis], at);
    }
  });
  if (high[0] < 0) return undefined;
  const side = Math.min(size, Math.max(window, high[0] - low[0] + 1, high[1] - low[1] + 1));
  const start = (axis: 0 | 1): number =>
    Math.min(size - side, Math.max(0, Math.round((low[axis] + high[axis] + 1 - side) / 2)));
  return { x: start(0), y: start(1), side };
}

function classAt(mask: Uint8Array, size: number, x: number, y: number, factor: number): number {
  if (factor === 1) return mask[y * size + x]!;
  const counts = new Map<number, number>();
  for (let j = y * factor; j < (y + 1) * factor; j++)
    for (let i = x * factor; i < (x + 1) * factor; i++) {
      const label = mask[j * size + i]!;
      counts.set(label, (counts.get(label) ?? 0) + 1);
    }
  const most = [...counts].find(([, count]) => count > factor ** 2 / 2);
  return most?.[0] ?? 0;
}

/** Writes the features of those pixels that lie in `slice` into points [pixels, channels], in the pixels' order. */
export function takePixels(
  { channels, values }: Features,
  pixels: readonly LabelledPixel[],
  slice: number,
  points: Float32Array,
): void {
  pixels.forEach((pixel, i) => {
    if (pixel.slice === slice)
      points.set(values.subarray(pixel.at * channels, (pixel.at + 1) * channels), i * channels);
  });
}
