// Adversarial losses. Maps d of a discriminator are [N, P, Q, 1] without a final sigmoid: one judgement a patch.
import { type Tensor, mean, mul, square, stopGradient, sub, total } from "../engine/index.ts";

/** What judges images: a discriminator, or a function of the same form. */
export interface Critic {
  forward(image: Tensor): Tensor;
}

/** mean (d − target)²: least-squares GAN (Mao et al. 2017). Scalar. */
export const leastSquares = (d: Tensor, target: 0 | 1): Tensor => mean(square(sub(d, target)));

/**
 * Eq. (5), the generator's part of one direction: D should take the fake for real. Scalar.
 * Least squares, as CycleGAN trains; the paper writes the log likelihood.
 */
export const adversarial = (D: Critic, fake: Tensor): Tensor => leastSquares(D.forward(fake), 1);

/** The discriminator's part: ½ [real → 1, fake → 0]. The fake is detached. Scalar. */
export const discrimination = (D: Critic, real: Tensor, fake: Tensor): Tensor =>
  mul(0.5, total(leastSquares(D.forward(real), 1), leastSquares(D.forward(stopGradient(fake)), 0)));
