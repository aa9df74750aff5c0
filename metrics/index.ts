// How well a segmentation agrees with the expert's, and images with each other.
export { type PairScores, type RaterAgreement, agreementOf } from "./agreement.ts";
export { type EmptyRule, type Overlap, addOverlap, dice, diceOf, meanDice, overlap } from "./dice.ts";
export { squaredDistances } from "./distance-transform.ts";
export { type Interval, meanInterval } from "./interval.ts";
export { type RocCurve, meanRoc, rocCurve, truePositiveAt } from "./roc.ts";
export {
  type ImagePair,
  coefficientOfVariation,
  histogram,
  klDivergence,
  klOfCounts,
  psnr,
  ssim,
} from "./similarity.ts";
export { type Summary, summarize } from "./summary.ts";
export {
  type DirectedDistances,
  type MaskPair,
  type SurfaceDistances,
  hausdorff,
  hausdorff95,
  surfaceDice,
  surfaceDistances,
} from "./surface.ts";
export { type Wilcoxon, fewestPairs, wilcoxon } from "./wilcoxon.ts";
export { type ScoreOptions, type Scored, scoresOf } from "./scores.ts";
