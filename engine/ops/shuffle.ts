// Channels into pixels and back: views only.
import { ShapeError } from "../errors.ts";
import { show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { reshape, transpose } from "./movement.ts";

function check(op: string, x: Tensor, r: number): void {
  if (x.rank !== 4) throw new ShapeError(op, `x is ${show(x.shape)}; it must be an image batch [N, H, W, C]`);
  if (!(Number.isInteger(r) && r >= 1)) throw new ShapeError(op, `r is ${r}; it must be a whole number ≥ 1`);
}

/**
 * x [N, H, W, C·r²] → [N, H·r, W·r, C]: channel c·r² + i·r + j becomes channel c of pixel (i, j) of each r × r block.
 * Shi et al., 2016. Throws ShapeError.
 */
export function pixelShuffle(x: Tensor, r: number): Tensor {
  check("pixelShuffle", x, r);
  const [n, h, w, c] = x.shape;
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
  check("pixelUnshuffle", x, r);
  const [n, h, w, c] = x.shape;
  for (const [dim, size] of [
    ["H", h],
    ["W", w],
  ] as const) {
    if (size % r !== 0)
      throw new ShapeError(
        "pixelUnshuffle",
        `${dim} = ${size} of x ${show(x.shape)} does not split into blocks of ${r}; use a multiple of ${r}`,
      );
  }
  return reshape(transpose(reshape(x, [n, h / r, r, w / r, r, c]), [0, 1, 3, 5, 2, 4]), [n, h / r, w / r, c * r * r]);
}
