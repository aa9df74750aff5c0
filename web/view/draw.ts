// Pixels of a plane as colours: values through a window, labels as tints with contours.
import { softTissueWindow } from "../../data/intensity.ts";
import type { VoxelArray } from "../../data/volume.ts";
import type { PlaneSize } from "./planes.ts";

/** Values from `low` (black) to `high` (white). */
export interface Window {
  readonly low: number;
  readonly high: number;
}

export type Rgb = readonly [red: number, green: number, blue: number];

/** Grey values [height × width] as RGBA; NaN is violet. */
export function greyPixels(values: VoxelArray, { low, high }: Window): Uint8ClampedArray<ArrayBuffer> {
  const rgba = new Uint8ClampedArray(4 * values.length);
  const words = new Uint32Array(rgba.buffer);
  const scale = 255 / Math.max(high - low, 1e-6);
  for (let i = 0; i < values.length; i++) {
    const v = values[i]!;
    const grey = Math.max(0, Math.min(255, Math.round((v - low) * scale)));
    words[i] = Number.isNaN(v) ? VIOLET : 0xff000000 | (grey << 16) | (grey << 8) | grey;
  }
  return rgba;
}
const VIOLET = 0xffd355ba;

/** Labels as colours of this opacity, 0 to 1; label k has the k-th colour, over and over. */
export function tintPixels(
  labels: Uint8Array,
  colours: readonly Rgb[],
  opacity: number,
): Uint8ClampedArray<ArrayBuffer> {
  const rgba = new Uint8ClampedArray(4 * labels.length);
  const words = new Uint32Array(rgba.buffer);
  const alpha = Math.round(255 * opacity);
  const tints = colours.map(([r, g, b]) => ((alpha << 24) | (b << 16) | (g << 8) | r) >>> 0);
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!;
    if (label !== 0) words[i] = tints[(label - 1) % tints.length]!;
  }
  return rgba;
}

/**
 * The edges between pixels of different labels: x0, y0, x1, y1, in pixels, for each label that has any. Drawn at each
 * move of a brush, so that pixels within a label cost four comparisons and no call.
 */
export function contoursOf(
  labels: Uint8Array,
  { width, height }: Pick<PlaneSize, "width" | "height">,
): Map<number, number[]> {
  const edges = new Map<number, number[]>();
  let known = 0;
  let own: number[] = [];
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const label = labels[i]!;
      if (label === 0) continue;
      const left = x === 0 || labels[i - 1] !== label;
      const right = x === width - 1 || labels[i + 1] !== label;
      const top = y === 0 || labels[i - width] !== label;
      const bottom = y === height - 1 || labels[i + width] !== label;
      if (!(left || right || top || bottom)) continue;
      if (label !== known) {
        own = edges.get(label) ?? [];
        edges.set(label, own);
        known = label;
      }
      if (left) own.push(x, y, x, y + 1);
      if (right) own.push(x + 1, y, x + 1, y + 1);
      if (top) own.push(x, y, x + 1, y);
      if (bottom) own.push(x, y + 1, x + 1, y + 1);
    }
  }
  return edges;
}

/**
 * The window that a volume is first shown by: soft tissue where it looks like CT, else from 1 to 99 % of its values.
 */
export function firstWindow(data: VoxelArray): Window {
  const step = Math.max(1, Math.floor(data.length / 20_000));
  const sample: number[] = [];
  for (let i = 0; i < data.length; i += step) if (!Number.isNaN(data[i]!)) sample.push(data[i]!);
  sample.sort((a, b) => a - b);
  const [low = 0, high = 1] = [sample[Math.floor(0.01 * sample.length)], sample[Math.floor(0.99 * sample.length)]];
  return low < -300
    ? { low: softTissueWindow.low, high: softTissueWindow.high }
    : { low, high: high > low ? high : low + 1 };
}
