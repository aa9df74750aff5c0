// The files of a tree by series and by structure set; one that can't be read is told of, and stops nothing.
import { CmedlError } from "../../../errors/cmedl-error.ts";
import { DataError } from "../../errors.ts";
import type { DicomSurvey, FoundSeries, FoundStructures } from "../dicom-survey.ts";
import { inDicom } from "../dicom.ts";
import type { ImageFile } from "../format.ts";
import { openStructures } from "../structure-set.ts";
import type { DicomFile } from "./parse.ts";
import { type Plane, instanceOf, otherObjectOf, planesOf } from "./planes.ts";
import { parseHead } from "./series.ts";
import { stackOf } from "./stack.ts";
import { looksLikeDicom } from "./syntax.ts";
import type { Tags } from "./tags.ts";

type Growing = Omit<FoundSeries, "files" | "slices" | "isLocalizer" | "grid"> & {
  files: ImageFile[];
  slices: number;
  isLocalizer: boolean;
  /** Undefined where those of a file can't be read. */
  planes: Plane[] | undefined;
};

export async function surveyFiles(files: readonly ImageFile[], onFile: (done: number) => void): Promise<DicomSurvey> {
  const series = new Map<string, Growing>();
  const structures: FoundStructures[] = [];
  const faults: CmedlError[] = [];
  for (const [i, file] of files.entries()) {
    onFile(i);
    try {
      if (!looksLikeDicom(await file.beginning())) continue;
      await inDicom(file.name, async () => {
        const head = await parseHead(file);
        if (otherObjectOf(head) === undefined) addImage(series, head, file);
        else {
          const found = await structuresOf(head, file);
          if (found) structures.push(found);
        }
      });
    } catch (error) {
      if (!(error instanceof CmedlError)) throw error;
      faults.push(error);
    }
  }
  const found = [...series.values()].map(({ planes, ...s }) => ({ ...s, grid: planes && gridOf(planes) }));
  return { series: found, structures, faults };
}

/** What `read` gives; undefined where it throws DataError: it is thrown again where the series is read. */
function unlessDamaged<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof DataError) return undefined;
    throw error;
  }
}

const gridOf = (planes: readonly Plane[]): FoundSeries["grid"] =>
  unlessDamaged(() => {
    const { shape, affine, oriented } = stackOf(planes, "series").header;
    return { shape, affine, oriented };
  });

function addImage(series: Map<string, Growing>, head: DicomFile, file: ImageFile): void {
  const { seriesUid, series: description, isLocalizer, ...instance } = instanceOf(head);
  const slices = head.tags.decimal("NumberOfFrames") ?? 1;
  const planes = unlessDamaged(() => planesOf(head, file));
  const found = series.get(seriesUid);
  if (found) {
    if (planes) found.planes?.push(...planes);
    else found.planes = undefined;
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
      planes,
    });
}

async function structuresOf(head: DicomFile, file: ImageFile): Promise<FoundStructures | undefined> {
  const set = await openStructures(file);
  if (!set) return undefined;
  const { patient, frameOfReferenceUid } = instanceOf(head);
  const references: References = { seriesUids: new Set(), frameUids: new Set() };
  if (frameOfReferenceUid !== undefined) references.frameUids.add(frameOfReferenceUid);
  addReferences(head.tags, references);
  return { file, patient, names: set.names, places: set.places, ...references };
}

interface References {
  readonly seriesUids: Set<string>;
  readonly frameUids: Set<string>;
}

/** UIDs of series and frames of reference within the sequences that name them. */
function addReferences(tags: Tags, { seriesUids, frameUids }: References): void {
  for (const keyword of REFERRING)
    for (const item of tags.items(keyword)) {
      const series = item.text("SeriesInstanceUID");
      if (series !== undefined) seriesUids.add(series);
      for (const frame of [item.text("FrameOfReferenceUID"), item.text("ReferencedFrameOfReferenceUID")])
        if (frame !== undefined) frameUids.add(frame);
      addReferences(item, { seriesUids, frameUids });
    }
}

const REFERRING = [
  "ReferencedSeriesSequence",
  "ReferencedFrameOfReferenceSequence",
  "RTReferencedStudySequence",
  "RTReferencedSeriesSequence",
  "StructureSetROISequence",
] as const;
