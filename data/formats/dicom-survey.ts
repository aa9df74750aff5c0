// What DICOM files hold, told from their attributes: series of images, and the contours and segments that go with them.
import type { CmedlError } from "../../errors/cmedl-error.ts";
import { inDicom } from "./dicom.ts";
import type { Patient } from "./dicom/planes.ts";
import type { SliceMasks } from "./dicom/slice-masks.ts";
import type { ImageFile } from "./format.ts";
import type { LabelGrid, StructureSet } from "./structure-set.ts";

export type { Patient } from "./dicom/planes.ts";

/** A series of images. */
export interface FoundSeries {
  readonly uid: string;
  readonly modality: string;
  readonly description: string;
  readonly patient: Patient;
  readonly frameOfReferenceUid: string | undefined;
  /** Where its slices are; undefined where they make no volume. */
  readonly grid: LabelGrid | undefined;
  readonly files: readonly ImageFile[];
  readonly slices: number;
  /** Scouts only. */
  readonly isLocalizer: boolean;
}

/** A file of contours or segments, or a folder of masks as slices. */
export interface FoundStructures {
  /** Its path. */
  readonly name: string;
  /** The structures. Throws DataError. */
  open(): Promise<StructureSet>;
  readonly patient: Patient;
  readonly names: readonly string[];
  /** The files of the images that it is on, where that is known. */
  readonly imageNames?: ReadonlySet<string>;
  /** The series that it names; they may exist nowhere. */
  readonly seriesUids: ReadonlySet<string>;
  /** The frames of reference that it names. */
  readonly frameUids: ReadonlySet<string>;
  /** A point of each contour or frame: x, y, z, x, … in mm (LPS). */
  readonly places: Float64Array;
}

export interface DicomSurvey {
  readonly series: readonly FoundSeries[];
  readonly structures: readonly FoundStructures[];
  /** Of files that can't be opened, and of those that begin like DICOM and can't be read. */
  readonly faults: readonly CmedlError[];
}

/** Looks through files; those that are no DICOM are passed over. `onFile` gets the number looked at so far. */
export async function surveyDicom(
  files: readonly ImageFile[],
  onFile: (done: number) => void = () => {},
): Promise<DicomSurvey> {
  const { surveyFiles } = await import("./dicom/survey.ts");
  return inDicom("DICOM", () => surveyFiles(files, onFile));
}

/** Masks as PNG slices, one for each of some DICOM files. Throws DataError where they are not one for one. */
export async function openSliceMasks(
  masks: readonly ImageFile[],
  images: readonly ImageFile[],
  folder: string,
): Promise<SliceMasks> {
  const sliceMasks = await import("./dicom/slice-masks.ts");
  return inDicom(folder, () => sliceMasks.openSliceMasks(masks, images, folder));
}

/** What such masks hold; they are opened again where they are drawn. Throws as openSliceMasks. */
export async function surveySliceMasks(
  masks: readonly ImageFile[],
  images: readonly ImageFile[],
  folder: string,
): Promise<FoundStructures> {
  const open = (): Promise<SliceMasks> => openSliceMasks(masks, images, folder);
  const { names, patient, seriesUids, frameUids, places } = await open();
  const imageNames = new Set(images.map(({ name }) => name));
  return { name: folder, open, names, patient, imageNames, seriesUids, frameUids, places };
}
