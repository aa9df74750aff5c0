// Folders of images and label masks on disk, to the slices that networks see.
//
// Words: a case is a patient's image with its mask, as files; loaded, it holds a volume, an image in memory with its
// geometry; a slice is what a network sees of a volume.
export type { Case, Layout, CaseImage } from "./case.ts";
export {
  type LoadOptions,
  type Labels,
  type LabelledCase,
  labelOf,
  labelsOf,
  loadCase,
  loadImage,
  loadLabels,
} from "./load.ts";
export { CachedSlices } from "./cached-slices.ts";
export {
  type Progress,
  type SliceLoadOptions,
  cacheImageSlices,
  cacheSlices,
  loadImageSlices,
  loadSlices,
  loadSlicesBy,
} from "./load-slices.ts";
export { SliceCache } from "./slice-cache.ts";
export { type MaskPair, loadMaskPair, pairMasks } from "./masks.ts";
export { withoutImageWord } from "./names.ts";
export { type DicomTree, scanDicom } from "./dicom-tree.ts";
export { filesOfDirectory, isDirectoryFile, readHeader, readSeries, readStructureSet, readVolume } from "./open.ts";
export { type Dataset, scanDataset, scanImages } from "./scan.ts";
export { type FoundSplits, findSplits } from "./splits.ts";
export { describe } from "./structure-owner.ts";
export { type CaseSurvey, surveyCases } from "./survey.ts";
