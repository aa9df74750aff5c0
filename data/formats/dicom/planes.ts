// The planes of DICOM images: what a file, or each frame of a multi-frame one, tells of its place and its values.
import { printable } from "../../errors.ts";
import type { ImageFile } from "../format.ts";
import type { DicomFile } from "./parse.ts";
import { type PixelFormat, pixelFormatOf } from "./pixel-format.ts";
import type { Tags } from "./tags.ts";
import { ownOf } from "../../own.ts";

export type Vector = readonly [number, number, number];

/** One plane of an image. */
export interface Plane {
  readonly source: ImageFile;
  /** From 0. */
  readonly frame: number;
  readonly format: PixelFormat;
  /** Centre of the first pixel, in mm from right to left, front to back and foot to head (LPS). */
  readonly position: Vector | undefined;
  /** Directions in which the column's and the row's index rise, as unit vectors in LPS. */
  readonly along: readonly [column: Vector, row: Vector] | undefined;
  /** Between columns, and between rows: PixelSpacing turned round. */
  readonly spacingMm: readonly [number, number] | undefined;
  /** Between planes as the file tells it, else the thickness. */
  readonly sliceMm: number | undefined;
  readonly slope: number;
  readonly intercept: number;
  readonly instance: Instance;
  /** What tells planes in one place apart, by keyword. */
  readonly marks: Readonly<Record<string, string | undefined>>;
}

/** Whose a file is: by PatientID or PatientName, else by its study, else by its folder. */
export interface Patient {
  readonly id: string;
  readonly by: "name" | "study" | "folder";
}

/** What a file tells of the patient, study and series that its image belongs to. */
export interface Instance {
  readonly modality: string;
  readonly seriesUid: string;
  readonly series: string;
  readonly sopClassUid: string;
  readonly sopUid: string;
  readonly frameOfReferenceUid: string | undefined;
  readonly isLocalizer: boolean;
  readonly patient: Patient;
  /** Study and patient, as they are copied into what is made from the series. */
  readonly study: Readonly<Partial<Record<StudyKeyword, string>>>;
}

const studyKeywords = [
  "StudyInstanceUID",
  "StudyDate",
  "StudyTime",
  "StudyID",
  "AccessionNumber",
  "ReferringPhysicianName",
  "PatientName",
  "PatientID",
  "PatientBirthDate",
  "PatientSex",
] as const;
export type StudyKeyword = (typeof studyKeywords)[number];

/** Modalities that are no images of tissue, in words. */
const otherObjects: Readonly<Record<string, string>> = {
  RTSTRUCT: "contours",
  RTDOSE: "a dose",
  RTPLAN: "a plan of radiotherapy",
  SEG: "a segmentation",
  SR: "a report",
  PR: "a presentation state",
  KO: "a list of key images",
  REG: "a registration",
  ECG: "a waveform",
};

/** What a DICOM file that holds no image is, in words; undefined of an image. */
export function otherObjectOf({ tags }: DicomFile): string | undefined {
  const other = ownOf(otherObjects, tags.text("Modality") ?? "");
  if (other !== undefined) return other;
  return tags.has("Rows") || tags.has("PixelData") ? undefined : "attributes without pixels";
}

export function instanceOf({ tags, name }: DicomFile): Instance {
  const study = studyKeywords.map((keyword) => [keyword, tags.text(keyword)]);
  return {
    modality: tags.text("Modality") ?? "",
    seriesUid: tags.text("SeriesInstanceUID") ?? "",
    series: tags.text("SeriesDescription") ?? "",
    sopClassUid: tags.text("SOPClassUID") ?? "",
    sopUid: tags.text("SOPInstanceUID") ?? "",
    frameOfReferenceUid: tags.text("FrameOfReferenceUID"),
    isLocalizer: /\bLOCALIZER\b/.test(tags.text("ImageType") ?? ""),
    patient: patientOf(tags, name),
    study: Object.fromEntries(study.filter(([, value]) => value !== undefined)) as Instance["study"],
  };
}

/** Files from which names were taken away would else be one patient's. */
function patientOf(tags: Tags, name: string): Patient {
  const told = tags.text("PatientID") ?? tags.text("PatientName");
  if (told !== undefined) return { id: told, by: "name" };
  const study = tags.text("StudyInstanceUID");
  return study === undefined ? { id: folderOf(name), by: "folder" } : { id: study, by: "study" };
}

/** The folder of a file's path, with the sign behind it; "" where it has none. */
export const folderOf = (name: string): string =>
  name.slice(0, Math.max(name.lastIndexOf("/"), name.lastIndexOf("\\")) + 1);

/**
 * The planes of one file. Throws DataError where it holds no image that can be read; with `anyObject`, a segmentation
 * is one.
 */
export function planesOf(file: DicomFile, source: ImageFile, { anyObject = false } = {}): Plane[] {
  const { tags } = file;
  const other = anyObject ? undefined : otherObjectOf(file);
  if (other !== undefined)
    throw tags.wrong("Modality", `${printable(tags.text("Modality") ?? "missing", 20)}: ${other}`, "give an image");
  const format = pixelFormatOf(file);
  const instance = instanceOf(file);
  const shared = tags.item("SharedFunctionalGroupsSequence");
  const perFrame = tags.items("PerFrameFunctionalGroupsSequence");
  if (perFrame.length > 0 && perFrame.length !== format.frames)
    throw tags.wrong("NumberOfFrames", `${format.frames} frames, of which ${perFrame.length} are described`);
  return Array.from({ length: format.frames }, (_, frame) => {
    const groups = [perFrame[frame], shared].filter((g) => g !== undefined);
    const place = placeOf(tags, groups);
    // One position for many frames is that of none of them.
    const position = format.frames > 1 && perFrame.length === 0 ? undefined : place.position;
    return { source, frame, format, instance, ...place, position, ...rescaleOf(tags, groups) };
  });
}

/** The item of a frame's own group, else of the group that all frames share, else the file's attributes. */
function groupOf(tags: Tags, groups: readonly Tags[], name: Parameters<Tags["item"]>[0]): Tags {
  for (const group of groups) {
    const item = group.item(name);
    if (item) return item;
  }
  return tags;
}

type Place = Pick<Plane, "position" | "along" | "spacingMm" | "sliceMm" | "marks">;

function placeOf(tags: Tags, groups: readonly Tags[]): Place {
  const measures = groupOf(tags, groups, "PixelMeasuresSequence");
  const content = groupOf(tags, groups, "FrameContentSequence");
  const marks = {
    AcquisitionNumber: tags.text("AcquisitionNumber"),
    EchoTime: tags.text("EchoTime"),
    TemporalPositionIdentifier: tags.text("TemporalPositionIdentifier"),
    TemporalPositionIndex: content.element("TemporalPositionIndex")
      ? String(content.set.uint32("x00209128"))
      : undefined,
    StackID: content.text("StackID"),
    TriggerTime: tags.text("TriggerTime"),
    DiffusionBValue: tags.has("DiffusionBValue") ? String(tags.set.double("x00189087")) : undefined,
    ImageType: tags.text("ImageType"),
    InstanceNumber: tags.text("InstanceNumber"),
  };
  const spacing = measures.vector("PixelSpacing", 2);
  if (spacing && !spacing.every((s) => s > 0))
    throw measures.wrong("PixelSpacing", `${spacing.join(", ")} is no voxel size`);
  const between = measures.decimal("SpacingBetweenSlices");
  // Some write the sign of a direction into it.
  const sliceMm = Math.abs(between ?? 0) || measures.decimal("SliceThickness") || undefined;
  const position = groupOf(tags, groups, "PlanePositionSequence").vector("ImagePositionPatient", 3);
  return {
    position: position as unknown as Vector | undefined,
    along: directionsOf(groupOf(tags, groups, "PlaneOrientationSequence")),
    spacingMm: spacing && [spacing[1]!, spacing[0]!],
    sliceMm: sliceMm !== undefined && sliceMm > 0 ? sliceMm : undefined,
    marks,
  };
}

function directionsOf(tags: Tags): Plane["along"] {
  const cosines = tags.vector("ImageOrientationPatient", 6);
  if (!cosines) return undefined;
  const [a, b, c, d, e, f] = cosines as [number, number, number, number, number, number];
  const [column, row] = [unit([a, b, c]), unit([d, e, f])];
  if (!column || !row || Math.abs(dot(column, row)) > 0.01)
    throw tags.wrong("ImageOrientationPatient", `${cosines.join(", ")} are no two directions at a right angle`);
  return [column, row];
}

export const dot = (a: Vector, b: Vector): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
export const cross = (a: Vector, b: Vector): Vector => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];
export const minus = (a: Vector, b: Vector): Vector => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];

/** The vector with length 1; undefined where its length is not near it. */
function unit(v: Vector): Vector | undefined {
  const length = Math.hypot(...v);
  return Math.abs(length - 1) < 0.01 ? [v[0] / length, v[1] / length, v[2] / length] : undefined;
}

function rescaleOf(tags: Tags, groups: readonly Tags[]): Pick<Plane, "slope" | "intercept"> {
  if (tags.items("ModalityLUTSequence").length > 0)
    throw tags.wrong(
      "ModalityLUTSequence",
      "a table of values is not read, only RescaleSlope",
      "rescale the pixels by it",
    );
  const from = groupOf(tags, groups, "PixelValueTransformationSequence");
  const slope = from.decimal("RescaleSlope") ?? 1;
  if (slope === 0) throw from.wrong("RescaleSlope", "0 makes all values equal");
  return { slope, intercept: from.decimal("RescaleIntercept") ?? 0 };
}
