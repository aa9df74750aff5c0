// Folders of images and label masks on disk, to the slices that networks see.
//
// Words: a case is a patient's image with its mask, as files; loaded, it holds a volume, an image in memory with its
// geometry; a slice is what a network sees of a volume.
export type { Case, Layout, CaseImage } from "../../data/layouts/case.ts";
export {
  type LabelledCase,
  labelOf,
  labelsOf,
  loadCase,
  loadImage,
  loadLabels,
  readVolume,
} from "./load.ts";
export { CachedSlices } from "./cached-slices.ts";
export type { Labels, LoadOptions, Progress, SliceLoadOptions } from "../../data/collect-slices.ts";
export { cacheImageSlices, cacheSlices, loadImageSlices, loadSlices } from "./load-slices.ts";
export { SliceCache } from "./slice-cache.ts";
export {
  type MaskFiles,
  type MaskPair,
  loadMaskPair,
  loadMasks,
  masksIn,
  pairMasks,
  requireCommonCase,
} from "./masks.ts";
export { withoutImageWord } from "../../data/layouts/names.ts";
export { type DicomTree, patientWarnings, scanDicom } from "./dicom-tree.ts";
export { readHeader, readSeries, readStructureSet } from "./open.ts";
export { type Dataset, scanDataset, scanImages } from "./scan.ts";
export { type FoundSplits, findSplits } from "./splits.ts";
export { describe } from "../../data/layouts/structure-owner.ts";
export { type CaseSurvey, surveyCases } from "./survey.ts";
