// What is dropped on the studio: told apart, and put on the images that it belongs to.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { isSameGrid } from "../../data/alignment.ts";
import { makeVolume, writeNifti } from "../../data/index.ts";
import { Files, type Opened, type OpenedImage, type OpenedMask } from "../../web/worker/files.ts";
import { Results } from "../../web/worker/results.ts";
import { contours, seriesIn } from "../data/dicom-tree-writer.ts";

const test = suite("files of the studio");

const open = async (
  files: Readonly<Record<string, Uint8Array<ArrayBuffer>>>,
  into = new Files(),
): Promise<{ into: Files; opened: readonly Opened[]; problems: string[] }> => {
  const dropped = Object.entries(files).map(([path, bytes]) => ({ path, file: new Blob([bytes]) }));
  const { opened, faults } = await into.open(dropped);
  return { into, opened, problems: faults.map(({ message }) => message) };
};
const imagesOf = (opened: readonly Opened[]) => opened.filter((o): o is OpenedImage => o.kind === "image");
const masksOf = (opened: readonly Opened[]) => opened.filter((o): o is OpenedMask => o.kind === "mask");

test("contours are drawn on the series that they are of, not on the first", async () => {
  const { opened, problems } = await open({
    ...seriesIn("a", { uid: "1.2.1", frame: "1.9.1", z: [0, 3, 6] }),
    ...seriesIn("b", { uid: "1.2.2", frame: "1.9.2", z: [0, 3, 6, 9] }),
    "rs.dcm": contours([3], { frame: "1.9.2" }),
  });
  assert.equal(problems, []);
  const [mask] = masksOf(opened);
  const on = imagesOf(opened).map((image) => isSameGrid(image, mask!));
  assert.equal(on, [false, true]);
  assert.equal(mask!.labels, [{ value: 1, name: "GTV" }]);
});

test("contours that are on no series are told, and the series is opened", async () => {
  const { opened, problems } = await open({
    ...seriesIn("a", { uid: "1.2.1", frame: "1.9.1", z: [0, 3, 6] }),
    "rs.dcm": contours([3], { frame: "1.9.2" }),
  });
  assert.is(opened.length, 1);
  assert.match(problems.join(), /rs\.dcm: FrameOfReferenceUID .* is not 1\.9\.1/);
});

/** A NIfTI file of 4 × 3 × 2 voxels. */
const nifti = (voxels: Uint8Array<ArrayBuffer> | Int16Array<ArrayBuffer>): Uint8Array<ArrayBuffer> => {
  const volume = makeVolume("made", voxels, [4, 3, 2], [1, 1, 2]);
  return writeNifti(voxels, volume);
};
const labels = Uint8Array.from({ length: 24 }, (_, i) => [0, 0, 0, 0, 1, 2][i % 6]!);

test("few whole numbers that are mostly 0 are a mask, all else is an image", async () => {
  const { opened } = await open({
    "labels.nii.gz": nifti(labels),
    "ct.nii.gz": nifti(Int16Array.from(labels, (v) => v - 1000)),
    "bright.nii.gz": nifti(Uint8Array.from(labels, (v) => 3 - v)),
    "large.nii.gz": nifti(Int16Array.from(labels, (v) => v * 200)),
  });
  assert.equal(
    opened.map(({ kind }) => kind),
    ["mask", "image", "image", "image"],
  );
});

test("masks of several structures are held against each other structure by structure", async () => {
  const ct = nifti(Int16Array.from(labels, (v) => v - 1000));
  const { into, opened } = await open({ "ct.nii.gz": ct, "expert.nii.gz": nifti(labels) });
  const [image] = imagesOf(opened);
  const [expert] = masksOf(opened);
  const results = new Results(into);
  const swapped = Uint8Array.from(labels, (v) => (v === 2 ? 1 : v));
  const both = results.compare(image!.id, swapped, expert!.labels, expert!.id, 3);
  assert.equal(
    both.structures.map(({ name, dice }) => [name, dice]),
    [
      ["label 1", 2 / 3],
      ["label 2", 0],
      ["Avg.", 1 / 3],
    ],
  );
  const one = results.compare(image!.id, swapped, [{ value: 1, name: "tumour" }], expert!.id, 3);
  assert.equal(
    one.structures.map(({ name, dice }) => [name, dice]),
    [["all", 1]],
  );
});

test.run();
