// Distillation by hints: the student's features follow the teacher's.
import { type Tensor, oneOf, total } from "../engine/index.ts";
import { mseLoss } from "./elementwise.ts";

/**
 * Mean squares weigh layers alike and stay comparable to Dice; the Frobenius sum is about 10⁶ times larger at 256 ×
 * 256.
 */
export type HintNorm = "mean" | "frobenius";

/**
 * Eq. (2): Σᵢ ‖φᵢ(CT) − φᵢ(MR)‖² over the tied layers i, gradients to both sides.
 * Lists of features of equal shapes → scalar. "mean" divides each layer by its number of elements. Throws ShapeError.
 */
export function hint(student: readonly Tensor[], teacher: readonly Tensor[], norm: HintNorm = "mean"): Tensor {
  oneOf("hint", "norm", norm, ["mean", "frobenius"]);
  return total(
    ...student.map((feature, i) => mseLoss(feature, teacher[i]!, { reduction: norm === "mean" ? "mean" : "sum" })),
  );
}
