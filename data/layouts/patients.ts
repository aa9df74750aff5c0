// Folders of which each is a patient's: with an image and its mask, or with an image and the masks of its structures.
import { join } from "./paths.ts";
import { DataError, printable } from "../errors.ts";
import type { CmedlError } from "../../errors/cmedl-error.ts";
import type { Case, Layout, Listing, Structure } from "./case.ts";
import { complete, likeliest, nameOf } from "./pairing.ts";
import { type Reading, flatReadings, labelNames, noImages, twoReadings } from "./readings.ts";

/** One patient's folder: its cases, else what is wrong with it. */
interface PatientFolder {
  readonly cases: readonly Case[];
  readonly fault?: CmedlError | undefined;
}

/** The reading of subfolders as patients', if any holds images. */
export async function patientReadings(listing: Listing): Promise<Reading[]> {
  const folders: PatientFolder[] = [];
  for (const name of [...listing.subfolders].sort()) folders.push(await patientFolder(listing, name));
  const faults = folders.flatMap(({ fault }) => fault ?? []);
  const found = folders.flatMap(({ cases }) => cases);
  if (found.length + faults.length === 0) return [];
  const { cases, labels } = numbered(found);
  const layout: Layout =
    labels.size === 0
      ? { kind: "patients", description: "a folder a patient" }
      : { kind: "structures", description: `a folder a patient, a file a structure (${labelNames(labels)})`, labels };
  return [{ layout, cases, pairs: cases, faults }];
}

/** The reading of subfolders as patients' DICOM, if any holds a series with contours or segments. */
export async function dicomReadings({ folder, subfolders, dicomCases }: Listing): Promise<Reading[]> {
  const found = await dicomCases(folder, subfolders);
  if (found.cases.length + found.faults.length === 0) return [];
  const { cases, labels } = numbered(found.cases);
  const description = `a folder of DICOM a patient (${labelNames(labels)})`;
  return [{ layout: { kind: "structures", description, labels }, cases, pairs: cases, faults: found.faults }];
}

async function patientFolder(listing: Listing, name: string): Promise<PatientFolder> {
  const folder = join(listing.folder, name);
  const names = await listing.images(folder);
  const [image, ...others] = names;
  if (image === undefined) return { cases: [] };
  const patient = name.normalize("NFC");
  const inside = (await listing.folders(folder)).find((f) => /^segmentations?$/i.test(f));
  if (inside !== undefined && others.length === 0)
    return ofStructures(listing, patient, join(folder, image), join(folder, inside));
  const readings = flatReadings({ folder, names });
  const [found, other] = complete(readings);
  if (found && other) return { cases: [], fault: twoReadings(folder, found, other) };
  if (found) return ofPairs(found, patient, folder);
  const problem = `${names.length} files such as ${printable(image)} show no image beside its mask`;
  const unclear = new DataError(folder, "names", problem, "name them image.nii.gz and mask.nii.gz");
  return { cases: [], fault: likeliest(readings)?.faults[0] ?? unclear };
}

/** The only pair of a folder is named by it; several are one patient's where their names begin with the folder's. */
function ofPairs({ cases }: Reading, patient: string, folder: string): PatientFolder {
  const [only, second] = cases;
  if (only && !second) return { cases: [{ ...only, id: patient, patient }] };
  if (cases.every(({ id }) => id.startsWith(patient))) return { cases: cases.map((c) => ({ ...c, patient })) };
  const problem = `holds ${cases.length} cases: they are a set of several patients, or one patient's`;
  const mend = `give ${printable(folder)} itself as the set, or begin their names with ${printable(patient)}`;
  return { cases: [], fault: new DataError(folder, "names", problem, mend) };
}

/** A case whose structures have a file each; their labels are given once all names are known. */
async function ofStructures(
  { images }: Listing,
  patient: string,
  imagePath: string,
  maskPath: string,
): Promise<PatientFolder> {
  const structures = (await images(maskPath)).map((file): Structure => {
    return { label: 0, name: nameOf(file), path: join(maskPath, file) };
  });
  if (structures.length === 0)
    return { cases: [], fault: noImages(maskPath, "file", "put the masks of its structures there") };
  return { cases: [{ id: patient, patient, imagePath, maskPath, structures }] };
}

/**
 * The cases with labels for their structures, and the structures' names by label: a name has the same label in every
 * case, from 1 in order of the names.
 */
function numbered(cases: readonly Case[]): { cases: Case[]; labels: ReadonlyMap<number, string> } {
  const names = [...new Set(cases.flatMap(({ structures = [] }) => structures.map(({ name }) => name)))].sort();
  const labelOf = new Map(names.map((name, i) => [name, i + 1]));
  return {
    labels: new Map(names.map((name, i) => [i + 1, name])),
    cases: cases.map(({ structures, ...c }) =>
      structures ? { ...c, structures: structures.map((s) => ({ ...s, label: labelOf.get(s.name)! })) } : c,
    ),
  };
}
