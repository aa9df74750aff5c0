// Which series of images a set of contours or segments is on: by the UIDs that it names, and by where it lies.
import { DataError, printable } from "../errors.ts";
import type { FoundSeries, FoundStructures } from "../formats/dicom-survey.ts";
import { slicesOf } from "../formats/dicom/fill.ts";

/**
 * The series that a structure set is on, or why none is: that of its images' files; of the series whose UID it names,
 * else of those of its patient (of the nearest, where nothing but folders tells whose they are), the one in a frame of
 * reference that it names and between whose slices it lies. Where several are left, the one on whose slices it lies,
 * then the one that is nearest to it in the tree.
 */
export function ownerOf(set: FoundStructures, images: readonly FoundSeries[]): FoundSeries | DataError {
  const refusal = (field: string, problem: string): DataError =>
    new DataError(set.name, field, problem, "give the series that they were drawn on");
  const { imageNames } = set;
  const told = imageNames && images.filter(({ files }) => files.every(({ name }) => imageNames.has(name)));
  if (told?.[0]) return told[0];
  const named = images.filter(({ uid }) => set.seriesUids.has(uid));
  const among = named.length > 0 ? named : ofItsPatient(set, images);
  const [first] = among;
  if (!first) return refusal(...noSeriesOf(set.patient));
  const inFrame = among.filter((s) => frameOf(set, s) === "same");
  const perhaps = inFrame.length > 0 ? inFrame : among.filter((s) => frameOf(set, s) === "untold");
  if (perhaps.length === 0) {
    const problem = `${[...set.frameUids].join(", ")} is not ${first.frameOfReferenceUid} of ${describe(first)}`;
    return refusal("FrameOfReferenceUID (0020,0052)", problem);
  }
  const reached = perhaps.filter((s) => shareWithin(set, s, 0.5) > 0);
  if (reached.length === 0) {
    const other = perhaps[0]!;
    return refusal("structures", `none lies between the slices of ${describe(other)} (series ${other.uid})`);
  }
  const onSlices = reached.filter((s) => shareWithin(set, s, ON_SLICE) > 0.9);
  const left = nearest(set, onSlices.length > 0 ? onSlices : reached);
  if (left.length === 1) return left[0]!;
  return refusal("ReferencedSeriesSequence (0008,1115)", `which of ${left.length} series they are on can't be told`);
}

/** The series of a set's patient. */
function ofItsPatient(set: FoundStructures, images: readonly FoundSeries[]): FoundSeries[] {
  const { id, by } = set.patient;
  const alike = images.filter(({ patient }) => patient.by === by);
  // Contours may have a folder of their own beside that of their series.
  return by === "folder" ? nearest(set, alike) : alike.filter(({ patient }) => patient.id === id);
}

function noSeriesOf({ id, by }: FoundStructures["patient"]): [field: string, problem: string] {
  const name = printable(id, 80);
  if (by === "study")
    return ["StudyInstanceUID (0020,000d)", `no series of ${name} is there, and no PatientID is told`];
  const others = by === "folder" ? "neither patient nor study is told, and no such series is there" : undefined;
  return ["PatientID (0010,0020)", others ?? `no series of ${name} is there`];
}

function frameOf(set: FoundStructures, { frameOfReferenceUid }: FoundSeries): "same" | "other" | "untold" {
  if (frameOfReferenceUid === undefined || set.frameUids.size === 0) return "untold";
  return set.frameUids.has(frameOfReferenceUid) ? "same" : "other";
}

/** Contours of a series lie on its slices but for rounding: nearer than this part of their distance. */
const ON_SLICE = 0.05;

/**
 * The share of contours or frames that are no farther than `most` slices from one of a series; 1 where nothing tells.
 */
function shareWithin({ places }: FoundStructures, { grid }: FoundSeries, most: number): number {
  if (!grid?.oriented || places.length === 0) return 1;
  const last = grid.shape[2] - 1;
  const slices = slicesOf(places, grid.affine);
  const off = slices.map((z) => Math.abs(z - Math.min(last, Math.max(0, Math.round(z)))));
  return off.filter((d) => d <= most + 1e-6).length / off.length;
}

/** Those of several series whose folder has most in common with the set's. */
function nearest(set: FoundStructures, among: readonly FoundSeries[]): FoundSeries[] {
  const depths = among.map((s) => sharedDepth(set.name, s.files[0]!.name));
  const deepest = Math.max(...depths);
  return among.filter((_, i) => depths[i] === deepest);
}

/** How many folders the paths of two files begin with together. */
function sharedDepth(a: string, b: string): number {
  const [ours, theirs] = [a, b].map((path) => path.split(/[/\\]/).slice(0, -1));
  const parted = ours!.findIndex((name, i) => name !== theirs![i]);
  return parted < 0 ? ours!.length : parted;
}

/** "CT "thorax", 60 slices", for the user. */
export function describe({ modality, description, slices }: FoundSeries): string {
  const named = description === "" ? "" : ` "${printable(description, 40)}"`;
  return `${printable(modality, 16) || "unknown modality"}${named}, ${slices} slices`;
}
