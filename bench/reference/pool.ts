// Pooling of NHWC in plain f64 loops: what the kernels must give.

export interface Image {
  readonly n: number;
  readonly h: number;
  readonly w: number;
  readonly c: number;
}
export interface Windows {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly pad: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly ceilMode: boolean;
}

/** Number of windows: the last must start before the end of the image. */
export function count(size: number, axis: 0 | 1, { kernel, stride, pad, dilation, ceilMode }: Windows): number {
  const span = dilation[axis] * (kernel[axis] - 1) + 1;
  let outs = 0;
  for (let start = -pad[axis]; ; start += stride[axis]) {
    const inside = start + span <= size + pad[axis];
    const begun = start < size && start + span - stride[axis] < size + pad[axis];
    if (!(ceilMode ? begun : inside)) return outs;
    outs++;
  }
}

/**
 * Calls `visit` with each window's output index and the indices of the elements in it, row-major, for each image and
 * channel.
 */
function eachWindow(
  { n, h, w, c }: Image,
  o: Windows,
  visit: (out: number, inside: number[], place: { p: number; q: number; image: number; c: number }) => void,
): void {
  const P = count(h, 0, o);
  const Q = count(w, 1, o);
  for (let image = 0; image < n; image++)
    for (let p = 0; p < P; p++)
      for (let q = 0; q < Q; q++)
        for (let k = 0; k < c; k++) {
          const inside: number[] = [];
          for (let r = 0; r < o.kernel[0]; r++)
            for (let s = 0; s < o.kernel[1]; s++) {
              const y = p * o.stride[0] - o.pad[0] + r * o.dilation[0];
              const x = q * o.stride[1] - o.pad[1] + s * o.dilation[1];
              if (y >= 0 && y < h && x >= 0 && x < w) inside.push(((image * h + y) * w + x) * c + k);
            }
          visit(((image * P + p) * Q + q) * c + k, inside, { p, q, image, c: k });
        }
}

/** Values, flat positions in H·W (−1: none) and flat positions in x of the maxima. */
export function maxPool(
  x: ArrayLike<number>,
  image: Image,
  o: Windows,
): { y: number[]; index: number[]; from: number[] } {
  const y: number[] = [];
  const index: number[] = [];
  const from: number[] = [];
  eachWindow(image, o, (out, inside) => {
    let best = -Infinity;
    let at = inside[0] ?? -1;
    for (const i of inside)
      if (x[i]! > best || Number.isNaN(x[i])) {
        best = x[i]!;
        at = i;
      }
    y[out] = best;
    from[out] = at;
    index[out] = at < 0 ? -1 : Math.floor(at / image.c) % (image.h * image.w);
  });
  return { y, index, from };
}

export function maxPoolGrad(dy: ArrayLike<number>, x: ArrayLike<number>, image: Image, o: Windows): number[] {
  const dx = new Array<number>(image.n * image.h * image.w * image.c).fill(0);
  maxPool(x, image, o).from.forEach((at, out) => {
    if (at >= 0) dx[at]! += dy[out]!;
  });
  return dx;
}

export interface Mean {
  readonly countIncludePad: boolean;
  readonly divisorOverride?: number;
}

function divisor(
  inside: number,
  p: number,
  q: number,
  { h, w }: Image,
  o: Windows,
  { countIncludePad, divisorOverride }: Mean,
): number {
  if (divisorOverride) return divisorOverride;
  if (!countIncludePad) return inside;
  const along = (i: number, size: number, a: 0 | 1): number => {
    const start = i * o.stride[a] - o.pad[a];
    return Math.min(start + o.kernel[a], size + o.pad[a]) - start;
  };
  return along(p, h, 0) * along(q, w, 1);
}

export function avgPool(x: ArrayLike<number>, image: Image, o: Windows, mean: Mean): number[] {
  const y: number[] = [];
  eachWindow(image, o, (out, inside, { p, q }) => {
    y[out] = inside.reduce((s, i) => s + x[i]!, 0) / divisor(inside.length, p, q, image, o, mean);
  });
  return y;
}

export function avgPoolGrad(dy: ArrayLike<number>, image: Image, o: Windows, mean: Mean): number[] {
  const dx = new Array<number>(image.n * image.h * image.w * image.c).fill(0);
  eachWindow(image, o, (out, inside, { p, q }) => {
    for (const i of inside) dx[i]! += dy[out]! / divisor(inside.length, p, q, image, o, mean);
  });
  return dx;
}

/** Adaptive means: y, and the transpose of the same loops applied to dy. */
export function adaptiveAvgPool(
  { n, h, w, c }: Image,
  [P, Q]: readonly [number, number],
  x: ArrayLike<number>,
  dy: ArrayLike<number>,
): { y: number[]; dx: number[] } {
  const y: number[] = [];
  const dx = new Array<number>(n * h * w * c).fill(0);
  for (let image = 0; image < n; image++)
    for (let p = 0; p < P; p++)
      for (let q = 0; q < Q; q++)
        for (let k = 0; k < c; k++) {
          const [y0, y1] = [Math.floor((p * h) / P), Math.ceil(((p + 1) * h) / P)];
          const [x0, x1] = [Math.floor((q * w) / Q), Math.ceil(((q + 1) * w) / Q)];
          const out = ((image * P + p) * Q + q) * c + k;
          const size = (y1 - y0) * (x1 - x0);
          y[out] = 0;
          for (let i = y0; i < y1; i++)
            for (let j = x0; j < x1; j++) {
              const at = ((image * h + i) * w + j) * c + k;
              y[out] += x[at]! / size;
              dx[at]! += dy[out]! / size;
            }
        }
  return { y, dx };
}
