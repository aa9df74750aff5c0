// Distillation by outputs (Hinton et al. 2015): what the paper's hints are compared with.
import {
  type Tensor,
  add,
  div,
  logSoftmax,
  mean,
  mul,
  neg,
  sigmoid,
  softmax,
  softplus,
  stopGradient,
  sub,
  sum,
  toF32,
} from "../engine/index.ts";

export interface DistillationOptions {
  /** T: larger ones show more of what the teacher thinks of the classes it does not choose. */
  temperature?: number;
  /** Whether the gradient reaches the teacher too; it is a constant by default. */
  moveTeacher?: boolean;
}

/**
 * T² · mean over pixels of −Σₖ pₖ log qₖ, p = softmax(teacher / T), q = softmax(student / T); sigmoids for one channel.
 * Logits [N, H, W, K] → scalar. T² keeps gradients at the size they have for T = 1.
 */
export function softCrossEntropy(
  student: Tensor,
  teacher: Tensor,
  { temperature: T = 1, moveTeacher = false }: DistillationOptions = {},
): Tensor {
  if (!(T > 0)) throw new RangeError(`the temperature is ${T}; it must be above 0`);
  const s = div(toF32(student), T);
  const t = div(toF32(moveTeacher ? teacher : stopGradient(teacher)), T);
  if (student.shape[student.rank - 1] === 1) {
    // −p log σ(s) − (1 − p) log(1 − σ(s)) = softplus(s) − p·s
    return mul(T * T, mean(sub(softplus(s), mul(sigmoid(t), s))));
  }
  return mul(T * T, neg(mean(sum(mul(softmax(t), logSoftmax(s)), -1))));
}

/** Both networks learn from each other's outputs: the sum of both directions, each with the other constant. Scalar. */
export const mutualDistillation = (
  a: Tensor,
  b: Tensor,
  options: Pick<DistillationOptions, "temperature"> = {},
): Tensor => add(softCrossEntropy(a, b, options), softCrossEntropy(b, a, options));
