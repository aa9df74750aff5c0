// An RGBA picture in memory: grey images enlarged by whole factors, contours of masks, PNG.
import { encode } from "fast-png";

export type Colour = readonly [red: number, green: number, blue: number];

/** Colours of pictures, red, green and blue from 0 to 255. */
export const colours = {
  black: [0, 0, 0],
  white: [255, 255, 255],
  grey: [150, 150, 150],
  dark: [40, 40, 44],
  /** The expert's contour, and the algorithm's. */
  expert: [255, 214, 0],
  algorithm: [255, 45, 45],
  blue: [86, 156, 255],
  green: [90, 200, 110],
  orange: [255, 150, 40],
  violet: [190, 130, 255],
} as const satisfies Record<string, Colour>;

/** An RGBA picture of 8 bits a channel, [height, width, 4]. */
export class Picture {
  readonly data: Uint8ClampedArray<ArrayBuffer>;
  constructor(
    readonly width: number,
    readonly height: number,
    background: Colour = colours.black,
  ) {
    if (!(Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0))
      throw new RangeError(`a picture of ${width} × ${height} pixels cannot be made`);
    this.data = new Uint8ClampedArray(width * height * 4);
    this.fill(0, 0, width, height, background);
  }

  /** Sets a pixel; outside the picture nothing happens. */
  set(x: number, y: number, [r, g, b]: Colour): void {
    if (x < 0 || y < 0 || x >= this.width || y >= this.height) return;
    const o = 4 * (y * this.width + x);
    this.data[o] = r;
    this.data[o + 1] = g;
    this.data[o + 2] = b;
    this.data[o + 3] = 255;
  }

  /** Fills a rectangle of width × height pixels at (x, y). */
  fill(x: number, y: number, width: number, height: number, colour: Colour): void {
    for (let j = y; j < y + height; j++) for (let i = x; i < x + width; i++) this.set(i, j, colour);
  }

  /**
   * Values [height, width] as grey (−1 black, 1 white unless a range is given; NaN violet), each pixel `scale` ×
   * `scale`, at (x, y).
   */
  grey(
    values: ArrayLike<number>,
    width: number,
    height: number,
    x: number,
    y: number,
    scale = 1,
    [low, high]: readonly [number, number] = [-1, 1],
  ): void {
    for (let j = 0; j < height * scale; j++)
      for (let i = 0; i < width * scale; i++) {
        const v = values[Math.floor(j / scale) * width + Math.floor(i / scale)]!;
        const g = Math.min(255, Math.max(0, Math.round((255 * (v - low)) / (high - low))));
        this.set(x + i, y + j, Number.isNaN(v) ? colours.violet : [g, g, g]);
      }
  }

  /**
   * Colours the inside of a mask [height, width] (> ½), enlarged as grey() does, so that what is below shows through.
   */
  tint(
    mask: ArrayLike<number>,
    width: number,
    height: number,
    x: number,
    y: number,
    scale: number,
    colour: Colour,
    opacity: number,
  ): void {
    for (let j = 0; j < height * scale; j++)
      for (let i = 0; i < width * scale; i++) {
        if (!(mask[Math.floor(j / scale) * width + Math.floor(i / scale)]! > 0.5)) continue;
        const below = this.data.subarray(4 * ((y + j) * this.width + x + i));
        const mixed = (k: number): number => Math.round((1 - opacity) * below[k]! + opacity * colour[k]!);
        this.set(x + i, y + j, [mixed(0), mixed(1), mixed(2)]);
      }
  }

  /**
   * The border of a mask [height, width] (> ½ is inside), enlarged as grey() does. "inside" marks the mask's own
   * outermost pixels and "outside" those that touch it, so that two equal masks drawn one each way are both seen.
   * Outside parts are cut at the image's edge.
   */
  contour(
    mask: ArrayLike<number>,
    width: number,
    height: number,
    x: number,
    y: number,
    scale: number,
    colour: Colour,
    side: "inside" | "outside",
  ): void {
    const w = width * scale;
    const h = height * scale;
    const inside = (i: number, j: number): boolean =>
      i >= 0 && j >= 0 && i < w && j < h && mask[Math.floor(j / scale) * width + Math.floor(i / scale)]! > 0.5;
    for (let j = 0; j < h; j++)
      for (let i = 0; i < w; i++) {
        const here = inside(i, j);
        if (here !== (side === "inside")) continue;
        if (
          inside(i - 1, j) !== here ||
          inside(i + 1, j) !== here ||
          inside(i, j - 1) !== here ||
          inside(i, j + 1) !== here
        )
          this.set(x + i, y + j, colour);
      }
  }

  /** The bytes of a PNG file (8-bit RGB). */
  png(): Uint8Array {
    const rgb = new Uint8Array(this.width * this.height * 3);
    for (let i = 0, o = 0; o < rgb.length; i += 4) {
      rgb[o++] = this.data[i]!;
      rgb[o++] = this.data[i + 1]!;
      rgb[o++] = this.data[i + 2]!;
    }
    return encode({ width: this.width, height: this.height, data: rgb, depth: 8, channels: 3 });
  }
}
