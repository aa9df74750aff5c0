// What a training step is made of, the loop that runs it, and the files that keep it.
export { Adam, type AdamOptions } from "./adam.ts";
export { augment, augmentedStep, displacement } from "./augment.ts";
export { type Checkpoint, type Progress, readCheckpoint, restoreCheckpoint, saveCheckpoint, startOfRun, stateDictOf } from "./checkpoint.ts";
export { type Batch, Cmedl, type CmedlOptions, type LossWeights, type Losses, PAPER_WEIGHTS } from "./cmedl.ts";
export { CtOnly, type CtOnlyOptions } from "./ct-only.ts";
export { ImagePool, type PoolChoice } from "./image-pool.ts";
export { type EpochPictures, type EpochReport, type Outcome, type StepReport, Training, type TrainingHooks, type TrainingOptions, type ValidationSet, diceByCase, segmentSlices } from "./loop.ts";
export type { Regime } from "./regime.ts";
