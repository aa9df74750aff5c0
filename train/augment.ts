// Augmentation on the GPU, as part of the step's program: one transform for image and mask, by the numbers that
// data/augment.ts drew.
import {
  type Tensor,
  abs,
  add,
  cast,
  clamp,
  expand,
  gridSample,
  iota,
  matmul,
  maximum,
  minimum,
  mul,
  reshape,
  slice,
  stack,
  sub,
  transpose,
} from "../engine/index.ts";
import type { Batch } from "./regime.ts";

/** Cubic B-spline at distance d: ((2 − d)₊³ − 4 (1 − d)₊³) / 6. */
const spline = (d: Tensor): Tensor => {
  const cubed = (t: Tensor): Tensor => mul(t, mul(t, t));
  return sub(mul(1 / 6, cubed(maximum(sub(2, d), 0))), mul(4 / 6, cubed(maximum(sub(1, d), 0))));
};

/**
 * [size, points]: how much each of `points` along a side, the outer two on its ends, counts at the centre of each of
 * `size` pixels.
 */
function splineBasis(size: number, points: number): Tensor {
  const shape = [size, points];
  const at = mul(add(cast(iota([size, 1]), "f32"), 0.5), (points - 1) / size);
  return spline(abs(sub(expand(at, shape), expand(cast(iota([1, points]), "f32"), shape))));
}

/**
 * The field [N, G, G, 2] at every pixel, [N, 2, H, W], as a tensor product of cubic B-splines; its points beyond the
 * edges are 0. Twice differentiable, so that no edge of the grid shows, and nowhere larger than the largest of the
 * points; a bilinear field would kink at each point, and an interpolating cubic overshoots.
 */
export function displacement(elastic: Tensor, [h, w]: readonly [number, number]): Tensor {
  const points = elastic.shape[1]!;
  return matmul(
    splineBasis(h, points),
    matmul(transpose(elastic, [0, 3, 1, 2]), splineBasis(w, points), { transposeB: true }),
  );
}

/** Centres of n pixels, −1 to 1 over the image: [n]. */
const centres = (n: number): Tensor => sub(mul(add(cast(iota([n]), "f32"), 0.5), 2 / n), 1);

/** Where each pixel's value comes from: [N, H, W, 2], across and down, −1 to 1 over the image. */
function sources(affine: Tensor, elastic: Tensor, [h, w]: readonly [number, number]): Tensor {
  const n = affine.shape[0]!;
  const all = [n, h, w];
  const number = (k: number): Tensor => expand(reshape(slice(affine, [null, [k, k + 1]]), [n, 1, 1]), all);
  const x = expand(reshape(centres(w), [1, 1, w]), all);
  const y = expand(reshape(centres(h), [1, h, 1]), all);
  const field = displacement(elastic, [h, w]);
  const along = (axis: number): Tensor => {
    const moved = reshape(slice(field, [null, [axis, axis + 1]]), all);
    return add(add(mul(number(3 * axis), x), mul(number(3 * axis + 1), y)), add(number(3 * axis + 2), mul(2, moved)));
  };
  return stack([along(0), along(1)], 3);
}

/**
 * The part of a bilinear sample that lies inside the image: [N, H, W, 1]; 1 between the outer pixels' centres, 0 from
 * one pixel beyond.
 */
function inside(grid: Tensor, [h, w]: readonly [number, number]): Tensor {
  const along = (axis: number, size: number): Tensor => {
    const at = sub(mul(add(slice(grid, [null, null, null, [axis, axis + 1]]), 1), size / 2), 0.5);
    return clamp(add(minimum(at, sub(size - 1, at)), 1), { min: 0, max: 1 });
  };
  return mul(along(0, w), along(1, h));
}

/** What is outside of an image. */
const AIR = -1;

/**
 * image and mask [N, H, W, C], transformed alike: images bilinearly with −1 (air) outside, masks (of any class
 * numbers) by the nearest pixel with 0 outside. affine [N, 6] and elastic [N, G, G, 2] as Transforms in
 * data/augment.ts. No gradient is meant to flow back.
 */
export function augment(image: Tensor, mask: Tensor, affine: Tensor, elastic: Tensor): { image: Tensor; mask: Tensor } {
  const size = [image.shape[1]!, image.shape[2]!] as const;
  const grid = sources(affine, elastic, size);
  const sampled = gridSample(image, grid);
  const air = mul(AIR, sub(1, inside(grid, size)));
  return { image: add(sampled, expand(air, sampled.shape)), mask: gridSample(mask, grid, { mode: "nearest" }) };
}

/**
 * `step` on batches that are augmented first, where their inputs hold transforms tC, eC, tM, eM; `step` itself where
 * not. To be traced.
 */
export const augmentedStep =
  <L>(step: (batch: Batch) => L) =>
  ({ tC, eC, tM, eM, ...inputs }: Readonly<Record<string, Tensor>>): L => {
    const batch = inputs as unknown as Batch;
    const { xC, yC, xM, yM } = batch;
    const C = tC && eC ? augment(xC, yC, tC, eC) : { image: xC, mask: yC };
    const M = tM && eM ? augment(xM, yM, tM, eM) : { image: xM, mask: yM };
    return step({ ...batch, xC: C.image, yC: C.mask, xM: M.image, yM: M.mask });
  };
