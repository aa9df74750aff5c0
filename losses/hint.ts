// Distillation by hints: the student's features follow the teacher's.
import {
  type Tensor,
  add,
  div,
  mean,
  moments,
  oneOf,
  ranks,
  stopGradient,
  sumOfRanks,
  toF32,
  total,
} from "../engine/index.ts";
import { mseLoss } from "./elementwise.ts";

/**
 * How the differences of a layer are reduced. Mean squares weigh layers alike and stay comparable to Dice; the
 * Frobenius sum is about 10⁶ times larger at 256 × 256. "variance": mean squares in parts of the features' own
 * variance, so that features which shrink gain nothing.
 */
export type HintNorm = "mean" | "frobenius" | "variance";

/** Added to a variance that is divided by: features that are all alike have none. */
const EPSILON = 1e-6;

/**
 * Eq. (2): Σᵢ ‖φᵢ(CT) − φᵢ(MR)‖² over the tied layers i, gradients to both sides.
 * Lists of features [N, H, W, C] of equal shapes → scalar. "mean" divides each layer by its number of elements,
 * "variance" besides by the variance of both networks' features over N, H and W, averaged over channels and taken as a
 * constant. Throws ShapeError.
 */
export function hint(student: readonly Tensor[], teacher: readonly Tensor[], norm: HintNorm = "mean"): Tensor {
  oneOf("hint", "norm", norm, ["mean", "frobenius", "variance"]);
  return total(...student.map((feature, i) => difference(feature, teacher[i]!, norm)));
}

function difference(student: Tensor, teacher: Tensor, norm: HintNorm): Tensor {
  if (norm === "frobenius") return sumOfRanks(mseLoss(student, teacher, { reduction: "sum" }));
  const squares = mseLoss(student, teacher);
  if (norm === "mean") return squares;
  const spread = (feature: Tensor): Tensor => {
    const x = toF32(stopGradient(feature));
    return mean((ranks() ?? { moments }).moments(x, [0, 1, 2]).variance);
  };
  return div(squares, add(div(add(spread(student), spread(teacher)), 2), EPSILON));
}
