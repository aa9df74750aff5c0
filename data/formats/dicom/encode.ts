/// <reference path="./dcmjs.d.ts" />
// DICOM out: attributes by keyword to the bytes of a file, by dcmjs, and what every file made here says of itself.
import { importFailure } from "../../../errors/package-missing.ts";
import { EXPLICIT_LITTLE, IMPLICIT_LITTLE } from "./dictionary.ts";
import type { Plane } from "./planes.ts";

/** Attributes by keyword: text, numbers, or items of a sequence. */
export type Attributes = { readonly [keyword: string]: unknown };

/** A structure that is written: its name, its value in the mask, and its colour. */
export interface Segment {
  readonly name: string;
  readonly value: number;
  readonly rgb: readonly [number, number, number];
}

/** A reference to the image of a plane; of an image of several frames, to that frame. */
export function frameReference({ instance, format, frame }: Plane): Attributes {
  const image = imageReference(instance);
  return format.frames > 1 ? { ...image, ReferencedFrameNumber: String(frame + 1) } : image;
}

/**
 * References to the images that all of these planes are of, each once; that no frame is named means all (PS3.3 10.3).
 */
export function imageReferences(planes: readonly Plane[]): Attributes[] {
  const byUid = new Map(planes.map(({ instance }) => [instance.sopUid, instance]));
  return [...byUid.values()].map(imageReference);
}

/** Planes by the series that their images are of. */
export function planesBySeries(planes: readonly Plane[]): (readonly [uid: string, planes: readonly Plane[]])[] {
  const uids = new Set(planes.map(({ instance }) => instance.seriesUid));
  return [...uids].map((uid) => [uid, planes.filter(({ instance }) => instance.seriesUid === uid)]);
}

const imageReference = ({ sopClassUid, sopUid }: Plane["instance"]): Attributes => ({
  ReferencedSOPClassUID: sopClassUid,
  ReferencedSOPInstanceUID: sopUid,
});

/** Who made a file. */
export interface Maker {
  readonly version: string;
  /** What the series is called, such as "cmedl runs/first". */
  readonly description: string;
  readonly date: Date;
}

/** A new UID from a random UUID (PS3.5 B.2). */
export const newUid = (): string => `2.25.${BigInt(`0x${crypto.randomUUID().replaceAll("-", "")}`)}`;

/** A number in the 16 characters of a decimal string; `digits` behind the point, fewer where it is whole. */
export const decimal = (value: number, digits = 6): string => {
  const text = value.toFixed(digits).replace(/\.?0+$/, "");
  return text === "-0" ? "0" : text;
};

const two = (n: number): string => String(n).padStart(2, "0");

/** Patient and study of the images, and a series of its own that says who made it. */
export function newSeries(
  { instance }: Plane,
  { version, description, date }: Maker,
  seriesNumber: string,
): Attributes {
  const day = `${date.getFullYear()}${two(date.getMonth() + 1)}${two(date.getDate())}`;
  const time = `${two(date.getHours())}${two(date.getMinutes())}${two(date.getSeconds())}`;
  const { study } = instance;
  return {
    SpecificCharacterSet: "ISO_IR 192",
    InstanceCreationDate: day,
    InstanceCreationTime: time,
    // Required ones may be empty.
    StudyDate: "",
    StudyTime: "",
    StudyID: "",
    AccessionNumber: "",
    ReferringPhysicianName: "",
    PatientName: "",
    PatientID: "",
    PatientBirthDate: "",
    PatientSex: "",
    ...study,
    StudyInstanceUID: study.StudyInstanceUID ?? newUid(),
    SeriesInstanceUID: newUid(),
    SeriesNumber: seriesNumber,
    InstanceNumber: "1",
    SeriesDescription: description.slice(0, 64),
    Manufacturer: "cmedl",
    ManufacturerModelName: "cmedl",
    DeviceSerialNumber: "none",
    SoftwareVersions: version,
  };
}

/**
 * The bytes of a file. Long values need implicit VR: an explicit one has no more than 64 KiB for decimal strings.
 * Throws PackageMissingError where dcmjs is not installed.
 */
export async function encodeDicom(
  attributes: Attributes & { readonly SOPClassUID: string; readonly SOPInstanceUID: string },
  { explicit }: { readonly explicit: boolean },
): Promise<Uint8Array<ArrayBuffer>> {
  const dcmjs = await loadDcmjs();
  const { DicomDict, DicomMetaDictionary } = dcmjs.data;
  dcmjs.log.setLevel("error");
  const syntax = explicit ? EXPLICIT_LITTLE : IMPLICIT_LITTLE;
  const file = new DicomDict(
    DicomMetaDictionary.denaturalizeDataset({
      FileMetaInformationVersion: Uint8Array.of(0, 1).buffer,
      MediaStorageSOPClassUID: attributes.SOPClassUID,
      MediaStorageSOPInstanceUID: attributes.SOPInstanceUID,
      TransferSyntaxUID: syntax,
      ImplementationClassUID: IMPLEMENTATION,
      ImplementationVersionName: "CMEDL",
    }),
  );
  file.dict = DicomMetaDictionary.denaturalizeDataset({ ...attributes });
  return new Uint8Array(file.write({ TransferSyntaxUID: syntax }));
}

async function loadDcmjs(): Promise<typeof import("dcmjs").default> {
  try {
    return (await import("dcmjs")).default;
  } catch (error) {
    throw importFailure(error, "writing DICOM", ["dcmjs"]);
  }
}

/** This program, as files name their writer: a UUID of its own. */
const IMPLEMENTATION = "2.25.241847021853129087604170955462531174";
