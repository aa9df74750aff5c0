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
export {
  type FineTuneOptions,
  type FineTuneStep,
  type FineTuned,
  fineTune,
  lastStagesOf,
  slicesForModel,
} from "./fine-tune.ts";
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
export { stayNearStart } from "./proximal.ts";
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
  diceByCase,
} from "./validation.ts";
export { classesOf } from "../metrics/classes.ts";
export { SliceProgram, type SliceProgramOptions } from "../inference/slice-program.ts";
export { compileSegmenter, probabilities } from "../inference/slice-segmenter.ts";
export {
  type CaseSource,
  type CaseSourceOptions,
  caseSource,
  memorySource,
} from "./run/case-source.ts";
export { type LandmarksProgress, withLandmarks } from "./run/landmarks.ts";
export {
  PHANTOM_COUNTS,
  PHANTOM_FIELD_MM,
  type PhantomCases,
  type PhantomCounts,
  phantomCases,
} from "./run/phantoms.ts";
export { type PlanCasesOptions, planCases } from "./run/plan.ts";
export {
  type MakeSetsOptions,
  type SetName,
  type SetProgress,
  type SetToRead,
  type TrainingSets,
  type TrainingSources,
  makeSets,
} from "./run/sets.ts";
export {
  type OpenTrainingOptions,
  type TrainingParts,
  type TrainingPartsOptions,
  openTraining,
  trainingParts,
} from "./run/training-parts.ts";
export { type ModelToZip, type ModelZip, readModelZip, writeModelZip } from "./model-zip.ts";
export { MeasuredImages, type RunStatistics, type SliceCounts, oddImage, parseStatistics } from "./statistics.ts";
export { segmentorModel, segmentsAlone } from "./volumes/segmentor-model.ts";
export { type TrainedWeights, networksInUse, trainedRegime } from "./volumes/trained-regime.ts";
export {
  VolumeSegmenter,
  type VolumeSegmenterOptions,
  imagesOf,
  maskOf,
  maskValues,
  prepareVolume,
} from "./volumes/volume-segmenter.ts";
export {
  type TranslateVolumeOptions,
  VolumeTranslator,
  requireTranslator,
  unitOf,
} from "./volumes/volume-translator.ts";
export {
  type Prediction,
  type PredictionOptions,
  coverageText,
  predictVolume,
  structuresText,
} from "./volumes/prediction.ts";
export type { Sign, SignCode, Vitals } from "./collapse.ts";
export { Snapshot, type Trained, snapshot } from "./snapshot.ts";
export { type Course, courseAt, linearDecay } from "./schedule.ts";
