// The files of a tree by series and by structure set; one that can't be read is told of, and stops nothing.
import { DataError } from "../../errors.ts";
import type { DicomSurvey, FoundSeries, FoundStructures } from "../dicom-survey.ts";
import { inDicom } from "../dicom.ts";
import type { ImageFile } from "../format.ts";
import { openStructures } from "../structure-set.ts";
import type { DicomFile } from "./parse.ts";
import { instanceOf, otherObjectOf } from "./planes.ts";
import { parseHead } from "./series.ts";
import { looksLikeDicom } from "./syntax.ts";
import type { Tags } from "./tags.ts";

type Growing = Omit<FoundSeries, "files" | "slices" | "isLocalizer"> & {
  files: ImageFile[];
  slices: number;
  isLocalizer: boolean;
};

export async function surveyFiles(files: readonly ImageFile[], onFile: (done: number) => void): Promise<DicomSurvey> {
  const series = new Map<string, Growing>();
  const structures: FoundStructures[] = [];
  const faults: DataError[] = [];
  for (const [i, file] of files.entries()) {
    onFile(i);
    if (!looksLikeDicom(await file.beginning())) continue;
    try {
      await inDicom(file.name, async () => {
        const head = await parseHead(file);
        if (otherObjectOf(head) === undefined) addImage(series, head, file);
        else {
          const found = await structuresOf(head, file);
          if (found) structures.push(found);
        }
      });
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      faults.push(error);
    }
  }
  return { series: [...series.values()], structures, faults };
}

function addImage(series: Map<string, Growing>, head: DicomFile, file: ImageFile): void {
  const { seriesUid, series: description, isLocalizer, ...instance } = instanceOf(head);
  const slices = head.tags.decimal("NumberOfFrames") ?? 1;
  const found = series.get(seriesUid);
  if (found) {
    found.files.push(file);
    found.slices += slices;
    found.isLocalizer &&= isLocalizer;
  } else
    series.set(seriesUid, {
      uid: seriesUid,
      modality: instance.modality,
      description,
      patient: instance.patient,
      frameOfReferenceUid: instance.frameOfReferenceUid,
      files: [file],
      slices,
      isLocalizer,
    });
}

async function structuresOf(head: DicomFile, file: ImageFile): Promise<FoundStructures | undefined> {
  const set = await openStructures(file);
  if (!set) return undefined;
  const { patient, frameOfReferenceUid } = instanceOf(head);
  const uids = new Set(frameOfReferenceUid === undefined ? [] : [frameOfReferenceUid]);
  addReferences(head.tags, uids);
  return { file, patient, names: set.names, uids };
}

/** UIDs of series and frames of reference within the sequences that name them. */
function addReferences(tags: Tags, uids: Set<string>): void {
  for (const keyword of REFERRING)
    for (const item of tags.items(keyword)) {
      for (const uid of [item.text("SeriesInstanceUID"), item.text("FrameOfReferenceUID")]) if (uid) uids.add(uid);
      addReferences(item, uids);
    }
}

const REFERRING = [
  "ReferencedSeriesSequence",
  "ReferencedFrameOfReferenceSequence",
  "RTReferencedStudySequence",
  "RTReferencedSeriesSequence",
] as const;
