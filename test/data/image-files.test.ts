// Real, odd and hostile DICOM and PNG files kept outside the repository.
import { readdirSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { provideNodeCodecs } from "../../node/dataset/dicom-codecs.ts";
import { DataError } from "../../data/errors.ts";
import { seriesOf, writeMaskObject } from "../../data/formats/dicom-out.ts";
import { fileOfBytes, openStructures, readFolder, readImage } from "../../data/formats/index.ts";
import type { Volume } from "../../data/volume.ts";
import { parseNifti } from "../../data/formats/nifti.ts";
import { testHostile } from "./hostile.ts";
import { readShared, sharedPath, testWith } from "./shared-data.ts";

provideNodeCodecs();
const test = suite("image files");
const bad = "conformance/bad";
const odds = "data/dicom-odds";
const pydicom = `${odds}/pydicom-test-files`;
const sts = `${odds}/sts025-ct-mr-rtstruct`;
const lung = "data/lung-ct/nsclc-ibsi1";

const sidecar = new TextEncoder().encode('{ "spacingMm": [1, 1, 1] }');
const shared = (path: string) => ({
  ...fileOfBytes(readShared(path), path),
  beside: async (name: string) => (name === "image.json" ? sidecar : undefined),
});
const below = (folder: string): string[] =>
  readdirSync(sharedPath(folder), { recursive: true })
    .map((name) => join(folder, String(name)))
    .filter((path) => statSync(sharedPath(path)).isFile())
    .sort();
const readSeries = (folder: string): Promise<Volume> => readFolder(below(folder).map(shared), folder);

testHostile(test, {
  formats: ["dicom", "png"],
  least: 30,
  ms: 4000,
  read: (path) => readImage(shared(path)),
  // Codecs and libraries.
  before: () => readImage(shared(`${bad}/files/dcm_ok_signed12.dcm`)),
});

testWith(test, [pydicom], "each odd DICOM file gives right values, or one sentence; none anything else", async () => {
  const range = new Map<string, [number, number]>();
  for (const path of [...below(pydicom), ...below(`${odds}/highdicom-seg`)].filter(
    (p) => !/\.(json|dump|txt|md)$/.test(p),
  ))
    try {
      const all = Array.from((await readImage(shared(path))).data);
      const least = all.reduce((a, b) => Math.min(a, b));
      range.set(basename(path), [least, all.reduce((a, b) => Math.max(a, b))]);
    } catch (error) {
      assert.instance(error, DataError, `${path}: ${String(error)}`);
    }
  // As pydicom 2.3.1 gives them, rescaled.
  const small = ["", "_RLE", "_bigendian", "_expb", "_implicit", "_jp2klossless", "_jpeg_ls_lossless", "_padded"];
  for (const kind of small) assert.equal(range.get(`MR_small${kind}.dcm`), [127, 2145], kind);
  assert.equal(range.get("CT_small.dcm"), [-896, 1167]);
  assert.equal(range.get("JPEG2000.dcm"), [-30, 245]);
  assert.equal(range.get("J2K_pixelrep_mismatch.dcm"), [-2000, 1896]);
});

testWith(test, [pydicom], "one MR in eight syntaxes has the same voxels", async () => {
  const plain = await readImage(shared(`${pydicom}/MR_small.dcm`));
  for (const kind of ["RLE", "bigendian", "expb", "implicit", "jp2klossless", "jpeg_ls_lossless", "padded"])
    assert.equal((await readImage(shared(`${pydicom}/MR_small_${kind}.dcm`))).data, plain.data, kind);
});

const cases = [
  {
    images: `${lung}/dicom/image`,
    contours: `${lung}/dicom/mask`,
    image: `${lung}/image.nii.gz`,
    mask: `${lung}/gtv.nii.gz`,
  },
  ...["CT", "MR_T1"].map((m) => ({
    images: `${sts}/${m}/image`,
    contours: `${sts}/${m}/mask`,
    image: `${sts}/${m}_reference_image.nii.gz`,
    mask: `${sts}/${m}_reference_mask.nii.gz`,
  })),
];
const inside = (data: ArrayLike<number>): number => Array.from(data).reduce((n, v) => n + +(v !== 0), 0);
function dice(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let both = 0;
  for (let i = 0; i < a.length; i++) both += +(a[i] !== 0 && b[i] !== 0);
  return (2 * both) / (inside(a) + inside(b));
}

for (const { images, contours, image, mask } of cases)
  testWith(test, [images, image], `${images} has the voxels, place and contours of its NIfTI`, async () => {
    const volume = await readSeries(images);
    const wanted = parseNifti(readShared(image), image);
    assert.equal(volume.shape, wanted.shape);
    assert.ok(volume.data.every((v, i) => v === wanted.data[i]));
    assert.ok(volume.affine.every((v, i) => Math.abs(v - wanted.affine[i]!) < 1e-5));
    const set = (await openStructures(shared(below(contours)[0]!)))!;
    const drawn = await set.draw(set.names, volume);
    assert.equal(drawn.warnings, []);
    assert.is(dice(drawn.data, parseNifti(readShared(mask), mask).data), 1);
  });

testWith(test, [lung], "a real mask is written as RTSTRUCT and SEG and read back voxel for voxel", async () => {
  const files = below(`${lung}/dicom/image`).map(shared);
  const series = await seriesOf(files, "CT");
  const volume = await readFolder(files, "CT");
  const { data } = parseNifti(readShared(`${lung}/gtv.nii.gz`), "gtv");
  const maker = { version: "0.1.0", description: "cmedl runs/first", date: new Date() };
  for (const object of ["rtstruct", "seg"] as const) {
    const bytes = await writeMaskObject(
      object,
      data,
      series,
      [{ name: "tumour", value: 1, rgb: [230, 25, 75] }],
      maker,
    );
    const set = (await openStructures(fileOfBytes(bytes, "o.dcm")))!;
    assert.is(dice((await set.draw(set.names, volume)).data, data), 1, object);
  }
});

testWith(test, [`${odds}/highdicom-seg`], "SEG of highdicom: its voxels are those that pydicom counts", async () => {
  const image = await readImage(shared(`${odds}/highdicom-seg/ct_image.dcm`));
  const single = (await openStructures(shared(`${odds}/highdicom-seg/seg_image_ct_binary_single_frame.dcm`)))!;
  assert.is(inside((await single.draw(single.names, image)).data), 1832);
  // The grid of the other frames, whose images are not there.
  const [s, x, y, z] = [0.488281, -125, -128.100006, 103.019997];
  const grid = {
    shape: [16, 16, 3] as const,
    affine: [-s, 0, 0, -x, 0, -s, 0, -y, 0, 0, 1.25, z, 0, 0, 0, 1],
    oriented: true,
  };
  for (const kind of ["binary", "binary_fractional"]) {
    const set = (await openStructures(shared(`${odds}/highdicom-seg/seg_image_ct_${kind}.dcm`)))!;
    assert.is(inside((await set.draw(set.names, grid)).data), 127 + 256 + 255, kind);
  }
});

test.run();
