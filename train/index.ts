// What a training step is made of, the loop that runs it, and the files that keep it.
export { Adam, type AdamOptions } from "./adam.ts";
export { type Checkpoint, type Progress, readCheckpoint, restoreCheckpoint, saveCheckpoint, startOfRun, stateDictOf } from "./checkpoint.ts";
export { type Batch, Cmedl, type CmedlOptions, type Losses } from "./cmedl.ts";
export { type LossWeights, PAPER_CONFIG, PAPER_WEIGHTS, type PartialConfig, type TrainConfig, outputsOf, structuresOf } from "./config.ts";
export { ConfigError, readConfig } from "./config-check.ts";
export { CtOnly, type CtOnlyOptions } from "./ct-only.ts";
export { ImagePool, type PoolChoice } from "./image-pool.ts";
export { type EpochPictures, type EpochReport, type Outcome, type StepReport, Training, type TrainingHooks, type TrainingOptions } from "./loop.ts";
export { makeRegime } from "./make-regime.ts";
export { PRESETS, type Preset, type PresetName, presetConfig } from "./presets.ts";
export type { Regime } from "./regime.ts";
export { type ValidationDice, type ValidationSet, diceByCase, probabilities, segmentSlices } from "./validation.ts";
