// CHAOS as it is published: DICOM slices, and PNG masks beside them in a folder of their own.
import { encode } from "fast-png";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseNifti } from "../../data/formats/nifti.ts";
import { loadCase, scanDataset, scanDicom, surveyCases } from "../../node/dataset/index.ts";
import { planImport } from "../../node/import/plan.ts";
import { writeImport } from "../../node/import/write.ts";
import { type SliceOptions, sliceBytes } from "../data/dicom-writer.ts";

const test = suite("ground");
const root = mkdtempSync(join(tmpdir(), "cmedl-ground-"));
test.after(() => rmSync(root, { recursive: true, force: true }));

let made = 0;
function tree(files: Readonly<Record<string, Uint8Array>>): string {
  const path = join(root, `tree${made++}`);
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), content);
  }
  return path;
}

/** A mask of 3 columns and 2 rows. */
const grey = (...data: readonly number[]): Uint8Array =>
  encode({ width: 3, height: 2, data: Uint8Array.from(data), channels: 1 });
/** The same in one bit a pixel. */
const bits = (first: number, second: number): Uint8Array =>
  encode({ width: 3, height: 2, data: Uint8Array.of(first << 5, second << 5), depth: 1, channels: 1 });

/** Two phases of one patient in one series, and masks on the first of them. */
function phases(): Record<string, Uint8Array> {
  const files: Record<string, Uint8Array> = {};
  const of = (n: number, z: number, phase: string, more: SliceOptions): void => {
    files[`MR/1/T1DUAL/DICOM_anon/${phase}/IMG-0004-0000${n}.dcm`] = sliceBytes({ modality: "MR", z, ...more });
  };
  for (const z of [0, 5, 10]) {
    // The names rise where the places fall.
    const n = 6 - (2 * z) / 5;
    of(n, z, "InPhase", { sop: `1.1.${z + 1}`, pixels: new Array(6).fill(z) });
    of(n - 1, z, "OutPhase", { sop: `1.2.${z + 1}`, pixels: new Array(6).fill(100 + z) });
  }
  const ground = "MR/1/T1DUAL/Ground/IMG-0004-0000";
  return {
    ...files,
    [`${ground}2.png`]: grey(252, 0, 0, 0, 0, 0),
    [`${ground}4.png`]: grey(0, 63, 63, 126, 0, 0),
    [`${ground}6.png`]: grey(0, 0, 0, 0, 0, 189),
  };
}

test("masks of slices are on the slice of their name, of each phase, whatever their order; greys are organs", async () => {
  const path = tree(phases());
  const found = await scanDicom(path);
  assert.equal([found.faults, found.unmatched], [[], []]);
  const organs = ["liver", "right kidney", "left kidney", "spleen"];
  assert.equal(
    found.images.map(({ series, structures }) => [series.slices, structures.map(({ names }) => names)]),
    [
      [3, [organs]],
      [3, [organs]],
    ],
  );
  const out = join(root, "imported");
  const plan = planImport(found, ["liver", "*kidney", "spleen"]);
  const { manifest, failed } = await writeImport(plan, { source: path, out });
  assert.is(failed, 0);
  for (const { image, mask } of manifest.cases) {
    const voxels = (name: string) => parseNifti(new Uint8Array(readFileSync(join(out, name))), name);
    assert.is(voxels(image).data[0]! % 100, 0, "the first slice is the lowest");
    assert.equal([...voxels(mask!).data], [0, 0, 0, 0, 0, 2, 0, 1, 1, 2, 0, 0, 3, 0, 0, 0, 0, 0]);
  }
});

/** A CT whose slices are numbered from the head on, and masks of one bit that are numbered likewise. */
const ct = (patient: string, masks = 2): Record<string, Uint8Array> =>
  Object.fromEntries([
    ...[7, 2].map((z, i) => [`${patient}/DICOM_anon/i000${i},0000b.dcm`, sliceBytes({ z, series: `1.5.${patient}` })]),
    ...Array.from({ length: masks }, (_, i) => [`${patient}/Ground/liver_GT_00${i}.png`, bits(i === 0 ? 7 : 0, i)]),
  ]);

test("a folder of CT patients is a set as it lies; masks of other names are on the slices in their order", async () => {
  const { cases } = await scanDataset(tree({ ...ct("1"), ...ct("2") }));
  assert.equal(
    cases.map(({ id, structures }) => [id, structures!.map(({ label, name }) => `${label} ${name}`)]),
    [
      ["1", ["1 liver"]],
      ["2", ["1 liver"]],
    ],
  );
  await surveyCases(cases);
  const { mask } = await loadCase(cases[0]!);
  assert.equal([...mask], [0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0]);
});

test("masks that are not one for one with the slices, or of another size, are told of", async () => {
  const { faults } = await scanDicom(tree(ct("1", 1)));
  assert.match(faults.join(), /Ground: slices: holds 1 PNG slices for 2 of .*i0000,0000b\.dcm; keep one for each/);
  const other = {
    ...ct("1"),
    "1/Ground/liver_GT_001.png": encode({ width: 1, height: 1, data: Uint8Array.of(1), channels: 1 }),
  };
  const sized = await scanDicom(tree(other));
  assert.match(sized.faults.join(), /liver_GT_001\.png: IHDR: 1 × 1 pixels, not the 3 × 2 of .*i0001,0000b\.dcm/);
});

test.run();
