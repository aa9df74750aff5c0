// Adversarial losses. Maps d of a discriminator are [N, P, Q, 1] without a final sigmoid: one judgement a patch.
import { type Tensor, mean, mul, oneOf, square, stopGradient, sub, total, toF32 } from "../engine/index.ts";
import { binaryCrossEntropy } from "./latent.ts";

/** What judges images: a discriminator, or a function of the same form. */
export interface Critic {
  forward(image: Tensor): Tensor;
}

/** Least squares, as CycleGAN trains; or the log likelihood, as the paper writes it. */
export type GanLoss = "least-squares" | "log";

/** mean (d − target)²: least-squares GAN (Mao et al. 2017). Scalar. */
export const leastSquares = (d: Tensor, target: 0 | 1): Tensor => mean(square(sub(toF32(d), target)));

const judge = (d: Tensor, target: 0 | 1, kind: GanLoss): Tensor =>
  oneOf("a GAN loss", "kind", kind, ["least-squares", "log"]) === "log"
    ? binaryCrossEntropy(d, target)
    : leastSquares(d, target);

/**
 * Eq. (5), the generator's part of one direction: D should take the fake for real. Scalar.
 * "log" is −log D(fake), which the generator can learn from while D still wins.
 */
export const adversarial = (D: Critic, fake: Tensor, kind: GanLoss = "least-squares"): Tensor =>
  judge(D.forward(fake), 1, kind);

/** The discriminator's part: ½ [real → 1, fake → 0]. The fake is detached. Scalar. */
export const discrimination = (D: Critic, real: Tensor, fake: Tensor, kind: GanLoss = "least-squares"): Tensor =>
  mul(0.5, total(judge(D.forward(real), 1, kind), judge(D.forward(stopGradient(fake)), 0, kind)));
