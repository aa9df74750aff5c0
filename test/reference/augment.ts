// Augmentation in plain f64 loops, pixel by pixel: where a value comes from, and what is there.

/** Cubic B-spline, piece by piece. */
const spline = (d: number): number => {
  const a = Math.abs(d);
  return a < 1 ? 2 / 3 - a * a + a ** 3 / 2 : a < 2 ? (2 - a) ** 3 / 6 : 0;
};

/**
 * Displacement (across, down), in parts of the side, at the centre of pixel (row, column) of [h, w], by the points
 * [G, G, 2] of a field.
 */
export function displacement(
  elastic: ArrayLike<number>,
  [h, w]: readonly [number, number],
  row: number,
  column: number,
): [number, number] {
  const points = Math.round(Math.sqrt(elastic.length / 2));
  const moved: [number, number] = [0, 0];
  const x = ((column + 0.5) / w) * (points - 1);
  const y = ((row + 0.5) / h) * (points - 1);
  for (let i = 0; i < points; i++)
    for (let j = 0; j < points; j++)
      for (const axis of [0, 1]) moved[axis]! += spline(y - i) * spline(x - j) * elastic[2 * (i * points + j) + axis]!;
  return moved;
}

/**
 * The place (column, row), in pixels, that pixel (row, column) of an [h, w] slice reads by affine [6] and elastic [G,
 * G, 2].
 */
export function source(
  affine: ArrayLike<number>,
  elastic: ArrayLike<number>,
  [h, w]: readonly [number, number],
  row: number,
  column: number,
): [number, number] {
  const x = (2 * column + 1) / w - 1;
  const y = (2 * row + 1) / h - 1;
  const [dx, dy] = displacement(elastic, [h, w], row, column);
  const u = affine[0]! * x + affine[1]! * y + affine[2]! + 2 * dx;
  const v = affine[3]! * x + affine[4]! * y + affine[5]! + 2 * dy;
  return [((u + 1) * w - 1) / 2, ((v + 1) * h - 1) / 2];
}

/**
 * One slice [h, w]: the image bilinearly with −1 outside, the mask by the nearest pixel with 0 outside; `tie`: how
 * far a place is from
 * half-way between two pixels; `rim`: 1 where air mixes with the image. */
export function augment(
  image: ArrayLike<number>,
  mask: ArrayLike<number>,
  affine: ArrayLike<number>,
  elastic: ArrayLike<number>,
  [h, w]: readonly [number, number],
) {
  const out = {
    image: new Float64Array(h * w),
    mask: new Float64Array(h * w),
    tie: new Float64Array(h * w),
    rim: new Uint8Array(h * w),
  };
  const at = (of: ArrayLike<number>, outside: number, row: number, column: number): number =>
    row >= 0 && row < h && column >= 0 && column < w ? of[row * w + column]! : outside;
  const fromHalf = (v: number): number => Math.abs(v - Math.floor(v) - 0.5);
  for (let row = 0; row < h; row++)
    for (let column = 0; column < w; column++) {
      const [x, y] = source(affine, elastic, [h, w], row, column);
      const o = row * w + column;
      const j = Math.floor(x);
      const i = Math.floor(y);
      const fx = x - j;
      const fy = y - i;
      out.image[o] =
        (1 - fy) * ((1 - fx) * at(image, -1, i, j) + fx * at(image, -1, i, j + 1)) +
        fy * ((1 - fx) * at(image, -1, i + 1, j) + fx * at(image, -1, i + 1, j + 1));
      out.mask[o] = at(mask, 0, Math.round(y), Math.round(x));
      out.rim[o] = Number(x < 0 || y < 0 || x > w - 1 || y > h - 1);
      out.tie[o] = Math.min(fromHalf(x), fromHalf(y));
    }
  return out;
}

/** Values in −1 … 1 by power, factor and shift: f64. */
export const changeIntensity = (
  values: ArrayLike<number>,
  [power, factor, shift]: readonly [number, number, number],
): Float64Array =>
  Float64Array.from(values, (x) => {
    const curved = 2 * Math.min(1, Math.max(0, (x + 1) / 2)) ** power - 1;
    return Math.min(1, Math.max(-1, factor * curved + shift));
  });
