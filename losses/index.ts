// The losses, each a scalar tensor.
export { type Critic, type GanLoss, adversarial, discrimination, leastSquares } from "./adversarial.ts";
export { type ContextualOptions, contextual, contextualSimilarity } from "./contextual.ts";
export { cycle, identity, l1 } from "./cycle.ts";
export { type DistillationOptions, mutualDistillation, softCrossEntropy } from "./distillation.ts";
export {
  type ContentCritic,
  DRIT_VARIATIONAL,
  type MultiScaleCritic,
  type VariationalWeights,
  contentAdversarial,
  contentDiscrimination,
  contentReconstruction,
  latentRegression,
  multiScaleAdversarial,
  multiScaleDiscrimination,
  variational,
} from "./drit.ts";
export { type HintNorm, hint } from "./hint.ts";
export { binaryCrossEntropy, codeSize, klToNormal, modeSeeking } from "./latent.ts";
export { crossEntropy, dice, foreground, oneHot, segmentation, softDice, squaredDice } from "./segmentation.ts";
