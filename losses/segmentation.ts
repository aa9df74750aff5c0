// Segmentation losses, in f32 whatever a network computes in. Logits are [N, H, W, K]; a target is a mask [N, H, W,
// 1] of 0 and 1, or of class numbers for K > 1.
import {
  type Tensor,
  add,
  cast,
  div,
  equal,
  iota,
  mean,
  mul,
  normalizeAxis,
  sigmoid,
  slice,
  softmax,
  square,
  sub,
  sum,
  sumOfRanks,
  toF32,
  where,
} from "../engine/index.ts";
import { crossEntropyLoss, isClass } from "./classes.ts";
import { bceWithLogits, inF32 } from "./elementwise.ts";

/** Dice; −log P as the equation is written; their sum. */
export const SEGMENTATION_LOSSES = ["dice", "cross-entropy", "dice+cross-entropy"] as const;
export type SegmentationLoss = (typeof SEGMENTATION_LOSSES)[number];

/**
 * Eq. (1), one of its three terms: the loss of a segmentation's logits [N, H, W, K] against an expert's mask [N, H,
 * W, 1]. Scalar. The paper writes −log P and trains with Dice: binary Dice of the sigmoid for K = 1, else Dice per
 * image and foreground class; `kind` chooses.
 */
export function segmentation(logits: Tensor, mask: Tensor, kind: SegmentationLoss = "dice"): Tensor {
  if (kind === "cross-entropy") return literal(logits, mask);
  return kind === "dice" ? diceOf(logits, mask) : add(diceOf(logits, mask), literal(logits, mask));
}

/** −log P as the equation has it, the mean over pixels: of the sigmoid for K = 1, else of the softmax. */
const literal = (logits: Tensor, mask: Tensor): Tensor =>
  logits.shape[3] === 1 ? bceWithLogits(logits, cast(mask, "f32")) : crossEntropy(logits, mask);

function diceOf(logits: Tensor, mask: Tensor): Tensor {
  const classes = logits.shape[3]!;
  if (classes === 1) return dice(sigmoid(toF32(logits)), mask);
  return squaredDice(foreground(softmax(logits)), foreground(oneHot(mask, classes)));
}

/** 1 − (2Σpt + s) / (Σp + Σt + s), sums over the whole batch. p, t of one shape in [0, 1] → scalar. */
export const dice = (p: Tensor, t: Tensor, smooth = 1): Tensor => {
  const all = (x: Tensor): Tensor => sumOfRanks(sum(x));
  return sub(1, div(add(mul(2, all(mul(p, t))), smooth), add(add(all(p), all(t)), smooth)));
};

/** Mean over images and classes of 1 − 2Σpt / (Σp² + Σt² + ε), sums over space. p, t [N, H, W, K] → scalar. */
export const squaredDice = (p: Tensor, t: Tensor, eps = 1e-5): Tensor =>
  mean(sub(1, div(mul(2, sum(mul(p, t), [1, 2])), add(add(sum(square(p), [1, 2]), sum(square(t), [1, 2])), eps))));

/**
 * Mean over images and classes, background too, of 1 − 2(Σpt + s) / (Σp + Σt + s): best value slightly below 0. p, t
 * [N, H, W, K] → scalar.
 */
export const softDice = (p: Tensor, t: Tensor, smooth = 1e-3): Tensor =>
  mean(sub(1, div(mul(2, add(sum(mul(p, t), [1, 2]), smooth)), add(add(sum(p, [1, 2]), sum(t, [1, 2])), smooth))));

/** Mean over pixels of −log softmax(logits)[label]. logits [N, H, W, K], labels [N, H, W, 1] → scalar. */
export const crossEntropy = (logits: Tensor, labels: Tensor): Tensor => crossEntropyLoss(logits, cast(labels, "i32"));

/** Class numbers [N, H, W, 1] as indicators f32 [N, H, W, K]; NaN where a number is no class. */
export const oneHot = (labels: Tensor, classes: number): Tensor =>
  where(isClass(labels, classes), cast(equal(labels, cast(iota([classes]), labels.dtype)), "f32"), NaN);

/** [N, H, W, K] without class 0, the background. */
export const foreground = (x: Tensor): Tensor => slice(x, [null, null, null, [1, null]]);

/**
 * 1 − mean over samples and channels of (2 Σ x·t + smooth) / (Σ x + Σ t + smooth); x, target [N, …, C], or their
 * channels along `axis`. Throws ShapeError.
 */
export function softDiceLoss(
  x: Tensor,
  target: Tensor,
  { smooth = 1, axis = -1 }: { smooth?: number; axis?: number } = {},
): Tensor {
  const [p, t] = inF32("softDiceLoss", x, target);
  const d = normalizeAxis("softDiceLoss", axis, x.rank);
  const space = x.shape.map((_, i) => i).filter((i) => i !== 0 && i !== d);
  const overlap = add(mul(2, sum(mul(p, t), space)), smooth);
  return sub(1, mean(div(overlap, add(add(sum(p, space), sum(t, space)), smooth))));
}
