// DICOM below a folder: which structure set belongs to which series, and patients' folders as cases.
import { join } from "node:path";
import { DataError, printable } from "../../data/errors.ts";
import {
  type DicomSurvey,
  type FoundSeries,
  type FoundStructures,
  surveyDicom,
  surveySliceMasks,
} from "../../data/formats/dicom-survey.ts";
import { CmedlError } from "../../errors/cmedl-error.ts";
import type { Case, CaseImage } from "./case.ts";
import { groundsAmong } from "./ground.ts";
import { diskFile, filesBelow } from "./open.ts";
import { describe, ownerOf } from "./structure-owner.ts";

/** A series of images with the structure sets that are on it. */
export interface DicomImage {
  readonly series: FoundSeries;
  readonly structures: readonly FoundStructures[];
}

export interface DicomTree {
  /** Series of more than scouts, by patient and modality. */
  readonly images: readonly DicomImage[];
  /** Why structure sets are on none of the series. */
  readonly unmatched: readonly DataError[];
  /** Of folders and files that can't be read. */
  readonly faults: readonly CmedlError[];
}

/** Looks through all files below a folder, or those given; what can't be read is told of. */
export async function scanDicom(
  folder: string,
  {
    files,
    onFile,
  }: { readonly files?: readonly string[]; readonly onFile?: (done: number, total: number) => void } = {},
): Promise<DicomTree> {
  const unread: CmedlError[] = [];
  const paths = files ?? (await filesBelow(folder, { onFault: (fault) => unread.push(fault) }));
  const survey = await surveyDicom(paths.map(diskFile), (done) => onFile?.(done, paths.length));
  const masks = await sliceMasks(paths);
  return matched({
    series: survey.series,
    structures: [...survey.structures, ...masks.structures],
    faults: [...unread, ...survey.faults, ...masks.faults],
  });
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

function matched({ series, structures, faults }: DicomSurvey): DicomTree {
  const images = series.filter(({ isLocalizer }) => !isLocalizer);
  const owners = new Map(structures.map((set) => [set, ownerOf(set, images)]));
  const key = ({ patient, modality, uid }: FoundSeries): string => `${patient}\0${modality}\0${uid}`;
  return {
    images: images
      .map((s) => ({ series: s, structures: structures.filter((set) => owners.get(set) === s) }))
      .sort((a, b) => (key(a.series) < key(b.series) ? -1 : 1)),
    unmatched: [...owners.values()].filter((owner) => owner instanceof DataError),
    faults,
  };
}

/** One patient's folder as a case: its image alone, else with its structures, whose labels are given later. */
export interface DicomCases<C> {
  readonly cases: readonly C[];
  readonly faults: readonly CmedlError[];
}

/** The image of each subfolder that holds DICOM. Throws FileError. */
export async function dicomImages(folder: string, subfolders: readonly string[]): Promise<DicomCases<CaseImage>> {
  return casesOf(folder, subfolders, (image) => [image, undefined]);
}

/** The case of each subfolder that holds DICOM: one series of images, and one structure set on it. */
export async function dicomCases(folder: string, subfolders: readonly string[]): Promise<DicomCases<Case>> {
  return casesOf(folder, subfolders, (image, { structures }, unmatched) => {
    const [set, other] = structures;
    if (unmatched[0]) return [undefined, unmatched[0]];
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
  caseOf: (
    image: CaseImage,
    found: DicomImage,
    unmatched: readonly DataError[],
  ) => [C | undefined, DataError | undefined],
): Promise<DicomCases<C>> {
  const cases: C[] = [];
  const faults: CmedlError[] = [];
  for (const name of [...subfolders].sort()) {
    const path = join(folder, name);
    const { images, unmatched, faults: damaged } = await scanDicom(path);
    faults.push(...damaged);
    const [only, second] = images;
    if (!only) continue;
    if (second) {
      const shown = images.slice(0, 3).map(({ series }) => describe(series));
      const problem = `holds ${images.length} series: ${shown.join("; ")}`;
      faults.push(
        new DataError(path, "SeriesInstanceUID (0020,000e)", problem, "use `cmedl import FOLDER`, or keep one there"),
      );
      continue;
    }
    const patient = name.normalize("NFC");
    const [found, fault] = caseOf({ id: patient, patient, imagePath: path }, only, unmatched);
    if (found) cases.push(found);
    if (fault) faults.push(fault);
  }
  return { cases, faults };
}
