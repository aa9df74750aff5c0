// Series of a DICOM tree as NIfTI with label masks, and a manifest of what came from where.
import { join, relative } from "node:path";
import { DataError } from "../../data/errors.ts";
import { type WritableVoxels, readFolder } from "../../data/formats/index.ts";
import { writeNifti } from "../../data/formats/nifti.ts";
import type { Volume, VoxelArray } from "../../data/volume.ts";
import { checkImageGrid } from "../dataset/geometry.ts";
import { exists, refuseOverwrite, writeAtomic } from "../files.ts";
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

export interface ImportResult {
  readonly cases: readonly ImportedCase[];
  /** Series that could not be read, or were passed over. */
  readonly leftOut: readonly { readonly series: string; readonly patient: string; readonly reason: string }[];
  /** How many of them could not be read. */
  readonly failed: number;
}

export interface ImportOptions {
  readonly source: string;
  readonly out: string;
  /** Told of each series before it is read. */
  readonly onCase?: (planned: PlannedCase) => void;
  readonly onWarning?: (message: string) => void;
}

/** Throws FileError where a file that would be written is there already. */
export async function refuseOldFiles({ cases }: ImportPlan, out: string): Promise<void> {
  for (const name of [MANIFEST, ...cases.flatMap(({ image, mask }) => (mask ? [image, mask] : [image]))])
    await refuseOverwrite(join(out, name), "choose another --out");
}

/**
 * Writes a plan's images and masks, then the manifest; nothing is overwritten. A series that can't be read is left out,
 * and told of. Throws FileError where a file is there already or can't be written.
 */
export async function writeImport(plan: ImportPlan, options: ImportOptions): Promise<ImportResult> {
  const { source, out, onCase, onWarning } = options;
  await refuseOldFiles(plan, out);
  const cases: ImportedCase[] = [];
  const leftOut = plan.passedOver.map(({ series, reason }) => leftOutOf(series, reason));
  const passedOver = leftOut.length;
  for (const planned of plan.cases) {
    onCase?.(planned);
    try {
      const done = await writeCase(planned, options);
      for (const warning of done.warnings) onWarning?.(warning);
      cases.push(done);
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      onWarning?.(`left out: ${error.message}`);
      leftOut.push(leftOutOf(planned.series, error.message));
    }
  }
  const manifest = {
    format: "cmedl import 1",
    source,
    labels: Object.fromEntries(plan.labels.map((pattern, i) => [i + 1, pattern])),
    cases,
    leftOut,
  };
  await writeAtomic(join(out, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
  return { cases, leftOut, failed: leftOut.length - passedOver };
}

const leftOutOf = ({ uid, patient }: PlannedCase["series"], reason: string): ImportResult["leftOut"][number] => ({
  series: uid,
  patient,
  reason,
});

async function writeCase(
  { series, structures, image, mask }: PlannedCase,
  { source, out }: ImportOptions,
): Promise<ImportedCase> {
  const volume = await readFolder(series.files, series.files[0]!.name);
  const warnings = [...volume.warnings, ...checkImageGrid(volume, series.files[0]!.name)];
  const drawn = structures.length > 0 ? await maskOf(structures, volume, warnings) : undefined;
  // The mask first: an image without one would be a case that can't be read.
  if (drawn && mask) await writeAtomic(join(out, mask), writeNifti(drawn.data, volume));
  if (await exists(join(out, image))) throw new DataError(image, "file", "exists already", "choose another --out");
  await writeAtomic(join(out, image), writeNifti(writable(volume.data), volume));
  return {
    image,
    mask: mask ?? null,
    patient: series.patient,
    modality: series.modality,
    series: series.uid,
    description: series.description,
    files: series.files.length,
    shape: volume.shape,
    spacingMm: volume.spacingMm,
    structures: structures.map(({ set, name, label }, i) => ({
      name,
      label,
      file: relative(source, set.name),
      voxels: drawn?.voxels[i] ?? 0,
    })),
    warnings,
  };
}

/** The labels of structures on an image's grid, and how many voxels each has. */
async function maskOf(
  structures: PlannedCase["structures"],
  volume: Volume,
  warnings: string[],
): Promise<{ data: Uint8Array<ArrayBuffer>; voxels: number[] }> {
  const data = new Uint8Array(volume.data.length);
  const voxels = structures.map(() => 0);
  let overlapping = 0;
  for (const set of new Set(structures.map((s) => s.set))) {
    const opened = await set.open();
    for (const [i, { name, label, set: own }] of structures.entries()) {
      if (own !== set) continue;
      const drawn = await opened.draw([name], volume);
      for (const warning of drawn.warnings) if (!warnings.includes(warning)) warnings.push(warning);
      for (let n = 0; n < data.length; n++) {
        if (drawn.data[n] === 0) continue;
        voxels[i]!++;
        if (data[n] !== 0 && data[n] !== label) overlapping++;
        if (data[n] === 0 || label < data[n]!) data[n] = label;
      }
    }
  }
  if (overlapping > 0)
    warnings.push(`${volume.name}: ${overlapping} voxels are of two labels: they have the lower one.`);
  return { data, voxels };
}

/** Voxels in a type that NIfTI is written in here. */
function writable(data: VoxelArray): WritableVoxels {
  if (data instanceof Uint8Array || data instanceof Int16Array || data instanceof Float32Array) return data;
  return Float32Array.from(data);
}
