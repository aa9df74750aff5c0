// Sampling NHWC at grid points in plain f64 loops: for each point the pixels it mixes, their weights, and the
// weights' slopes.
import type { Image } from "../../bench/reference/pool.ts";

export type Mode = "bilinear" | "nearest" | "bicubic";
export type Padding = "zeros" | "border" | "reflection";

/** A coordinate in pixels moved inside as the padding says, and its slope. */
function moved(at: number, size: number, padding: Padding, alignCorners: boolean): [number, number] {
  let v = at;
  let slope = 1;
  if (padding === "zeros") return [v, slope];
  if (padding === "reflection") {
    const low = alignCorners ? 0 : -0.5;
    const high = alignCorners ? size - 1 : size - 0.5;
    if (low === high) return [0, 0];
    while (v < low || v > high) {
      v = v < low ? 2 * low - v : 2 * high - v;
      slope = -slope;
    }
  }
  return v <= 0 ? [0, 0] : v >= size - 1 ? [size - 1, 0] : [v, slope];
}

const cubic = (d: number): [weight: number, slope: number] => {
  const a = -0.75;
  return d <= 1
    ? [(a + 2) * d ** 3 - (a + 3) * d ** 2 + 1, 3 * (a + 2) * d ** 2 - 2 * (a + 3) * d]
    : [a * (d ** 3 - 5 * d ** 2 + 8 * d - 4), a * (3 * d ** 2 - 10 * d + 8)];
};
const evenRound = (v: number): number => (Math.abs(v % 1) === 0.5 ? 2 * Math.round(v / 2) : Math.round(v));

/** [pixel, weight, d weight / d u] along an axis of `size` at coordinate u of −1 … 1. */
export function taps(
  u: number,
  size: number,
  mode: Mode,
  padding: Padding,
  alignCorners: boolean,
): [number, number, number][] {
  const scale = alignCorners ? (size - 1) / 2 : size / 2;
  const place = alignCorners ? (u + 1) * scale : (u + 1) * scale - 0.5;
  if (mode === "bicubic") {
    const first = Math.floor(place);
    return [-1, 0, 1, 2].map((k) => {
      const d = place - (first + k);
      const [weight, slope] = cubic(Math.abs(d));
      return [moved(first + k, size, padding, alignCorners)[0], weight, slope * Math.sign(d) * scale];
    });
  }
  const [at, sign] = moved(place, size, padding, alignCorners);
  const first = Math.floor(at);
  if (mode === "nearest") return [[evenRound(at), 1, 0]];
  return [
    [first, 1 - (at - first), -sign * scale],
    [first + 1, at - first, sign * scale],
  ];
}

/** y, and the gradients of Σ y·dy. */
export function gridSample(
  { n, h, w, c }: Image,
  [P, Q]: readonly [number, number],
  mode: Mode,
  padding: Padding,
  alignCorners: boolean,
  x: ArrayLike<number>,
  grid: ArrayLike<number>,
  dy: ArrayLike<number>,
) {
  const y = new Array<number>(n * P * Q * c).fill(0);
  const dx = new Array<number>(n * h * w * c).fill(0);
  const dgrid = new Array<number>(2 * n * P * Q).fill(0);
  for (let point = 0; point < n * P * Q; point++) {
    const image = Math.floor(point / (P * Q));
    for (const [j, v, slopeX] of taps(grid[2 * point]!, w, mode, padding, alignCorners))
      for (const [i, u, slopeY] of taps(grid[2 * point + 1]!, h, mode, padding, alignCorners)) {
        if (!(i >= 0 && i < h && j >= 0 && j < w)) continue;
        for (let k = 0; k < c; k++) {
          const at = ((image * h + i) * w + j) * c + k;
          const out = point * c + k;
          y[out]! += u * v * x[at]!;
          dx[at]! += u * v * dy[out]!;
          dgrid[2 * point]! += u * slopeX * x[at]! * dy[out]!;
          dgrid[2 * point + 1]! += slopeY * v * x[at]! * dy[out]!;
        }
      }
  }
  return { y, dx, dgrid };
}
