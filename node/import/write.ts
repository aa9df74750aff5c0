// Series of a DICOM tree as NIfTI with label masks, and a manifest of what came from where.
import { join, relative } from "node:path";
import { DataError } from "../../data/errors.ts";
import { type WritableVoxels, readFolder } from "../../data/formats/index.ts";
import { writeNifti } from "../../data/formats/nifti.ts";
import type { Volume, VoxelArray } from "../../data/volume.ts";
import { CmedlError } from "../../errors/cmedl-error.ts";
import { patientWarnings } from "../dataset/dicom-tree.ts";
import { type DrawnStructures, drawStructures } from "../../data/layouts/draw-structures.ts";
import { checkImageGrid } from "../../data/layouts/geometry.ts";
import { FileError, exists, refuseOverwrite, writeAtomic } from "../files.ts";
import type { ImportPlan, PlannedCase } from "./plan.ts";

/** The manifest's name in the new folder. */
export const MANIFEST = "import.json";

/** What was written of a series. */
interface ImportedCase {
  readonly image: string;
  readonly mask: string | null;
  readonly patient: string;
  readonly modality: string;
  readonly series: string;
  readonly description: string;
  readonly files: number;
  readonly shape: readonly number[];
  readonly spacingMm: readonly number[];
  readonly structures: readonly { name: string; label: number; file: string; voxels: number }[];
  readonly warnings: readonly string[];
}

/** What import.json holds. */
export interface ImportManifest {
  readonly format: "cmedl import 1";
  /** As it was given. */
  readonly source: string;
  /** The patterns of labels. */
  readonly labels: Readonly<Record<string, string>>;
  readonly cases: readonly ImportedCase[];
  /** Series of which nothing was written. */
  readonly leftOut: readonly { readonly series: string; readonly patient: string; readonly reason: string }[];
  /** Files and folders that could not be read, and structure sets that are on no series. */
  readonly passedOver: readonly { readonly file: string | null; readonly reason: string }[];
}

export interface ImportOptions {
  readonly source: string;
  readonly out: string;
  /** Told of each series before it is read. */
  readonly onCase?: (planned: PlannedCase) => void;
  readonly onWarning?: (message: string) => void;
}

/** Throws FileError where a file that would be written is there already. */
async function refuseOldFiles({ cases }: ImportPlan, out: string): Promise<void> {
  for (const name of [MANIFEST, ...cases.flatMap(({ image, mask }) => (mask ? [image, mask] : [image]))])
    await refuseOverwrite(join(out, name), "choose another --out");
}

/**
 * Writes a plan's images and masks, then the manifest; nothing is overwritten. A series that can't be read is left out,
 * and told of: `failed` counts those. Throws FileError where a file is there already or can't be written; the manifest
 * then tells how far it came.
 */
export async function writeImport(
  plan: ImportPlan,
  options: ImportOptions,
): Promise<{ manifest: ImportManifest; failed: number }> {
  const { source, out, onCase, onWarning } = options;
  await refuseOldFiles(plan, out);
  const cases: ImportedCase[] = [];
  const leftOut = plan.passedOver.map(({ series, reason }) => leftOutOf(series, reason));
  const passedOver = leftOut.length;
  const manifest: ImportManifest = {
    format: "cmedl import 1",
    source,
    labels: Object.fromEntries(plan.labels.map((pattern, i) => [i + 1, pattern])),
    cases,
    leftOut,
    passedOver: plan.faults.map(passedOverOf),
  };
  const writeManifest = (): Promise<void> => writeAtomic(join(out, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
  for (const [i, planned] of plan.cases.entries()) {
    onCase?.(planned);
    const read = await readCase(planned, plan.root, out).catch((error: unknown) => {
      if (error instanceof CmedlError) return error;
      throw error;
    });
    if (read instanceof CmedlError) {
      onWarning?.(`left out: ${read.message}`);
      leftOut.push(leftOutOf(planned.series, read.message));
      continue;
    }
    for (const warning of read.record.warnings) onWarning?.(warning);
    try {
      for (const { path, bytes } of read.files) await writeAtomic(join(out, path), bytes);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      for (const { series } of plan.cases.slice(i)) leftOut.push(leftOutOf(series, `the import stopped: ${reason}`));
      // Where nothing can be written, that cannot be either; the first error tells why.
      await writeManifest().catch(() => {});
      throw error;
    }
    cases.push(read.record);
  }
  await writeManifest();
  return { manifest, failed: leftOut.length - passedOver };
}

const leftOutOf = ({ uid, patient }: PlannedCase["series"], reason: string): ImportManifest["leftOut"][number] => ({
  series: uid,
  patient: patient.id,
  reason,
});

const passedOverOf = (fault: CmedlError): ImportManifest["passedOver"][number] => ({
  file: fault instanceof DataError || fault instanceof FileError ? fault.file : null,
  reason: fault.message,
});

/** What is written of a series, and what the manifest says of it. Throws CmedlError where it can't be read. */
async function readCase(
  { series, structures, image, mask }: PlannedCase,
  root: string,
  out: string,
): Promise<{ readonly record: ImportedCase; readonly files: readonly { path: string; bytes: Uint8Array }[] }> {
  const volume = await readFolder(series.files, series.files[0]!.name);
  const warnings = [...patientWarnings(series), ...volume.warnings, ...checkImageGrid(volume, series.files[0]!.name)];
  const drawn = structures.length > 0 ? await maskOf(structures, volume) : undefined;
  if (drawn) warnings.push(...drawn.warnings);
  // The mask first: an image without one would be a case that can't be read.
  const files = [
    ...(drawn && mask ? [{ path: mask, bytes: writeNifti(narrowed(drawn.data), volume) }] : []),
    { path: image, bytes: writeNifti(writable(volume.data), volume) },
  ];
  // They may have come since the import began.
  for (const { path } of files)
    if (await exists(join(out, path))) throw new DataError(path, "file", "exists already", "choose another --out");
  const record = {
    image,
    mask: mask ?? null,
    patient: series.patient.id,
    modality: series.modality,
    series: series.uid,
    description: series.description,
    files: series.files.length,
    shape: volume.shape,
    spacingMm: volume.spacingMm,
    structures: structures.map(({ set, name, label }, i) => ({
      name,
      label,
      file: relative(root, set.name),
      voxels: drawn?.voxels[i] ?? 0,
    })),
    warnings,
  };
  return { record, files };
}

/** The labels of structures on an image's grid. */
const maskOf = (structures: PlannedCase["structures"], volume: Volume): Promise<DrawnStructures> =>
  drawStructures(
    structures.map(({ set, name, label }) => ({ file: set, name, label })),
    (set) => set.open(),
    volume,
    volume.name,
  );

/** Labels in the narrowest type that NIfTI is written in here and that holds them. */
const narrowed = (labels: Uint16Array): WritableVoxels =>
  labels.some((label) => label > 255) ? Int16Array.from(labels) : Uint8Array.from(labels);

/** Voxels in a type that NIfTI is written in here. */
function writable(data: VoxelArray): WritableVoxels {
  if (data instanceof Uint8Array || data instanceof Int16Array || data instanceof Float32Array) return data;
  return Float32Array.from(data);
}
