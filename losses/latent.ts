// Losses of variational translators (DRIT) that need no network: on codes, logits and pairs of images.
import {
  type Tensor,
  abs,
  add,
  div,
  exp,
  mean,
  mul,
  softplus,
  square,
  sub,
  sum,
  sumOfRanks,
  toF32,
} from "../engine/index.ts";

/** mean of −target·log σ(x) − (1 − target)·log(1 − σ(x)), straight from the logits x. Scalar. */
export const binaryCrossEntropy = (logits: Tensor, target: number): Tensor =>
  mean(sub(softplus(toF32(logits)), mul(target, toF32(logits))));

/** KL(N(μ, σ²) ‖ N(0, 1)) = −½ Σ (1 + log σ² − μ² − σ²), summed over batch and latent. μ, log σ² [N, Z] → scalar. */
export const klToNormal = (mu: Tensor, logVariance: Tensor): Tensor =>
  mul(-0.5, sumOfRanks(sum(sub(add(1, toF32(logVariance)), add(square(toF32(mu)), exp(toF32(logVariance)))))));

/** mean c²: keeps content codes small. Scalar. */
export const codeSize = (code: Tensor): Tensor => mean(square(toF32(code)));

/** 1 / (mean |I₁ − I₂| / mean |z₁ − z₂| + ε): different styles must give different images (Mao et al. 2019). Scalar. */
export const modeSeeking = (image1: Tensor, image2: Tensor, z1: Tensor, z2: Tensor, eps = 1e-5): Tensor =>
  div(1, add(div(mean(abs(sub(toF32(image1), image2))), mean(abs(sub(z1, z2)))), eps));
