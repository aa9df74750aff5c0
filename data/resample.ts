// Slices between grids: a square field of a slice [H, W] to a size×size image and back. Pixel centres stand at whole
// coordinates + ½. Values are taken bilinearly, the filter widened by the factor of shrinking so that nothing
// aliases; labels by the nearest centre.

/** A square of a slice, in the slice's pixels; it may reach over the border. */
export interface Field {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** The field of `mm` × `mm` round the centre of a slice. Whole pixels where that changes its size by less than 1 %. */
export function centreField(
  width: number,
  height: number,
  [spacingX, spacingY]: readonly [x: number, y: number, ...rest: number[]],
  mm: number,
): Field {
  const side = (extent: number, spacing: number): [number, number] => {
    const exact = mm / spacing;
    const whole = Math.round(exact);
    const n = Math.abs(exact - whole) < 0.01 * exact ? whole : exact;
    const start = (extent - n) / 2;
    return [n === whole ? Math.floor(start) : start, n];
  };
  const [x, w] = side(width, spacingX);
  const [y, h] = side(height, spacingY);
  return { x, y, width: w, height: h };
}

export const covers = (field: Field, x: number, y: number): boolean =>
  x >= field.x && y >= field.y && x <= field.x + field.width && y <= field.y + field.height;

/**
 * For each target pixel of one axis: the source pixels it reads and their weights; none where its centre lies
 * outside.
 */
interface Taps {
  readonly start: Int32Array;
  readonly count: Int32Array;
  readonly weights: Float32Array;
  readonly most: number;
}

/** Target pixel i has its centre at source coordinate origin + (i + ½) · step. */
function tapsOf(target: number, source: number, origin: number, step: number): Taps {
  const radius = Math.max(1, step);
  const most = Math.ceil(2 * radius) + 1;
  const start = new Int32Array(target);
  const count = new Int32Array(target);
  const weights = new Float32Array(target * most);
  for (let i = 0; i < target; i++) {
    const centre = origin + (i + 0.5) * step;
    if (!(centre >= 0 && centre <= source)) continue;
    const first = Math.max(0, Math.ceil(centre - 0.5 - radius));
    const last = Math.min(source - 1, Math.floor(centre - 0.5 + radius));
    start[i] = first;
    count[i] = last - first + 1;
    let sum = 0;
    for (let s = first; s <= last; s++) {
      const weight = Math.max(0, 1 - Math.abs(s + 0.5 - centre) / radius);
      weights[i * most + s - first] = weight;
      sum += weight;
    }
    for (let s = first; s <= last; s++) weights[i * most + s - first]! /= sum;
  }
  return { start, count, weights, most };
}

/** The source's value at each target pixel; `fill` where the pixel's centre lies outside the source. */
function sample(
  source: ArrayLike<number>,
  sw: number,
  sh: number,
  target: Float32Array,
  at: number,
  tw: number,
  th: number,
  x: Taps,
  y: Taps,
  fill: number,
): void {
  const rows = new Float32Array(sh * tw);
  for (let r = 0; r < sh; r++)
    for (let i = 0; i < tw; i++) {
      let sum = 0;
      const from = r * sw + x.start[i]!;
      for (let k = 0, w = i * x.most; k < x.count[i]!; k++) sum += source[from + k]! * x.weights[w + k]!;
      rows[r * tw + i] = sum;
    }
  for (let j = 0; j < th; j++)
    for (let i = 0; i < tw; i++) {
      let sum = 0;
      const from = y.start[j]!;
      for (let k = 0, w = j * y.most; k < y.count[j]!; k++) sum += rows[(from + k) * tw + i]! * y.weights[w + k]!;
      target[at + j * tw + i] = x.count[i]! > 0 && y.count[j]! > 0 ? sum : fill;
    }
}

/** A field of `slice` [height, width] into target[at …] as [size, size]; `fill` outside the slice. */
export function cropValues(
  slice: ArrayLike<number>,
  width: number,
  height: number,
  field: Field,
  size: number,
  fill: number,
  target: Float32Array,
  at = 0,
): void {
  const x = tapsOf(size, width, field.x, field.width / size);
  const y = tapsOf(size, height, field.y, field.height / size);
  sample(slice, width, height, target, at, size, size, x, y, fill);
}

/** cropValues for labels: each is that of the nearest pixel, 0 outside. */
export function cropLabels(
  slice: ArrayLike<number>,
  width: number,
  height: number,
  field: Field,
  size: number,
  target: Uint8Array | Float32Array,
  at = 0,
): void {
  for (let j = 0; j < size; j++) {
    const y = Math.floor(field.y + ((j + 0.5) * field.height) / size);
    for (let i = 0; i < size; i++) {
      const x = Math.floor(field.x + ((i + 0.5) * field.width) / size);
      const inside = x >= 0 && x < width && y >= 0 && y < height;
      target[at + j * size + i] = inside ? slice[y * width + x]! : 0;
    }
  }
}

/** The inverse of cropValues: an image [size, size] back onto the slice [height, width]; `fill` outside the field. */
export function uncropValues(
  image: ArrayLike<number>,
  size: number,
  field: Field,
  width: number,
  height: number,
  fill: number,
  target: Float32Array,
  at = 0,
): void {
  const sx = size / field.width;
  const sy = size / field.height;
  sample(
    image,
    size,
    size,
    target,
    at,
    width,
    height,
    tapsOf(width, size, -field.x * sx, sx),
    tapsOf(height, size, -field.y * sy, sy),
    fill,
  );
}
