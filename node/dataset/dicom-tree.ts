// DICOM below a folder: which structure set belongs to which series, and patients' folders as cases.
import { dirname, join, relative, sep } from "node:path";
import { DataError, printable } from "../../data/errors.ts";
import {
  type DicomSurvey,
  type FoundSeries,
  type FoundStructures,
  surveyDicom,
} from "../../data/formats/dicom-survey.ts";
import type { Case, CaseImage } from "./case.ts";
import { diskFile, filesBelow } from "./open.ts";

/** A series of images with the structure sets that are on it. */
export interface DicomImage {
  readonly series: FoundSeries;
  readonly structures: readonly FoundStructures[];
}

export interface DicomTree {
  /** Series of more than scouts, by patient and modality. */
  readonly images: readonly DicomImage[];
  /** Structure sets whose series is not there, or can't be told. */
  readonly unmatched: readonly FoundStructures[];
  readonly faults: readonly DataError[];
}

/** Looks through all files below a folder, or those given. Throws FileError. */
export async function scanDicom(
  folder: string,
  {
    files,
    onFile,
  }: { readonly files?: readonly string[]; readonly onFile?: (done: number, total: number) => void } = {},
): Promise<DicomTree> {
  const paths = files ?? (await filesBelow(folder));
  const survey = await surveyDicom(paths.map(diskFile), (done) => onFile?.(done, paths.length));
  return matched(survey);
}

function matched({ series, structures, faults }: DicomSurvey): DicomTree {
  const images = series.filter(({ isLocalizer }) => !isLocalizer);
  const owners = new Map(structures.map((set) => [set, ownerOf(set, images)]));
  const key = ({ patient, modality, uid }: FoundSeries): string => `${patient}\0${modality}\0${uid}`;
  return {
    images: images
      .map((s) => ({ series: s, structures: structures.filter((set) => owners.get(set) === s) }))
      .sort((a, b) => (key(a.series) < key(b.series) ? -1 : 1)),
    unmatched: structures.filter((set) => !owners.get(set)),
    faults,
  };
}

/**
 * The series that a structure set is on: the one whose UID it names, the only one of its patient in the frame of
 * reference that it names, else the only one that is nearest to it in the tree; undefined where none is the only one.
 */
function ownerOf(set: FoundStructures, images: readonly FoundSeries[]): FoundSeries | undefined {
  const named = images.filter(({ uid }) => set.uids.has(uid));
  if (named.length === 1) return named[0];
  const ofPatient = images.filter(({ patient }) => patient === set.patient);
  const inFrame = ofPatient.filter((s) => s.frameOfReferenceUid !== undefined && set.uids.has(s.frameOfReferenceUid));
  const among = inFrame.length > 0 ? inFrame : ofPatient;
  if (among.length === 1) return among[0];
  const depths = among.map((s) => sharedDepth(dirname(set.file.name), dirname(s.files[0]!.name)));
  const deepest = Math.max(...depths);
  const nearest = among.filter((_, i) => depths[i] === deepest);
  return nearest.length === 1 ? nearest[0] : undefined;
}

/** How many folders two paths begin with together. */
function sharedDepth(a: string, b: string): number {
  const up = relative(a, b)
    .split(sep)
    .filter((part) => part === "..").length;
  return a.split(sep).length - up;
}

/** "CT "thorax", 60 slices", for the user. */
export function describe({ modality, description, slices }: FoundSeries): string {
  const named = description === "" ? "" : ` "${printable(description, 40)}"`;
  return `${printable(modality, 16) || "unknown modality"}${named}, ${slices} slices`;
}

/** One patient's folder as a case: its image alone, else with its structures, whose labels are given later. */
export interface DicomCases<C> {
  readonly cases: readonly C[];
  readonly faults: readonly DataError[];
}

/** The image of each subfolder that holds DICOM. Throws FileError. */
export async function dicomImages(folder: string, subfolders: readonly string[]): Promise<DicomCases<CaseImage>> {
  return casesOf(folder, subfolders, (image) => [image, undefined]);
}

/** The case of each subfolder that holds DICOM: one series of images, and one structure set on it. */
export async function dicomCases(folder: string, subfolders: readonly string[]): Promise<DicomCases<Case>> {
  return casesOf(folder, subfolders, (image, { structures }) => {
    const [set, other] = structures;
    const fault = (problem: string): DataError =>
      new DataError(image.imagePath, "structures", problem, "use `cmedl import FOLDER`, which takes them by name");
    if (!set) return [undefined, fault("no RTSTRUCT or SEG is on its series")];
    if (other)
      return [
        undefined,
        fault(`several are on its series: ${printable(set.file.name)}, ${printable(other.file.name)}`),
      ];
    const path = set.file.name;
    return [
      { ...image, maskPath: path, structures: set.names.map((name) => ({ label: 0, name, path, within: name })) },
      undefined,
    ];
  });
}

async function casesOf<C extends CaseImage>(
  folder: string,
  subfolders: readonly string[],
  caseOf: (image: CaseImage, found: DicomImage) => [C | undefined, DataError | undefined],
): Promise<DicomCases<C>> {
  const cases: C[] = [];
  const faults: DataError[] = [];
  for (const name of [...subfolders].sort()) {
    const path = join(folder, name);
    const { images, unmatched, faults: damaged } = await scanDicom(path);
    faults.push(...damaged);
    const [only, second] = images;
    if (!only) continue;
    if (second || unmatched.length > 0) {
      const shown = images.slice(0, 3).map(({ series }) => describe(series));
      const problem = second
        ? `holds ${images.length} series: ${shown.join("; ")}`
        : "holds contours of another series";
      faults.push(
        new DataError(path, "SeriesInstanceUID (0020,000e)", problem, "use `cmedl import FOLDER`, or keep one there"),
      );
      continue;
    }
    const patient = name.normalize("NFC");
    const [found, fault] = caseOf({ id: patient, patient, imagePath: path }, only);
    if (found) cases.push(found);
    if (fault) faults.push(fault);
  }
  return { cases, faults };
}
