// Resizing of NHWC in plain f64 loops: for each output the elements it mixes and their weights.
import type { Image } from "./pool.ts";

export type Mode = "nearest" | "half-pixel" | "align-corners";

/** [element, weight] pairs of output `o` along an axis. */
export function taps(o: number, size: number, outs: number, mode: Mode): [number, number][] {
  if (mode === "nearest") return [[Math.min(Math.floor((o * size) / outs), size - 1), 1]];
  const at =
    mode === "align-corners"
      ? outs > 1
        ? (o * (size - 1)) / (outs - 1)
        : 0
      : Math.max(((o + 0.5) * size) / outs - 0.5, 0);
  const a = Math.min(Math.floor(at), size - 1);
  const b = Math.min(a + 1, size - 1);
  const weight = Math.min(Math.max(at - a, 0), 1);
  return [
    [a, 1 - weight],
    [b, weight],
  ];
}

/** y = A x and dx = Aᵀ dy. */
export function resize(
  { n, h, w, c }: Image,
  [P, Q]: readonly [number, number],
  mode: Mode,
  x: ArrayLike<number>,
  dy: ArrayLike<number>,
): { y: number[]; dx: number[] } {
  const y: number[] = [];
  const dx = new Array<number>(n * h * w * c).fill(0);
  for (let image = 0; image < n; image++)
    for (let p = 0; p < P; p++)
      for (let q = 0; q < Q; q++)
        for (let k = 0; k < c; k++) {
          const out = ((image * P + p) * Q + q) * c + k;
          y[out] = 0;
          for (const [i, u] of taps(p, h, P, mode))
            for (const [j, v] of taps(q, w, Q, mode)) {
              const at = ((image * h + i) * w + j) * c + k;
              y[out] += u * v * x[at]!;
              dx[at]! += u * v * dy[out]!;
            }
        }
  return { y, dx };
}
