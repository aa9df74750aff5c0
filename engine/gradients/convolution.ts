// y = x ∗ w and its two gradients: three bilinear ops, of which each one's gradients are the other two.
import { conv2dOp, conv2dRaw } from "../ops/conv-forward.ts";
import { conv2dInputGrad, conv2dInputGradOp } from "../ops/conv-input-grad.ts";
import type { Two } from "../ops/conv-problem.ts";
import {
  type ConvAttrs,
  type ConvInputGradAttrs,
  checkMirror,
  crops,
  grown,
  grows,
  sizesOf,
} from "../ops/conv-shapes.ts";
import { ofRank } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { conv2dWeightGrad, conv2dWeightGradOp } from "./conv-weight-grad.ts";
import { unmirror } from "./padding.ts";
import { type Gradient, gradientOf } from "./rule.ts";

/** [H, W] of an image, [R, S] of a filter. */
const imageSize = (x: Tensor): readonly [h: number, w: number] => {
  const [, h, w] = ofRank(x.shape, 4);
  return [h, w];
};
const filterSize = (w: Tensor): readonly [r: number, s: number] => {
  const [r, s] = ofRank(w.shape, 4);
  return [r, s];
};

/** Of an image among zeros, or among its mirror image. */
type ImageGradientAttrs = ConvInputGradAttrs & Pick<ConvAttrs, "padMode">;

/**
 * Gradient of conv2d to its image, whatever surrounds it: dy [N, P, Q, K], w [R, S, C/groups, K] → [N, H, W, C] with
 * [H, W] = `size`. Throws ShapeError.
 */
export function imageGradient(dy: Tensor, w: Tensor, { padMode, ...among }: ImageGradientAttrs): Tensor {
  if (padMode !== "reflect") return conv2dInputGrad(dy, w, among);
  const { pad, groups, size } = among;
  const [n] = sizesOf("imageGradient", "dy", dy, "[N, P, Q, K]");
  const [, , perGroup] = sizesOf("imageGradient", "w", w, "[R, S, C/groups, K]");
  checkMirror([n, ...size, perGroup * groups], pad, padMode);
  // The gradient of the grown image, folded back at its edges.
  const around = grows(pad);
  return unmirror(conv2dInputGrad(dy, w, { ...among, pad: crops(pad), size: grown(...size, around) }), size, around);
}

export const convolutions: readonly Gradient[] = [
  gradientOf(conv2dOp, ([dy], [x, w]: Two, _, a) => [
    imageGradient(dy!, w, { ...a, size: imageSize(x) }),
    conv2dWeightGrad(x, dy!, { ...a, filter: filterSize(w) }),
  ]),
  gradientOf(conv2dInputGradOp, ([ddx], [dy, w]: Two, _, a) => [
    conv2dRaw(ddx!, w, a),
    conv2dWeightGrad(ddx!, dy, { ...a, filter: filterSize(w) }),
  ]),
  gradientOf(conv2dWeightGradOp, ([ddw], [x, dy]: Two, _, a) => [
    imageGradient(dy, ddw!, { ...a, size: imageSize(x) }),
    conv2dRaw(x, ddw!, a),
  ]),
];
