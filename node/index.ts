// What needs files or Dawn, without the command line: a GPU for Node, folders of scans, runs, segmentation, evaluation.
//
//   using device = await Device.open((await openNodeGpu()).gpu);     // Device: "cmedl", presetConfig: "cmedl/train"
//   const narrator = new Narrator();
//   const { config, sources } = await planRun(presetConfig("cmedl", { data: { student: "ct", teacher: "mr" } }));
//   using sets = await loadRunSets(config, sources, narrator);
//   const run = await RunFolder.create("runs/first");
//   await run.writeConfig(config);
//   await trainRun(device, { config, sets, run, narrator });

// A GPU
export { GpuUnavailableError } from "../engine/errors.ts";
export { knownDawnFeatures, profilingFeatures, tensorCoreFeatures } from "./gpu/dawn-features.ts";
export {
  type GpuChoice,
  type ListedAdapter,
  type NodeGpu,
  type NodeGpuOptions,
  describeChoice,
  openNodeGpu,
} from "./gpu/open.ts";
export { readTuning } from "./gpu/tuning-file.ts";

// Scans
export {
  CachedSlices,
  type Case,
  type Dataset,
  type FoundSplits,
  type CaseImage,
  type LoadOptions,
  SliceCache,
  type SliceLoadOptions,
  findSplits,
  loadCase,
  readVolume,
  scanDataset,
  scanImages,
} from "./dataset/index.ts";
export type { PhantomCounts } from "../train/run/phantoms.ts";
export { type Source, imageSource, phantomSource, scanSource } from "./run/source.ts";

// Configurations and runs
export { readWholeConfig, writeConfig } from "./config-file.ts";
export { RunFolder, type Status } from "./run/folder.ts";
export { type RunPlan, openSources, planRun } from "./run/plan.ts";
export { type RunSets, type RunSources, loadRunSets } from "./run/sets.ts";
export { type RunResult, type RunSetup, type TrainRunOptions, trainRun } from "./run/train.ts";
export { type Bar, Narrator } from "./narrator.ts";

// Trained networks
export type { SegmentOptions } from "../inference/volume.ts";
export { VolumeSegmenter, maskOf, maskValues, prepareVolume } from "../train/volumes/volume-segmenter.ts";
export { type Prediction, type PredictionOptions, predictVolume } from "../train/volumes/prediction.ts";
export { VolumeTranslator } from "../train/volumes/volume-translator.ts";
export { type EvaluateOptions, type Evaluation, type TestCase, evaluateRun, testCases } from "./run/evaluate.ts";
export { type Weights, type WeightsOptions, readWeights } from "./run/weights.ts";

// Errors
export { CmedlError, type ErrorData } from "../errors/cmedl-error.ts";
export { PackageMissingError } from "../errors/package-missing.ts";
export { CommandError } from "./errors.ts";
export { FileError, writeAtomic } from "./files.ts";
export { RunLockedError } from "./run/lock.ts";
