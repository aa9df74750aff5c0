// Elements of a layer's results in f64, each by the plain definition, and how results are compared with them.
import { type Image, type Windows, count } from "../reference/pool.ts";
import { source } from "../reference/pad.ts";
import { taps } from "../reference/resize.ts";
import { sizeOf, type Shape } from "../../engine/index.ts";
import { ofRank } from "../../engine/shape.ts";
import type { ConvLayer, NormLayer, PoolLayer, ResizeLayer } from "./layers.ts";

type Values = ArrayLike<number>;

/** NHWC coordinates of flat index i. */
function coordinates(i: number, shape: Shape): [n: number, y: number, x: number, c: number] {
  const [, h, w, c] = ofRank(shape, 4);
  const pixel = Math.floor(i / c);
  const row = Math.floor(pixel / w);
  return [Math.floor(row / h), row % h, pixel % w, i % c];
}

/** For each coordinate of an axis, the padded ones that show it; the padded axis begins at −low. */
function shownAt(size: number, low: number, high: number, mode: ConvLayer["padMode"]): number[][] {
  const shown = Array.from({ length: size }, (): number[] => []);
  for (let t = -low; t < size + high; t++) {
    const at = source(t, size, mode === "reflect" ? "reflect" : "constant");
    if (at >= 0) shown[at]!.push(t);
  }
  return shown;
}

/**
 * The three bilinear forms of a convolution of `image` [N, H, W, C] with w to `out` [N, P, Q, K]: one element of
 * each.
 */
export function convSpots(
  {
    w: filter,
    stride,
    pad,
    dilation,
    groups,
    padMode,
  }: Pick<ConvLayer, "w" | "stride" | "pad" | "dilation" | "groups" | "padMode">,
  image: Shape,
  out: Shape,
) {
  const [N, H, W, C] = ofRank(image, 4);
  const [, P, Q, K] = ofRank(out, 4);
  const [R, S, cs] = ofRank(filter, 4);
  const ks = K / groups;
  const mode = padMode === "reflect" ? "reflect" : "constant";
  const rows = shownAt(H, pad[0], pad[2], padMode);
  const columns = shownAt(W, pad[1], pad[3], padMode);
  /** Flat index of the pixel that tap (r, s) of output (p, q) meets, without its channel; −1 for none. */
  const met = (n: number, p: number, q: number, r: number, s: number): number => {
    const y = source(p * stride[0] + r * dilation[0] - pad[0], H, mode);
    const x = source(q * stride[1] + s * dilation[1] - pad[1], W, mode);
    return y < 0 || x < 0 ? -1 : ((n * H + y) * W + x) * C;
  };
  // Each visits the pairs of flat indices whose products add up to element i: of image and filter, of dy and filter, of
  // image and dy.
  const eachOut = (i: number, visit: Visit): void => {
    const [n, p, q, k] = coordinates(i, out);
    const first = Math.floor(k / ks) * cs;
    for (let r = 0; r < R; r++)
      for (let s = 0; s < S; s++) {
        const at = met(n, p, q, r, s);
        if (at >= 0) for (let c = 0; c < cs; c++) visit(at + first + c, ((r * S + s) * cs + c) * K + k);
      }
  };
  const eachImage = (i: number, visit: Visit): void => {
    const [n, y, x, c] = coordinates(i, image);
    const group = Math.floor(c / cs);
    for (const ty of rows[y]!)
      for (const tx of columns[x]!)
        for (let r = 0; r < R; r++)
          for (let s = 0; s < S; s++) {
            const p = (ty + pad[0] - r * dilation[0]) / stride[0];
            const q = (tx + pad[1] - s * dilation[1]) / stride[1];
            if (!Number.isInteger(p) || !Number.isInteger(q) || p < 0 || p >= P || q < 0 || q >= Q) continue;
            for (let k = group * ks; k < (group + 1) * ks; k++)
              visit(((n * P + p) * Q + q) * K + k, ((r * S + s) * cs + (c % cs)) * K + k);
          }
  };
  const eachFilter = (i: number, visit: Visit): void => {
    const k = i % K;
    const c = (Math.floor(i / K) % cs) + Math.floor(k / ks) * cs;
    const tap = Math.floor(i / K / cs);
    const r = Math.floor(tap / S);
    const s = tap % S;
    for (let n = 0; n < N; n++)
      for (let p = 0; p < P; p++)
        for (let q = 0; q < Q; q++) {
          const at = met(n, p, q, r, s);
          if (at >= 0) visit(at + c, ((n * P + p) * Q + q) * K + k);
        }
  };
  return {
    out: (x: Values, w: Values, i: number): number => productSum(x, w, i, eachOut),
    image: (dy: Values, w: Values, i: number): number => productSum(dy, w, i, eachImage),
    filter: (x: Values, dy: Values, i: number): number => productSum(x, dy, i, eachFilter),
    each: { out: eachOut, image: eachImage, filter: eachFilter },
  };
}

/** Hears of one product of a sum: the flat indices of its two factors. */
export type Visit = (a: number, b: number) => void;

/** Σ a·b over the pairs that `each` visits for element i. */
export function productSum(a: Values, b: Values, i: number, each: (i: number, visit: Visit) => void): number {
  let sum = 0;
  each(i, (p, q) => {
    sum += a[p]! * b[q]!;
  });
  return sum;
}

/**
 * y and gradients of a norm of x with weight and bias [C]: statistics of the channel (and sample) that the element
 * belongs to.
 */
export function normSpots(
  { op, x: shape }: NormLayer,
  x: Values,
  weight: Values,
  bias: Values,
  dy: Values,
  eps = 1e-5,
) {
  const [N, H, W, C] = ofRank(shape, 4);
  const known = new Map<string, { mean: number; root: number; s: number; su: number }>();
  const statistics = (n: number, c: number) => {
    const key = op === "batch-norm" ? `${c}` : op === "instance-norm" ? `${n},${c}` : `${n}`;
    const found = known.get(key);
    if (found) return found;
    const channels = op === "layer-norm" ? Array.from({ length: C }, (_, i) => i) : [c];
    const each = (visit: (i: number, channel: number) => void): void => {
      for (let m = op === "batch-norm" ? 0 : n; m < (op === "batch-norm" ? N : n + 1); m++) {
        for (let p = 0; p < H * W; p++) for (const k of channels) visit((m * H * W + p) * C + k, k);
      }
    };
    let count = 0;
    let mean = 0;
    let variance = 0;
    let s = 0;
    let su = 0;
    each((i) => {
      count++;
      mean += x[i]!;
    });
    mean /= count;
    each((i) => {
      variance += (x[i]! - mean) ** 2;
    });
    const root = 1 / Math.sqrt(variance / count + eps);
    each((i, k) => {
      const g = weight[k]! * dy[i]!;
      s += g;
      su += g * (x[i]! - mean) * root;
    });
    const made = { mean, root, s: s / count, su: su / count };
    known.set(key, made);
    return made;
  };
  const at = (i: number) => {
    const c = i % C;
    const { mean, root, s, su } = statistics(Math.floor(i / (H * W * C)), c);
    return { c, u: (x[i]! - mean) * root, root, s, su };
  };
  const sum = (c: number, term: (i: number) => number): number => {
    let total = 0;
    for (let i = c; i < sizeOf(shape); i += C) total += term(i);
    return total;
  };
  return {
    y: (i: number): number => {
      const { c, u } = at(i);
      return u * weight[c]! + bias[c]!;
    },
    dx: (i: number): number => {
      const { c, u, root, s, su } = at(i);
      return root * (weight[c]! * dy[i]! - s - u * su);
    },
    dWeight: (c: number): number => sum(c, (i) => dy[i]! * at(i).u),
    dBias: (c: number): number => sum(c, (i) => dy[i]!),
  };
}

/** y and dx of a pooling; padding counts in a mean. */
export function poolSpots({ op, x: shape, kernel, stride, pad }: PoolLayer, out: Shape, x: Values, dy: Values) {
  const [n, h, w, c] = ofRank(shape, 4);
  const image: Image = { n, h, w, c };
  const windows: Windows = { kernel, stride, pad, dilation: [1, 1], ceilMode: false };
  const P = count(h, 0, windows);
  const Q = count(w, 1, windows);
  const area = kernel[0] * kernel[1];
  /** Value of a window, and the element that gave a maximum. */
  const window = (m: number, p: number, q: number, k: number): { value: number; from: number } => {
    let value = op === "max-pool" ? -Infinity : 0;
    let from = -1;
    for (let r = 0; r < kernel[0]; r++)
      for (let s = 0; s < kernel[1]; s++) {
        const y = p * stride[0] - pad[0] + r;
        const z = q * stride[1] - pad[1] + s;
        if (y < 0 || y >= image.h || z < 0 || z >= image.w) continue;
        const at = ((m * h + y) * w + z) * c + k;
        if (op === "avg-pool") value += x[at]! / area;
        else if (x[at]! > value) {
          value = x[at]!;
          from = at;
        }
      }
    return { value, from };
  };
  return {
    y: (i: number): number => {
      const [m, p, q, k] = coordinates(i, out);
      return window(m, p, q, k).value;
    },
    dx(i: number): number {
      const [m, y, z, k] = coordinates(i, shape);
      let sum = 0;
      for (
        let p = Math.max(0, Math.ceil((y + pad[0] - kernel[0] + 1) / stride[0]));
        p < P && p * stride[0] <= y + pad[0];
        p++
      ) {
        for (
          let q = Math.max(0, Math.ceil((z + pad[1] - kernel[1] + 1) / stride[1]));
          q < Q && q * stride[1] <= z + pad[1];
          q++
        ) {
          const d = dy[((m * P + p) * Q + q) * c + k]!;
          sum += op === "avg-pool" ? d / area : window(m, p, q, k).from === i ? d : 0;
        }
      }
      return sum;
    },
  };
}

/** y and dx of a resize: rows and columns mix apart. */
export function resizeSpots({ x: shape, size, mode, alignCorners }: ResizeLayer, x: Values, dy: Values) {
  const [n, h, w, c] = ofRank(shape, 4);
  const kind = mode === "nearest" ? mode : alignCorners ? ("align-corners" as const) : ("half-pixel" as const);
  const out: Shape = [n, ...size, c];
  const rows = Array.from({ length: size[0] }, (_, p) => taps(p, h, size[0], kind));
  const columns = Array.from({ length: size[1] }, (_, q) => taps(q, w, size[1], kind));
  const weight = (list: [number, number][], at: number): number =>
    list.reduce((s, [i, u]) => s + (i === at ? u : 0), 0);
  return {
    y(i: number): number {
      const [m, p, q, k] = coordinates(i, out);
      return rows[p]!.reduce(
        (s, [a, u]) => s + columns[q]!.reduce((t, [b, v]) => t + u * v * x[((m * h + a) * w + b) * c + k]!, 0),
        0,
      );
    },
    dx(i: number): number {
      const [m, y, z, k] = coordinates(i, shape);
      const along = (list: [number, number][][], at: number) =>
        list.map((taps, o) => [o, weight(taps, at)] as const).filter(([, u]) => u !== 0);
      return along(rows, y).reduce(
        (s, [p, u]) =>
          s + along(columns, z).reduce((t, [q, v]) => t + u * v * dy[((m * size[0] + p) * size[1] + q) * c + k]!, 0),
        0,
      );
    },
  };
}

/** Indices to look at: both ends, the first and last of rows, and a spread that no stride follows. */
export function spotsOf(size: number, wanted = 192): number[] {
  const spots = new Set([0, 1, size >> 1, size - 2, size - 1].filter((i) => i >= 0 && i < size));
  let at = 12345 % size;
  for (let i = 0; i < wanted && spots.size < size; i++) {
    at = (at + Math.floor(size * 0.6180339887) + 1) % size;
    spots.add(at);
  }
  return [...spots];
}

/** How far results are from what they should be, and the first element that is too far. */
export interface Comparison {
  /** Largest |got − want|, relative to the largest |want|; Infinity where one is NaN. */
  readonly off: number;
  /** The element that is off by that. */
  readonly at: number;
  readonly wrong?: { readonly index: number; readonly got: number; readonly want: number };
}

/**
 * Compares the elements `at` (all, if absent) with what they should be: wrong is the first that is off by more than
 * `allowed` of the largest expected one.
 */
export function compareElements(
  got: Values,
  want: (i: number) => number,
  allowed: number,
  at: readonly number[] = Array.from(got, (_, i) => i),
): Comparison {
  const expected = Float64Array.from(at, want);
  const scale = expected.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  const offs = expected.map((v, j) => {
    const off = Math.abs(got[at[j]!]! - v);
    return Number.isNaN(off) ? Infinity : off === 0 ? 0 : off / scale;
  });
  const off = offs.reduce((most, v) => Math.max(most, v), 0);
  const most = at[offs.indexOf(off)] ?? 0;
  const first = offs.findIndex((v) => v > allowed);
  if (first < 0) return { off, at: most };
  const index = at[first]!;
  return { off, at: most, wrong: { index, got: got[index]!, want: expected[first]! } };
}
