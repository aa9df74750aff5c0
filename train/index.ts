// What a training step is made of, the loop that runs it, and the files that keep it.
export { Adam, type AdamOptions } from "./adam.ts";
export { augment, augmentedStep, displacement } from "./augment.ts";
export { type Checkpoint, type Progress, readCheckpoint, restoreCheckpoint, saveCheckpoint, startOfRun, stateDictOf } from "./checkpoint.ts";
export { Cmedl, type CmedlOptions } from "./cmedl.ts";
export { type LossWeights, PAPER_CONFIG, PAPER_WEIGHTS, REGIMES, type RegimeName, type TrainConfig } from "./config.ts";
export { CtOnly, type CtOnlyOptions } from "./ct-only.ts";
export { CycleTranslator, type CycleTranslatorOptions } from "./cycle-translator.ts";
export { DritTranslator, type DritTranslatorOptions } from "./drit-translator.ts";
export { ImagePool, type PoolChoice } from "./image-pool.ts";
export { type EpochPictures, type EpochReport, type Outcome, type StepReport, Training, type TrainingHooks, type TrainingOptions } from "./loop.ts";
export { makeRegime } from "./make-regime.ts";
export { Mutual, type MutualOptions } from "./mutual.ts";
export { PseudoMr, type PseudoMrOptions } from "./pseudo-mr.ts";
export type { Batch, Images, Losses, Regime, Step } from "./regime.ts";
export type { Translator } from "./translator.ts";
export { type Validation, type ValidationSet, classesOf, compileSegmenter, diceByCase, probabilityOf, segmentSlices, validate } from "./validation.ts";
export { linearDecay } from "./schedule.ts";
