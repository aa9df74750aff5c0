// Images to masks: a model of a file, whole volumes, slices. What a page needs of a trained network, without training.
export { DataError } from "../data/errors.ts";
export { type ModelHeader, loadModel, saveModel, writeModel } from "./model-file.ts";
export {
  type Label,
  type NetworkModel,
  type NetworkModelSpec,
  type NormStatistics,
  type SegmentationModel,
  copyModel,
  modelOf,
  networkModel,
} from "./model.ts";
export {
  type Mask,
  type SegmentVolumeOptions,
  Segmenter,
  type SliceProgress,
  maskOf,
  prepareVolume,
  segmentVolume,
} from "./segmenter.ts";
export { SliceProgram, type SliceProgramOptions } from "./slice-program.ts";
export { compileSegmenter, probabilities } from "./slice-segmenter.ts";
export { type SegmentOptions, classesOfVolume, eachSlice, fieldsOf } from "./volume.ts";
