// The files of a tree by series and by structure set; one that can't be read is reported, and stops nothing.
import { CmedlError } from "../../../errors/cmedl-error.ts";
import { DataError } from "../../errors.ts";
import type { DicomSurvey, FoundSeries, FoundStructures } from "../dicom-survey.ts";
import { inDicom } from "../dicom.ts";
import type { ImageFile } from "../format.ts";
import { openStructures } from "../structure-set.ts";
import type { DicomFile } from "./parse.ts";
import { type Instance, type Plane, instanceOf, otherObjectOf, planesOf } from "./planes.ts";
import { regrouped } from "./regroup.ts";
import { type Series, parseHead } from "./series.ts";
import { stackOf } from "./stack.ts";
import { looksLikeDicom } from "./syntax.ts";
import type { Tags } from "./tags.ts";

/** Files of one UID, of which one can't be read as an image. */
interface Unread {
  readonly instance: Instance;
  readonly files: ImageFile[];
}

export async function surveyFiles(files: readonly ImageFile[], onFile: (done: number) => void): Promise<DicomSurvey> {
  const planes = new Map<string, Plane[]>();
  const unread = new Map<string, Unread>();
  const structures: FoundStructures[] = [];
  const faults: CmedlError[] = [];
  for (const [i, file] of files.entries()) {
    onFile(i);
    try {
      if (!looksLikeDicom(await file.beginning())) continue;
      await inDicom(file.name, async () => {
        const head = await parseHead(file);
        if (otherObjectOf(head) === undefined) addImage(head, file, planes, unread);
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
  const whole = [...planes].filter(([uid]) => !unread.has(uid)).map(([uid, all]) => ({ uid, planes: all }));
  const damaged = [...unread].map(([uid, { instance, files }]) => {
    const others = planes.get(uid) ?? [];
    return seriesOf(instance, [...new Set([...others.map(({ source }) => source), ...files])], others);
  });
  return { series: [...regrouped(whole).map((s) => imagesOf(s)), ...damaged], structures, faults };
}

/** The planes of a file. What can't be read of it is reported where the series is read. */
function addImage(head: DicomFile, file: ImageFile, planes: Map<string, Plane[]>, unread: Map<string, Unread>): void {
  const instance = instanceOf(head);
  const uid = instance.seriesUid;
  const found = unlessDamaged(() => planesOf(head, file));
  if (found) {
    const known = planes.get(uid);
    if (known) known.push(...found);
    else planes.set(uid, found);
    return;
  }
  const damaged = unread.get(uid);
  if (damaged) damaged.files.push(file);
  else unread.set(uid, { instance, files: [file] });
}

const imagesOf = ({ planes }: Series): FoundSeries => ({
  ...seriesOf(planes[0]!.instance, [...new Set(planes.map(({ source }) => source))], planes),
  grid: unlessDamaged(() => {
    const { shape, affine, oriented } = stackOf(planes, "series").header;
    return { shape, affine, oriented };
  }),
});

function seriesOf(instance: Instance, files: readonly ImageFile[], planes: readonly Plane[]): FoundSeries {
  const { seriesUid: uid, series: description, modality, patient, frameOfReferenceUid } = instance;
  return {
    uid,
    modality,
    description,
    patient,
    frameOfReferenceUid,
    grid: undefined,
    files,
    slices: Math.max(files.length, planes.length),
    isLocalizer: planes.length > 0 && planes.every((p) => p.instance.isLocalizer),
  };
}

/** What `read` gives; undefined where it throws DataError. */
function unlessDamaged<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof DataError) return undefined;
    throw error;
  }
}

async function structuresOf(head: DicomFile, file: ImageFile): Promise<FoundStructures | undefined> {
  const set = await openStructures(file);
  if (!set) return undefined;
  // What it holds may be large: it is read again where it is drawn.
  const open = async () => {
    const again = await openStructures(file);
    if (again) return again;
    throw new DataError(file.name, "Modality (0008,0060)", "has changed since it was looked at", "look again");
  };
  const { patient, frameOfReferenceUid } = instanceOf(head);
  const references: References = { seriesUids: new Set(), frameUids: new Set() };
  if (frameOfReferenceUid !== undefined) references.frameUids.add(frameOfReferenceUid);
  addReferences(head.tags, references);
  return { name: file.name, open, patient, names: set.names, places: set.places, ...references };
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
