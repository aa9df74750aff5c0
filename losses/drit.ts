// The losses of DRIT as VAE-CMEDL trains it. Discriminators give logits: binary cross-entropy is straight from them.
// Where the paper's equation and the published DRIT differ, docs/equations.md says how.
import { type Tensor, mul, stopGradient, total, weightedSum } from "../engine/index.ts";
import { l1Loss } from "./elementwise.ts";
import { binaryCrossEntropy, klToNormal } from "./latent.ts";

/** A discriminator of content codes. */
export interface ContentCritic {
  forward(code: Tensor): Tensor;
}

/** A discriminator that judges an image at several scales. */
export interface MultiScaleCritic {
  forward(image: Tensor): readonly Tensor[];
}

/**
 * Eq. (8), the encoder's part for one domain: Dc should not know where a code is from, D(c) = ½ for both domains.
 * Scalar. The published code's form; the paper writes a game for each encoder.
 */
export const contentAdversarial = (Dc: ContentCritic, code: Tensor): Tensor =>
  binaryCrossEntropy(Dc.forward(code), 0.5);

/** The content discriminator's part: MR codes → 1, CT codes → 0. Codes are detached. Scalar. */
export const contentDiscrimination = (Dc: ContentCritic, codeCT: Tensor, codeMR: Tensor): Tensor =>
  total(
    binaryCrossEntropy(Dc.forward(stopGradient(codeMR)), 1),
    binaryCrossEntropy(Dc.forward(stopGradient(codeCT)), 0),
  );

/**
 * Eq. (9), one domain: mean ‖E(x) − E(x̂)‖₁ of the content codes of an image and of its translation. Not in the
 * published code. Scalar.
 */
export const contentReconstruction = (code: Tensor, translated: Tensor): Tensor => l1Loss(code, translated);

/** Weights within the variational loss: of the divergence (summed) and of the reconstruction (a mean). */
export interface VariationalWeights {
  kl: number;
  l1: number;
}

/** The published code's; the paper's λ_vae = 1 covers both with 1. */
export const DRIT_VARIATIONAL: VariationalWeights = { kl: 0.01, l1: 10 };

/**
 * Eq. (10), one domain: KL(E_s(x) ‖ N(0, 1)) + ‖x̂ − x‖₁, weighted.
 * style: μ and log σ² [N, Z] of x; reconstructed: x there and back (cross-cycle), or out of its own codes. Scalar.
 */
export const variational = (
  style: { mu: Tensor; logVariance: Tensor },
  reconstructed: Tensor,
  x: Tensor,
  { kl, l1: λ }: VariationalWeights = DRIT_VARIATIONAL,
): Tensor =>
  weightedSum([
    [kl, klToNormal(style.mu, style.logVariance)],
    [λ, l1Loss(reconstructed, x)],
  ]);

/**
 * Eq. (11), the generator's part: D should take the fake for real at each scale; summed over scales. Scalar.
 * The paper weighs fakes of encoded and of random styles ½ each; the published code gives each its own D and weight 1.
 */
export const multiScaleAdversarial = (D: MultiScaleCritic, fake: Tensor, weight = 1): Tensor =>
  mul(weight, total(...D.forward(fake).map((logits) => binaryCrossEntropy(logits, 1))));

/** The discriminator's part, summed over scales: real → 1, fake → 0. The fake is detached. Scalar. */
export const multiScaleDiscrimination = (D: MultiScaleCritic, real: Tensor, fake: Tensor): Tensor =>
  total(
    ...D.forward(real).map((logits) => binaryCrossEntropy(logits, 1)),
    ...D.forward(stopGradient(fake)).map((logits) => binaryCrossEntropy(logits, 0)),
  );

/**
 * Eq. (12), one domain: mean ‖z − E_s(G(E_c(x), z))‖₁, where the style encoder's μ is what it says of the fake. [N,
 * Z] → scalar.
 */
export const latentRegression = (mu: Tensor, z: Tensor): Tensor => l1Loss(mu, z);
