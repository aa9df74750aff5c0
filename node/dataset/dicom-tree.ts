// DICOM below a folder: which structure set belongs to which series, and patients' folders as cases.
import { basename, dirname, join, relative, resolve } from "node:path";
import { DataError, printable } from "../../data/errors.ts";
import {
  type DicomSurvey,
  type FoundSeries,
  type FoundStructures,
  type Patient,
  surveyDicom,
  surveySliceMasks,
} from "../../data/formats/dicom-survey.ts";
import { CmedlError } from "../../errors/cmedl-error.ts";
import type { Case, CaseImage, DicomCases } from "../../data/layouts/case.ts";
import { groundsAmong } from "./ground.ts";
import { diskFile, filesBelow, filesOfDirectory, isDirectoryFile, isFolderThere } from "./open.ts";
import { describe, ownerOf } from "../../data/layouts/structure-owner.ts";

/** A series of images with the structure sets that are on it. */
export interface DicomImage {
  readonly series: FoundSeries;
  readonly structures: readonly FoundStructures[];
}

export interface DicomTree {
  /** The folder that holds all files. */
  readonly root: string;
  /** Series of more than scouts, by patient and modality. */
  readonly images: readonly DicomImage[];
  /** Series of scouts alone. */
  readonly scouts: readonly FoundSeries[];
  /** Why structure sets are on none of the series. */
  readonly unmatched: readonly DataError[];
  /** Of folders and files that can't be read. */
  readonly faults: readonly CmedlError[];
}

/**
 * Looks through all files below a folder, those that a DICOMDIR lists, or one file. What can't be read is reported.
 * Throws FileError where `path` itself can't be read, DataError where it is a file that begins like DICOM and is
 * damaged.
 */
export async function scanDicom(path: string, onFile?: (done: number, total: number) => void): Promise<DicomTree> {
  const unread: CmedlError[] = [];
  const isTree = await isFolderThere(path);
  const root = isTree ? path : dirname(path);
  const paths = isTree ? await filesBelow(path, { onFault: (fault) => unread.push(fault) }) : await filesAt(path);
  const survey = await surveyDicom(paths.map(diskFile), (done) => onFile?.(done, paths.length));
  if (paths[0] === path && survey.faults[0]) throw survey.faults[0];
  const masks = await sliceMasks(paths);
  const below = <T extends { readonly patient: Patient }>(found: T): T => ({
    ...found,
    patient: patientBelow(root, found.patient),
  });
  return matched(root, {
    series: survey.series.map(below),
    structures: [...survey.structures, ...masks.structures].map(below),
    faults: [...unread, ...survey.faults, ...masks.faults],
  });
}

/** The files that a DICOMDIR lists; another file alone. */
const filesAt = async (path: string): Promise<string[]> => (isDirectoryFile(path) ? filesOfDirectory(path) : [path]);

/** A patient that only the folder tells is called by the way from the root to it. */
const patientBelow = (root: string, patient: Patient): Patient =>
  patient.by === "folder" ? { ...patient, id: relative(root, patient.id) || basename(resolve(root)) } : patient;

/** What is odd of the patient whose a series is taken to be; whole sentences. */
export function patientWarnings({ patient: { id, by }, files }: Pick<FoundSeries, "patient" | "files">): string[] {
  if (by === "name") return [];
  const taken = by === "study" ? "its study (StudyInstanceUID)" : "its folder";
  const odd = `${printable(files[0]!.name)}: neither PatientID nor PatientName is told`;
  return [`${odd}: ${taken} is taken for a patient, ${printable(id, 80)}.`];
}

/** The masks of slices among files. */
async function sliceMasks(paths: readonly string[]): Promise<Pick<DicomSurvey, "structures" | "faults">> {
  const structures: FoundStructures[] = [];
  const faults: CmedlError[] = [];
  for (const { folder, masks, images } of groundsAmong(paths))
    try {
      structures.push(await surveySliceMasks(masks.map(diskFile), images.map(diskFile), folder));
    } catch (error) {
      if (!(error instanceof CmedlError)) throw error;
      faults.push(error);
    }
  return { structures, faults };
}

function matched(root: string, { series, structures, faults }: DicomSurvey): DicomTree {
  const images = series.filter(({ isLocalizer }) => !isLocalizer);
  const owners = new Map(structures.map((set) => [set, ownerOf(set, images)]));
  const key = ({ patient, modality, uid }: FoundSeries): string => `${patient.id}\0${modality}\0${uid}`;
  return {
    root,
    images: images
      .map((s) => ({ series: s, structures: structures.filter((set) => owners.get(set) === s) }))
      .sort((a, b) => (key(a.series) < key(b.series) ? -1 : 1)),
    scouts: series.filter(({ isLocalizer }) => isLocalizer),
    unmatched: [...owners.values()].filter((owner) => owner instanceof DataError),
    faults,
  };
}

/** The image of each subfolder that holds DICOM. Throws FileError. */
export async function dicomImages(folder: string, subfolders: readonly string[]): Promise<DicomCases<CaseImage>> {
  return casesOf(folder, subfolders, (image) => [image, undefined]);
}

/**
 * The case of each subfolder that holds DICOM: one series of images, and one structure set on it. Structures that are
 * on no series are a fault.
 */
export async function dicomCases(folder: string, subfolders: readonly string[]): Promise<DicomCases<Case>> {
  return casesOf(folder, subfolders, (image, { images, unmatched }) => {
    if (unmatched[0] || !image) return [undefined, unmatched[0]];
    const [set, other] = images[0]!.structures;
    const fault = (problem: string): DataError =>
      new DataError(image.imagePath, "structures", problem, "use `cmedl import FOLDER`, which takes them by name");
    if (!set) return [undefined, fault("no RTSTRUCT or SEG is on its series")];
    if (other) return [undefined, fault(`several are on its series: ${printable(set.name)}, ${printable(other.name)}`)];
    const path = set.name;
    return [
      { ...image, maskPath: path, structures: set.names.map((name) => ({ label: 0, name, path, within: name })) },
      undefined,
    ];
  });
}

async function casesOf<C extends CaseImage>(
  folder: string,
  subfolders: readonly string[],
  // Without an image where the folder holds no series.
  caseOf: (image: CaseImage | undefined, found: DicomTree) => [C | undefined, DataError | undefined],
): Promise<DicomCases<C>> {
  const cases: C[] = [];
  const faults: CmedlError[] = [];
  for (const name of [...subfolders].sort()) {
    const path = join(folder, name);
    const tree = await scanDicom(path);
    const { images } = tree;
    faults.push(...tree.faults);
    if (images.length > 1) {
      const shown = images.slice(0, 3).map(({ series }) => describe(series));
      const problem = `holds ${images.length} series: ${shown.join("; ")}`;
      faults.push(
        new DataError(path, "SeriesInstanceUID (0020,000e)", problem, "use `cmedl import FOLDER`, or keep one there"),
      );
      continue;
    }
    const patient = name.normalize("NFC");
    const image = images.length === 0 ? undefined : { id: patient, patient, imagePath: path };
    const [found, fault] = caseOf(image, tree);
    if (found) cases.push(found);
    if (fault) faults.push(fault);
  }
  return { cases, faults };
}
