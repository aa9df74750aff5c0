// Files and volumes to batches: typed arrays in, typed arrays out.
export { type AugmentationConfig, type Transforms, affineOf, defaultAugmentation, drawTransforms } from "./augment.ts";
export { type BatchBuffers, type BatchOptions, UnpairedBatches } from "./batches.ts";
export { CmedlError, type ErrorData } from "../errors/cmedl-error.ts";
export { PackageMissingError } from "../errors/package-missing.ts";
export { DataError } from "./errors.ts";
export { type IntensityRule, type Range, lungWindow, mrPercentile, rangeOf, softTissueWindow } from "./intensity.ts";
export {
  type ImageFile,
  type ImageFormat,
  type ImageHeader,
  type StructureSet,
  type WritableVoxels,
  fileOfBytes,
  imageFormats,
  openStructures,
  readFolder,
  readImage,
  readImageHeader,
  writableFormat,
} from "./formats/index.ts";
export { type FrameDecoder, provideCodecs } from "./formats/dicom/codecs.ts";
export { parseNifti, writeNifti } from "./formats/nifti.ts";
export { fromLps, toLps } from "./orientation.ts";
export { LANDMARK_PERCENTILES, type Standardization, landmarksOf, standardLandmarks } from "./standardization.ts";
export { type Pth, readPth } from "./weights/pth.ts";
export { type AverageWeights, type SiteWeights, averageWeights } from "./weights/average.ts";
export { writePth } from "./weights/pth-write.ts";
export {
  type Safetensors,
  type SafetensorsTensor,
  readSafetensors,
  toFloat32,
  writeSafetensors,
} from "./weights/safetensors.ts";
export { findLungs, lungSlices } from "./lungs.ts";
export { type CollectOptions, type PreparedCase, SliceCollector, prepareCase } from "./prepare.ts";
export {
  type LoadedCase,
  type SliceGrid,
  type Slices,
  type SliceSet,
  defaultFieldMm,
  imageSlice,
  sliceSet,
} from "./slices.ts";
export { type SplitLists, parseSplits, splitUnpaired } from "./split.ts";
export { type Modality, type PhantomOptions, phantomCase, phantomSet } from "./synthetic.ts";
export { type Affine, type Shape3, type Volume, makeVolume } from "./volume.ts";
export { type WeightFile, type WeightFormat, readWeightFile, weightFormats } from "./weights/index.ts";
