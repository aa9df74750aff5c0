// A file is read by the format that its first bytes tell of, whatever its name; the name decides where they don't.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../../data/errors.ts";
import {
  beginningBytes,
  fileOfBytes,
  formatOf,
  formatSuffixes,
  imageFormats,
  isImageName,
  readImage,
  readImageHeader,
  withoutSuffix,
  writableFormat,
  writableSuffixes,
} from "../../data/formats/index.ts";
import { writeNifti } from "../../data/formats/nifti.ts";
import { makeVolume } from "../../data/volume.ts";
import { readWeightFile } from "../../data/weights/index.ts";
import { writePth } from "../../data/weights/pth-write.ts";
import { writeSafetensors } from "../../data/weights/safetensors.ts";
import { refused as refusedAs } from "../helpers/refused.ts";

const test = suite("formats");
const volume = makeVolume(
  "v",
  Int16Array.from({ length: 24 }, (_, i) => i - 5),
  [2, 3, 4],
  [1, 2, 3],
);
const voxels = volume.data as Int16Array<ArrayBuffer>;
const read = (bytes: Uint8Array<ArrayBuffer>, name: string) => readImage(fileOfBytes(bytes, name));

const refused = (run: Promise<unknown>, message: RegExp): Promise<void> => refusedAs(run, message, DataError);

for (const gzip of [true, false]) {
  test(`a ${gzip ? "gzipped" : "plain"} NIfTI file is known by its bytes under any name`, async () => {
    const bytes = writeNifti(voxels, volume, { gzip });
    assert.is(formatOf(bytes, "export").name, "NIfTI");
    assert.equal((await read(bytes, "export")).data, voxels);
    const beginning = fileOfBytes(bytes.subarray(0, beginningBytes), "export");
    assert.equal((await readImageHeader(beginning)).shape, [2, 3, 4]);
  });
}

test("a name decides where the bytes do not, so that the format says what is wrong", async () => {
  await refused(read(new Uint8Array(1000), "x.nii"), /x\.nii: sizeof_hdr/);
  await refused(read(Uint8Array.of(0x1f, 0x8b, 8, 9, 9), "x.NII.GZ"), /x\.NII\.GZ: header: 0 bytes/);
  for (const { suffixes } of imageFormats)
    for (const suffix of suffixes) await refused(read(new Uint8Array(), `x${suffix}`), /^x\..*: .*; /);
  await refused(read(new Uint8Array(), "x.nii"), /is empty/);
});

test("a file of no format is refused with the formats that are read", async () => {
  await refused(
    read(new TextEncoder().encode("nothing"), "x.txt"),
    /x\.txt: file: is of no known image format; give a NIfTI, NRRD, .* or DICOM file \(\.nii, .* or \.dicom\)/,
  );
});

test("names", () => {
  assert.is(formatSuffixes, ".nii, .nii.gz, .nrrd, .nhdr, .mha, .mhd or .npy");
  assert.is(writableSuffixes, ".nii or .nii.gz");
  assert.equal(
    ["a.dcm", "a.png", "a.npy"].map(isImageName),
    [false, false, true],
    "slices are no images by their names",
  );
  assert.equal(["a.nii", "b.NII.gz", "c.gz", "nii", "d.nii.txt"].map(isImageName), [true, true, false, false, false]);
  assert.equal(["p.1_image.nii.gz", "q.Nii", "r.txt"].map(withoutSuffix), ["p.1_image", "q", "r.txt"]);
  assert.is(writableFormat("mask.png"), undefined);
});

test("every format that is written reads what it wrote, by its name and by its bytes", async () => {
  for (const { suffixes, name } of imageFormats.filter((f) => f.write))
    for (const suffix of suffixes) {
      const bytes = writableFormat(`x${suffix}`)!.write(voxels, volume, `x${suffix}`);
      assert.is(formatOf(bytes.subarray(0, beginningBytes), "x").name, name, suffix);
      const back = await read(bytes, `x${suffix}`);
      assert.equal([...back.data], [...voxels], suffix);
      assert.equal(back.affine, volume.affine, suffix);
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
