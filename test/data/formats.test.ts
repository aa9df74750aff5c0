// A file is read by the format that its first bytes tell of, whatever its name; the name decides where they don't.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  beginningBytes,
  formatOf,
  formatSuffixes,
  imageFormats,
  isImageName,
  readImage,
  readImageHeader,
  withoutSuffix,
  writableFormat,
} from "../../data/formats/index.ts";
import { writeNifti } from "../../data/formats/nifti.ts";
import { makeVolume } from "../../data/volume.ts";
import { readWeightFile } from "../../data/weights/index.ts";
import { writePth } from "../../data/weights/pth-write.ts";
import { writeSafetensors } from "../../data/weights/safetensors.ts";

const test = suite("formats");
const volume = makeVolume(
  "v",
  Int16Array.from({ length: 24 }, (_, i) => i - 5),
  [2, 3, 4],
  [1, 2, 3],
);
const voxels = volume.data as Int16Array<ArrayBuffer>;

for (const gzip of [true, false]) {
  test(`a ${gzip ? "gzipped" : "plain"} NIfTI file is known by its bytes under any name`, () => {
    const bytes = writeNifti(voxels, volume, { gzip });
    assert.is(formatOf(bytes, "export").name, "NIfTI");
    assert.equal(readImage(bytes, "export").data, voxels);
    assert.equal(readImageHeader(bytes.subarray(0, beginningBytes), "export").shape, [2, 3, 4]);
  });
}

test("a name decides where the bytes do not, so that the format says what is wrong", () => {
  assert.throws(() => readImage(new Uint8Array(1000), "x.nii"), /x\.nii: sizeof_hdr/);
  assert.throws(() => readImage(Uint8Array.of(0x1f, 0x8b, 8, 9, 9), "x.NII.GZ"), /x\.NII\.GZ: header: 0 bytes/);
  assert.throws(() => readImage(new Uint8Array(), "x.nii"), /is empty/);
});

test("a file of no format is refused with the formats that are read", () => {
  assert.throws(
    () => readImage(new TextEncoder().encode("DICM"), "x.dcm"),
    /x\.dcm: file: is of no known image format; give a NIfTI file \(\.nii or \.nii\.gz\)/,
  );
});

test("names", () => {
  assert.is(formatSuffixes, ".nii or .nii.gz");
  assert.equal(["a.nii", "b.NII.gz", "c.gz", "nii", "d.nii.txt"].map(isImageName), [true, true, false, false, false]);
  assert.equal(["p.1_image.nii.gz", "q.Nii", "r.txt"].map(withoutSuffix), ["p.1_image", "q", "r.txt"]);
  assert.is(writableFormat("mask.png"), undefined);
});

test("every format that is written reads what it wrote, by its name and by its bytes", () => {
  for (const { suffixes, name } of imageFormats.filter((f) => f.write))
    for (const suffix of suffixes) {
      const bytes = writableFormat(`x${suffix}`)!.write(voxels, volume, `x${suffix}`);
      assert.is(formatOf(bytes.subarray(0, beginningBytes), "x").name, name, suffix);
      const read = readImage(bytes, `x${suffix}`);
      assert.equal([...read.data], [...voxels], suffix);
      assert.equal(read.affine, volume.affine, suffix);
    }
});

test("weights are known by their bytes, by their name, or else taken for safetensors", () => {
  const tensors = [["w", { shape: [2], data: Float32Array.of(1, 2) }]] as const;
  for (const bytes of [writePth(tensors), writeSafetensors(tensors)])
    assert.equal(readWeightFile(bytes, "weights").tensors.get("w")?.data, Float32Array.of(1, 2));
  assert.throws(() => readWeightFile(new Uint8Array(9), "x.PT"), /x\.PT: file: begins like no file of PyTorch/);
  assert.throws(() => readWeightFile(Uint8Array.of(1, 2), "x"), /x: file: too short/);
});

test.run();
