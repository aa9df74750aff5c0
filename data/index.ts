// Files and volumes to batches: typed arrays in, typed arrays out.
export { type AugmentationConfig, type Transforms, affineOf, defaultAugmentation, drawTransforms } from "./augment.ts";
export { type BatchBuffers, type BatchOptions, UnpairedBatches } from "./batches.ts";
export { DataError } from "./errors.ts";
export { type IntensityRule, type Range, lungWindow, mrPercentile, rangeOf, softTissueWindow } from "./intensity.ts";
export { parseNifti, writeNifti } from "./nifti.ts";
export { fromLps, toLps } from "./orientation.ts";
export { type Pth, readPth } from "./pth.ts";
export { writePth } from "./pth-write.ts";
export {
  type Safetensors,
  type SafetensorsTensor,
  readSafetensors,
  toFloat32,
  writeSafetensors,
} from "./safetensors.ts";
export {
  type Case,
  type CollectOptions,
  SliceCollector,
  type SliceGrid,
  type SliceSet,
  defaultFieldMm,
  imageSlice,
  placeClasses,
  placePrediction,
} from "./slices.ts";
export { type SplitLists, parseSplits, splitUnpaired } from "./split.ts";
export { type Modality, type PhantomOptions, phantomCase, phantomSet } from "./synthetic.ts";
export { type Affine, type Shape3, type Volume, makeVolume } from "./volume.ts";
