// The losses, each a scalar tensor.
export { type Critic, type GanLoss, adversarial, discrimination, leastSquares } from "./adversarial.ts";
export { type ContextualOptions, contextual, contextualSimilarity } from "./contextual.ts";
export { type ClassOptions, type CrossEntropyOptions, crossEntropyLoss, nllLoss } from "./classes.ts";
export { cycle, identity } from "./cycle.ts";
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
export {
  type LossOptions,
  type Reduction,
  bceLoss,
  bceWithLogits,
  klDivergence,
  l1Loss,
  mseLoss,
  smoothL1Loss,
} from "./elementwise.ts";
export { type HintNorm, hint } from "./hint.ts";
export { binaryCrossEntropy, codeSize, klToNormal, modeSeeking } from "./latent.ts";
export {
  crossEntropy,
  dice,
  foreground,
  oneHot,
  segmentation,
  softDice,
  softDiceLoss,
  squaredDice,
} from "./segmentation.ts";
