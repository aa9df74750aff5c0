// Writes what each site has: sites/a and sites/b, CT phantoms of its own with masks; and sites/test, patients of both
// sets.
import { mkdir, writeFile } from "node:fs/promises";
import { type LoadedCase, phantomSet, writeNifti } from "cmedl/data";

const [, , folder = "runs/federated"] = process.argv;

/** Patients of one set. */
const patients = (set: string, count: number, first = 0): LoadedCase[] =>
  phantomSet({ modality: "CT", seed: 7, set, size: 32, slices: 8 }, count, first);

const sites: Readonly<Record<string, readonly LoadedCase[]>> = {
  a: patients("a", 6),
  b: patients("b", 6),
  test: [...patients("a", 6, 6), ...patients("b", 6, 6)],
};
for (const [site, cases] of Object.entries(sites)) {
  await mkdir(`${folder}/sites/${site}`, { recursive: true });
  for (const { id, image, mask } of cases) {
    const name = `${folder}/sites/${site}/${id}`;
    await writeFile(`${name}_image.nii.gz`, writeNifti(Int16Array.from(image.data), image, { gzip: true }));
    await writeFile(`${name}_mask.nii.gz`, writeNifti(Uint8Array.from(mask), image, { gzip: true }));
  }
}
