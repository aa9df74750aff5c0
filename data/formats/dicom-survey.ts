// What DICOM files hold, told from their attributes: series of images, and the contours and segments that go with them.
import type { CmedlError } from "../../errors/cmedl-error.ts";
import { inDicom } from "./dicom.ts";
import type { ImageFile } from "./format.ts";
import type { LabelGrid } from "./structure-set.ts";

/** A series of images. */
export interface FoundSeries {
  readonly uid: string;
  readonly modality: string;
  readonly description: string;
  readonly patient: string;
  readonly frameOfReferenceUid: string | undefined;
  /** Where its slices are; undefined where they make no volume. */
  readonly grid: LabelGrid | undefined;
  readonly files: readonly ImageFile[];
  readonly slices: number;
  /** Scouts only. */
  readonly isLocalizer: boolean;
}

/** A file of contours or segments. */
export interface FoundStructures {
  readonly file: ImageFile;
  readonly patient: string;
  readonly names: readonly string[];
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

/** Looks through files; those that are no DICOM are passed over. `onFile` is told how many were looked at. */
export async function surveyDicom(
  files: readonly ImageFile[],
  onFile: (done: number) => void = () => {},
): Promise<DicomSurvey> {
  const { surveyFiles } = await import("./dicom/survey.ts");
  return inDicom("DICOM", () => surveyFiles(files, onFile));
}
