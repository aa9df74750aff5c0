// Sampling an image at given points, by PyTorch's rules. Positions and weights are elementwise, so that their
// gradients follow; the mixing of pixels is one op with kernels.
import { oneOf } from "../choice.ts";
import { full, iota } from "../constant.ts";
import { isFloat } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import { ofRank, show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { expand } from "./broadcast.ts";
import { cast, toF32 } from "./cast.ts";
import { abs, add, div, equal, floor, less, lessEqual, mul, neg, round, sub, where } from "./elementwise.ts";
import { mixTaps } from "./taps.ts";
import { reshape, slice } from "./movement.ts";

const modes = ["bilinear", "nearest", "bicubic"] as const;
const paddings = ["zeros", "border", "reflection"] as const;

export interface GridSampleOptions {
  /** How pixels around a point are mixed (default bilinear); bicubic is the convolution with a = −0.75. */
  mode?: (typeof modes)[number];
  /** What stands outside the image: zeros (default), its edge, or its mirror image. */
  padding?: (typeof paddings)[number];
  /** −1 and 1 are the centres of the corner pixels (true) or the image's edges (false, the default). */
  alignCorners?: boolean;
}

/** at limited to [0, size − 1]; nothing flows back from the limits and beyond. NaN gives 0. */
const clip = (at: Tensor, size: number): Tensor => where(less(0, at), where(less(at, size - 1), at, size - 1), 0);

/** at mirrored into [low, low + span] as often as it takes. */
function reflect(at: Tensor, low: number, span: number): Tensor {
  if (span === 0) return mul(at, 0);
  const from = sub(at, low);
  const away = where(less(from, 0), neg(from), from);
  const flips = floor(div(away, span));
  const rest = sub(away, mul(flips, span));
  const even = equal(mul(2, floor(mul(flips, 0.5))), flips);
  return add(where(even, rest, sub(span, rest)), low);
}

/** Weights of the Keys cubic at distance d ≤ 2. */
function cubic(d: Tensor): Tensor {
  const a = -0.75;
  const near = add(mul(mul(sub(mul(a + 2, d), a + 3), d), d), 1);
  const far = mul(a, sub(mul(add(mul(sub(d, 5), d), 8), d), 4));
  return where(lessEqual(d, 1), near, far);
}

/**
 * Which pixels along an axis of `size` mix at coordinate u [N, P] and how: whole numbers (−1: none), weights, both
 * [N, P, taps].
 */
function tapsAlong(
  u: Tensor,
  size: number,
  mode: GridSampleOptions["mode"],
  padding: GridSampleOptions["padding"],
  alignCorners: boolean,
): [at: Tensor, weight: Tensor] {
  const inside = (at: Tensor): Tensor => {
    if (padding === "zeros") return at;
    if (padding === "border") return clip(at, size);
    return clip(alignCorners ? reflect(at, 0, size - 1) : reflect(at, -0.5, size), size);
  };
  // A pixel beyond the image, or at a place that is no number, is none.
  const pixel = (at: Tensor): Tensor =>
    where(lessEqual(0, at), where(lessEqual(at, size - 1), cast(at, "i32"), -1), -1);
  const place = alignCorners ? mul(add(u, 1), (size - 1) / 2) : mul(sub(mul(add(u, 1), size), 1), 0.5);
  const centre = mode === "bicubic" ? place : inside(place);
  if (mode === "nearest") return [reshape(pixel(round(centre)), [...u.shape, 1]), full([...u.shape, 1], 1)];
  const count = mode === "bicubic" ? 4 : 2;
  const shape = [...u.shape, count];
  const first = floor(centre);
  const step = expand(sub(cast(iota([count]), "f32"), count / 2 - 1), shape);
  const eachTap = (t: Tensor): Tensor => expand(reshape(t, [...u.shape, 1]), shape);
  const beyond = eachTap(sub(centre, first));
  const at = add(eachTap(first), step);
  if (mode === "bicubic") return [pixel(inside(at)), cubic(abs(sub(beyond, step)))];
  return [pixel(at), where(equal(step, 0), sub(1, beyond), beyond)];
}

/**
 * y[n,p,q,c] = x at the point (grid[n,p,q,0], grid[n,p,q,1]) = (across, down), each from −1 to 1 over the image. x
 * [N, H, W, C], grid [N, P, Q, 2] → [N, P, Q, C]. Coordinates and weights are f32. Gradients to both, those to x
 * summed in a fixed order. Throws ShapeError.
 */
export function gridSample(
  x: Tensor,
  grid: Tensor,
  { mode = "bilinear", padding = "zeros", alignCorners = false }: GridSampleOptions = {},
): Tensor {
  const fail = (message: string): never => {
    throw new ShapeError("gridSample", message);
  };
  if (x.rank !== 4) fail(`x is ${show(x.shape)}; it must be an image batch [N, H, W, C]`);
  if (grid.rank !== 4 || grid.shape[3] !== 2)
    fail(`grid is ${show(grid.shape)}; it must be [N, P, Q, 2], two coordinates a point`);
  if (x.shape[0] !== grid.shape[0])
    fail(
      `x ${show(x.shape)} has N = ${x.shape[0]}, grid ${show(grid.shape)} has N = ${grid.shape[0]}; they must be equal`,
    );
  for (const [name, t] of Object.entries({ x, grid }))
    if (!isFloat(t.dtype)) fail(`${name} is ${t.dtype}${show(t.shape)}; it must be f32: cast(${name}, "f32") first`);
  oneOf("gridSample", "mode", mode, modes);
  oneOf("gridSample", "padding", padding, paddings);
  const [n, h, w, c] = ofRank(x.shape, 4);
  const [, p, q] = ofRank(grid.shape, 4);
  if (h === 0 || w === 0) fail(`x is ${show(x.shape)}; H and W must be ≥ 1, for an empty image has no pixel to take`);
  const along = (k: number): Tensor => reshape(slice(toF32(grid), [null, null, null, [k, k + 1]]), [n, p * q]);
  const [column, across] = tapsAlong(along(0), w, mode, padding, alignCorners);
  const [row, down] = tapsAlong(along(1), h, mode, padding, alignCorners);
  // Every row tap with every column tap.
  const [, , taps] = ofRank(row.shape, 3);
  const square = [n, p * q, taps, taps];
  const rows = (t: Tensor): Tensor => expand(reshape(t, [n, p * q, taps, 1]), square);
  const columns = (t: Tensor): Tensor => expand(reshape(t, [n, p * q, 1, taps]), square);
  const i = rows(row);
  const j = columns(column);
  const index = where(less(i, 0), -1, where(less(j, 0), -1, add(mul(i, w), j)));
  const flat = (t: Tensor): Tensor => reshape(t, [n, p * q, taps * taps]);
  const weights = mul(rows(down), columns(across));
  return reshape(mixTaps(reshape(x, [n, h * w, c]), flat(index), flat(weights)), [n, p, q, c]);
}
