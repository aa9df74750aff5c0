// Channels into pixels and back: views only.
import { ShapeError } from "../errors.ts";
import { ofRank, show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { reshape, transpose } from "./movement.ts";

/** [N, H, W, C]; throws a ShapeError on another rank, and on a side that is no size. */
function sizesOf(op: string, x: Tensor, r: number): readonly [number, number, number, number] {
  const wrong = (): Error => new ShapeError(op, `x is ${show(x.shape)}; it must be an image batch [N, H, W, C]`);
  const sizes = ofRank(x.shape, 4, wrong);
  if (!(Number.isInteger(r) && r >= 1)) throw new ShapeError(op, `r is ${r}; it must be a whole number ≥ 1`);
  return sizes;
}

/**
 * x [N, H, W, C·r²] → [N, H·r, W·r, C]: channel c·r² + i·r + j becomes channel c of pixel (i, j) of each r × r block.
 * Shi et al., 2016. Throws ShapeError.
 */
export function pixelShuffle(x: Tensor, r: number): Tensor {
  const [n, h, w, c] = sizesOf("pixelShuffle", x, r);
  if (c % (r * r) !== 0)
    throw new ShapeError(
      "pixelShuffle",
      `x ${show(x.shape)} has C = ${c} channels, which do not split into ${r} × ${r}; use a multiple of ${r * r}`,
    );
  const k = c / (r * r);
  return reshape(transpose(reshape(x, [n, h, w, k, r, r]), [0, 1, 4, 2, 5, 3]), [n, h * r, w * r, k]);
}

/** x [N, H·r, W·r, C] → [N, H, W, C·r²]: the inverse of pixelShuffle. Throws ShapeError. */
export function pixelUnshuffle(x: Tensor, r: number): Tensor {
  const [n, h, w, c] = sizesOf("pixelUnshuffle", x, r);
  for (const [dim, size] of Object.entries({ H: h, W: w })) {
    if (size % r !== 0)
      throw new ShapeError(
        "pixelUnshuffle",
        `${dim} = ${size} of x ${show(x.shape)} does not split into blocks of ${r}; use a multiple of ${r}`,
      );
  }
  return reshape(transpose(reshape(x, [n, h / r, r, w / r, r, c]), [0, 1, 3, 5, 2, 4]), [n, h / r, w / r, c * r * r]);
}
