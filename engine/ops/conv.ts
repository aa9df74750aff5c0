// Convolutions as they are called: images NHWC, filters RSCK, the bias added behind.
import { operands } from "../autocast.ts";
import { ShapeError } from "../errors.ts";
import { show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { conv2dRaw } from "./conv-forward.ts";
import { conv2dInputGrad } from "./conv-input-grad.ts";
import {
  type Conv2dOptions,
  type ConvTranspose2dOptions,
  attrsOf,
  checkBias,
  checkGroups,
  checkMirror,
  pairOf,
  sizesOf,
} from "./conv-shapes.ts";
import { addBias } from "./elementwise.ts";

export type { Conv2dOptions, ConvTranspose2dOptions } from "./conv-shapes.ts";

/**
 * y[n,p,q,k] = bias[k] + Σ_{r,s,c} x[n, p·stride + r·dil − pad, q·stride + s·dil − pad, c] · w[r,s,c,k].
 * x [N, H, W, C], w [R, S, C/groups, K] → [N, P, Q, K], P = ⌊(H + padTop + padBottom − dil·(R−1) − 1) / stride⌋ + 1.
 * Channel k belongs to group ⌊k / (K/groups)⌋. Throws ShapeError.
 */
export function conv2d(image: Tensor, filter: Tensor, options: Conv2dOptions = {}): Tensor {
  const op = "conv2d";
  const [x, w] = operands(image, filter);
  const a = attrsOf(op, options);
  const [, , , c] = sizesOf(op, "x", x, "[N, H, W, C]");
  const [r, s, perGroup, k] = sizesOf(op, "w", w, "[R, S, C/groups, K]");
  checkGroups(op, "C", c, a.groups);
  checkGroups(op, "K", k, a.groups);
  if (perGroup * a.groups !== c) {
    const inGroups = a.groups > 1 ? ` in ${a.groups} groups` : "";
    throw new ShapeError(
      op,
      `x ${show(x.shape)} has C = ${c} channels, w ${show(w.shape)} takes ${perGroup * a.groups}${inGroups}; ` +
        `w should be ${show([r, s, c / a.groups, k])} (R, S, C/groups, K)`,
    );
  }
  if (options.bias) checkBias(op, options.bias, "K", k);
  checkMirror(x.shape, a.pad, options.padMode);
  // What nothing surrounds is the same in either mode.
  const y = conv2dRaw(x, w, { ...a, padMode: a.pad.some((n) => n > 0) ? options.padMode : "zero" });
  return options.bias ? addBias(y, options.bias) : y;
}

/**
 * The transpose of a conv2d from Cout to Cin channels whose weights are w: what it spreads, this gathers.
 * x [N, P, Q, Cin], w [R, S, Cout/groups, Cin] → [N, H, W, Cout],
 * H = (P − 1)·stride − padTop − padBottom + dil·(R − 1) + 1 + outputPad; bias [Cout]. Throws ShapeError.
 */
export function convTranspose2d(image: Tensor, filter: Tensor, options: ConvTranspose2dOptions = {}): Tensor {
  const op = "convTranspose2d";
  const [x, w] = operands(image, filter);
  const a = attrsOf(op, options);
  const [moreRows, moreColumns] = pairOf(op, "outputPad", options.outputPad ?? 0, 0);
  const [, p, q, cin] = sizesOf(op, "x", x, "[N, P, Q, Cin]");
  const [r, s, perGroup, taken] = sizesOf(op, "w", w, "[R, S, Cout/groups, Cin]");
  checkGroups(op, "Cin", cin, a.groups);
  if (taken !== cin)
    throw new ShapeError(
      op,
      `x ${show(x.shape)} has Cin = ${cin} channels, w ${show(w.shape)} takes ${taken}; ` +
        `w should be ${show([r, s, perGroup, cin])} (R, S, Cout/groups, Cin)`,
    );
  const [strideY, strideX] = a.stride;
  const [dilY, dilX] = a.dilation;
  const [top, left, bottom, right] = a.pad;
  const h = (p - 1) * strideY - top - bottom + dilY * (r - 1) + 1 + moreRows;
  const width = (q - 1) * strideX - left - right + dilX * (s - 1) + 1 + moreColumns;
  if (h < 1 || width < 1)
    throw new ShapeError(
      op,
      `x ${show(x.shape)} and w ${show(w.shape)} make an image of ${h} × ${width}; ` +
        `pad ${show(a.pad)} crops too much of it`,
    );
  if (options.bias) checkBias(op, options.bias, "Cout", perGroup * a.groups);
  // outputPad is cropping less at the end.
  const pad = [top, left, bottom - moreRows, right - moreColumns] as const;
  const y = conv2dInputGrad(x, w, { ...a, pad, size: [h, width] });
  return options.bias ? addBias(y, options.bias) : y;
}
