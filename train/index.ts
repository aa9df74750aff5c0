// What a training step is made of, the loop that runs it, and the files that keep it.
export { Adam, type AdamOptions } from "./adam.ts";
export { augment, augmentedStep, changeIntensity, displacement } from "./augment.ts";
export {
  type Checkpoint,
  type Progress,
  readCheckpoint,
  restoreCheckpoint,
  saveCheckpoint,
  startOfRun,
  stateDictOf,
} from "./checkpoint.ts";
export { Cmedl, type CmedlOptions, type Distillation } from "./regimes/cmedl.ts";
export {
  type LossWeights,
  PAPER_CONFIG,
  PAPER_WEIGHTS,
  type PartialConfig,
  REGIMES,
  type RegimeName,
  type TrainConfig,
  outputsOf,
  structuresOf,
} from "./config/config.ts";
export { ConfigError, readConfig } from "./config/check.ts";
export { StudentOnly, type StudentOnlyOptions } from "./regimes/student-only.ts";
export { CycleTranslator, type CycleTranslatorOptions } from "./translators/cycle.ts";
export { DritTranslator, type DritTranslatorOptions } from "./translators/drit.ts";
export { ImagePool, type PoolChoice } from "./translators/image-pool.ts";
export type { EpochPictures } from "./inference-programs.ts";
export {
  type EpochReport,
  type Outcome,
  type SavedCheckpoint,
  type StepReport,
  Training,
  type TrainingHooks,
  type TrainingOptions,
} from "./loop.ts";
export { makeRegime } from "./regimes/make.ts";
export { Mutual, type MutualOptions } from "./regimes/mutual.ts";
export { PRESETS, type Preset, type PresetName, presetConfig } from "./config/presets.ts";
export { PseudoMr, type PseudoMrOptions } from "./regimes/pseudo-mr.ts";
export type { RegimeParts, RegimeRow } from "./regimes/registry.ts";
export type { SegmentorTraining } from "./regimes/segmentor-training.ts";
export { TranslatorRegime } from "./regimes/translator-regime.ts";
export { type Sum, type Terms, type Weighed, weigh } from "./terms.ts";
export type { Batch, Images, Losses, Regime, Step } from "./regime.ts";
export type { Translator } from "./translators/translator.ts";
export {
  type Validation,
  type ValidationDice,
  type ValidationSet,
  classesOf,
  diceByCase,
  validate,
} from "./validation.ts";
export { SliceProgram, type SliceProgramOptions } from "../inference/slice-program.ts";
export { compileSegmenter, probabilities } from "../inference/slice-segmenter.ts";
export type { Sign, SignCode, Vitals } from "./collapse.ts";
export { Snapshot, type Trained, snapshot } from "./snapshot.ts";
export { type Course, courseAt, linearDecay } from "./schedule.ts";
