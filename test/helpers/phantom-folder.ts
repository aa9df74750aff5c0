// Folders of phantoms as `cmedl train` reads them.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { writeNifti } from "../../data/formats/nifti.ts";
import type { LoadedCase } from "../../data/slices.ts";
import { type Modality, phantomSet } from "../../data/synthetic.ts";

export interface PhantomFolder {
  /** Pixels of a side. Default 48. */
  readonly size?: number;
  /** Default 6. */
  readonly slices?: number;
  /** Patients. Default 3. */
  readonly count?: number;
  /** What the i-th patient's image and mask are changed to. */
  readonly image?: (values: Int16Array<ArrayBuffer>, i: number) => Int16Array<ArrayBuffer> | Float32Array<ArrayBuffer>;
  readonly mask?: (mask: Uint8Array<ArrayBuffer>, i: number) => Uint8Array<ArrayBuffer> | Float32Array<ArrayBuffer>;
}

/** Writes <id>_image.nii.gz and <id>_mask.nii.gz of each patient of seed 1 into a folder; the patients, unchanged. */
export async function writePhantoms(
  folder: string,
  modality: Modality,
  { size = 48, slices = 6, count = 3, image, mask }: PhantomFolder = {},
): Promise<readonly LoadedCase[]> {
  await mkdir(folder, { recursive: true });
  const cases = phantomSet({ modality, seed: 1, size, slices }, count);
  for (const [i, c] of cases.entries()) {
    const values = Int16Array.from(c.image.data);
    const classes = Uint8Array.from(c.mask);
    await writeFile(join(folder, `${c.id}_image.nii.gz`), writeNifti(image?.(values, i) ?? values, c.image));
    await writeFile(join(folder, `${c.id}_mask.nii.gz`), writeNifti(mask?.(classes, i) ?? classes, c.image));
  }
  return cases;
}
