// Cases from disk into memory, one volume at a time.
import { CaseLoader } from "../../data/layouts/load.ts";
import { readHeader, readStructureSet, readVoxels } from "./open.ts";

export { classesOf, labelOf, labelsOf } from "../../data/layouts/labels.ts";
export type { LabelledCase } from "../../data/layouts/load.ts";

/** Of files on disk. */
export const diskCases = new CaseLoader({ header: readHeader, voxels: readVoxels, structures: readStructureSet });

/** `loadCase`: image and mask of a case on disk. `loadImage`: its image alone. Throw DataError. */
export const { loadCase, loadImage } = diskCases;
export const loadLabels = (...of: Parameters<CaseLoader["loadLabels"]>): ReturnType<CaseLoader["loadLabels"]> =>
  diskCases.loadLabels(...of);
export const readMask = (...of: Parameters<CaseLoader["readMask"]>): ReturnType<CaseLoader["readMask"]> =>
  diskCases.readMask(...of);
/** The volume of an image file, or of a folder of slices. Throws DataError, and FileError where it can't be read. */
export const readVolume = (path: string): ReturnType<CaseLoader["readVolume"]> => diskCases.readVolume(path);
