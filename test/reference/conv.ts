// Convolutions in plain f64 loops: what the kernels must give. Layouts: x NHWC · w RSCK · y NPQK.
import { source } from "../../bench/reference/pad.ts";

export interface Conv {
  readonly n: number;
  readonly h: number;
  readonly w: number;
  readonly c: number;
  readonly p: number;
  readonly q: number;
  readonly k: number;
  readonly r: number;
  readonly s: number;
  readonly stride: readonly [number, number];
  readonly pad: readonly [top: number, left: number, bottom: number, right: number];
  readonly dilation: readonly [number, number];
  readonly groups: number;
  readonly padMode?: "zero" | "reflect";
}

/** Calls `visit` with the flat indices of x, w and y of each product y += x·w. */
function eachProduct(o: Conv, visit: (x: number, w: number, y: number) => void): void {
  const cs = o.c / o.groups;
  const ks = o.k / o.groups;
  for (let n = 0; n < o.n; n++)
    for (let p = 0; p < o.p; p++)
      for (let q = 0; q < o.q; q++)
        for (let r = 0; r < o.r; r++)
          for (let s = 0; s < o.s; s++) {
            const mode = o.padMode === "reflect" ? "reflect" : "constant";
            const h = source(p * o.stride[0] + r * o.dilation[0] - o.pad[0], o.h, mode);
            const w = source(q * o.stride[1] + s * o.dilation[1] - o.pad[1], o.w, mode);
            if (h < 0 || w < 0) continue;
            for (let k = 0; k < o.k; k++)
              for (let c = 0; c < cs; c++) {
                visit(
                  ((n * o.h + h) * o.w + w) * o.c + Math.floor(k / ks) * cs + c,
                  ((r * o.s + s) * cs + c) * o.k + k,
                  ((n * o.p + p) * o.q + q) * o.k + k,
                );
              }
          }
}

export function conv2d(x: ArrayLike<number>, w: ArrayLike<number>, o: Conv): Float64Array {
  const y = new Float64Array(o.n * o.p * o.q * o.k);
  eachProduct(o, (i, j, l) => (y[l]! += x[i]! * w[j]!));
  return y;
}

export function conv2dInputGrad(dy: ArrayLike<number>, w: ArrayLike<number>, o: Conv): Float64Array {
  const dx = new Float64Array(o.n * o.h * o.w * o.c);
  eachProduct(o, (i, j, l) => (dx[i]! += dy[l]! * w[j]!));
  return dx;
}

export function conv2dWeightGrad(x: ArrayLike<number>, dy: ArrayLike<number>, o: Conv): Float64Array {
  const dw = new Float64Array(o.r * o.s * (o.c / o.groups) * o.k);
  eachProduct(o, (i, j, l) => (dw[j]! += x[i]! * dy[l]!));
  return dw;
}

/** The definition by scattering: each x[n,p,q,i] lays w[·,·,o,i] at (p·stride − pad, q·stride − pad). One group. */
export function convTranspose2d(
  x: ArrayLike<number>,
  w: ArrayLike<number>,
  [n, p, q, cin]: readonly [number, number, number, number],
  [r, s, cout]: readonly [number, number, number, ...number[]],
  [h, wide]: readonly [number, number],
  stride: readonly [number, number],
  pad: readonly [number, number, ...number[]],
  dilation: readonly [number, number],
): Float64Array {
  const y = new Float64Array(n * h * wide * cout);
  for (let b = 0; b < n; b++)
    for (let i = 0; i < p; i++)
      for (let j = 0; j < q; j++)
        for (let dr = 0; dr < r; dr++)
          for (let ds = 0; ds < s; ds++) {
            const row = i * stride[0] + dr * dilation[0] - pad[0];
            const column = j * stride[1] + ds * dilation[1] - pad[1];
            if (row < 0 || row >= h || column < 0 || column >= wide) continue;
            for (let o = 0; o < cout; o++)
              for (let c = 0; c < cin; c++) {
                y[((b * h + row) * wide + column) * cout + o]! +=
                  x[((b * p + i) * q + j) * cin + c]! * w[((dr * s + ds) * cout + o) * cin + c]!;
              }
          }
  return y;
}
