// How slices and frames of DICOM become a volume: by their places, and what does not go together.
import dicomParser from "dicom-parser";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../../data/errors.ts";
import { seriesOf, writeMaskObject } from "../../data/formats/dicom-out.ts";
import { surveyDicom } from "../../data/formats/dicom-survey.ts";
import { fileOfBytes, readFolder, readImage } from "../../data/formats/index.ts";
import { isSheared } from "../../data/volume.ts";
import { refused as refusedAs } from "../helpers/refused.ts";
import { IMPLICIT, type SliceOptions, dicomBytes, frame, multiFrame, sliceFile } from "./dicom-writer.ts";

const test = suite("dicom: series");
const slice = (options: SliceOptions = {}) => readImage(sliceFile(options));
const files = (...slices: SliceOptions[]) => slices.map((s, i) => sliceFile(s, `f${i}.dcm`));
const series = (...slices: SliceOptions[]) => readFolder(files(...slices), "CT");
const refused = (run: Promise<unknown>, message: RegExp): Promise<void> => refusedAs(run, message, DataError);

test("slices are sorted by their place along the normal, whatever their numbers and names", async () => {
  const volume = await series(
    { z: 6, pixels: [6, 6, 6, 6, 6, 6], instance: 1 },
    { z: 0, pixels: [0, 0, 0, 0, 0, 0], instance: 2 },
    { z: 3, pixels: [3, 3, 3, 3, 3, 3], instance: 3 },
  );
  assert.equal([volume.data[0], volume.data[6], volume.data[12]], [0, 3, 6]);
  assert.equal(volume.affine.slice(8, 12), [0, 0, 3, 0]);
  const sagittal = { orientation: "0\\1\\0\\0\\0\\-1" };
  const turned = await series(
    { ...sagittal, sop: "1.1", position: "5\\0\\0", pixels: [5, 5, 5, 5, 5, 5] },
    { ...sagittal, sop: "1.2", position: "8\\0\\0", pixels: [8, 8, 8, 8, 8, 8] },
  );
  // The normal of such slices points to the right: x falls.
  assert.equal([turned.data[0], turned.data[6]], [8, 5]);
  assert.equal(turned.affine.slice(0, 4), [0, 0, 3, -8]);
});

test("missing, doubled, mixed and unevenly placed slices are told apart, with their files", async () => {
  await refused(
    series({ z: 0 }, { z: 3 }, { z: 6 }, { z: 12 }),
    /slices: about 1 are missing: 6\.00 mm between f2\.dcm and f3/,
  );
  await refused(
    series({ z: 0 }, { z: 3 }, { z: 3, sop: "1.7" }),
    /several are in one place: f1\.dcm and f2\.dcm; keep one of each/,
  );
  const echo = (z: number, time: string): SliceOptions => ({
    z,
    sop: `1.${z}.${time}`,
    more: [[0x00180081, "DS", time]],
  });
  await refused(
    series(echo(0, "10"), echo(0, "80"), echo(3, "10"), echo(3, "80")),
    /in one place.*they differ in EchoTime \(10, 80\); keep the slices of one EchoTime/,
  );
  await refused(series({ z: 0 }, { z: 3, rows: 3, columns: 2 }), /holds 2 × 3 pixels and 3 × 2: f1\.dcm and f0\.dcm/);
  await refused(series({ z: 0 }, { z: 3, spacing: "1\\1" }), /holds pixels of 1 × 1 mm and 0\.25 × 0\.5 mm/);
  await refused(
    series({ z: 0 }, { z: 3, more: [[0x00280030, "DS", ""]] }),
    /CT: PixelSpacing \(0028,0030\): is missing in f1\.dcm; export the series/,
  );
  await refused(series({ z: 0 }, { z: 3, orientation: "1\\0\\0\\0\\0\\-1" }), /slices in different directions/);
  await refused(
    series({ z: 0 }, { z: 3 }, { z: 7 }, { z: 10 }),
    /unevenly placed: f\d\.dcm is 0\.\d+ mm off an even grid/,
  );
  await refused(series({ z: 0 }, { z: 3, series: "1.2.4" }), /holds 2 series: CT of 1 slice .*give a folder with one/);
});

test("slices that have a series each, in one folder, are one where they make a stack of three or more", async () => {
  const own = (z: number, more: SliceOptions = {}): SliceOptions => ({ z, series: `1.2.3.${z}`, ...more });
  const volume = await series(own(3), own(0), own(6));
  assert.equal([volume.shape, volume.affine[10]], [[3, 2, 3], 3]);
  assert.match(volume.warnings.join(), /CT: its slices have 3 SeriesInstanceUIDs: they are read as one/);
  await refused(series(own(0), own(3)), /holds 2 series/);
  await refused(series(own(0), own(3), own(8)), /holds 3 series/);
  await refused(series(own(0), own(3), own(6, { modality: "MR" })), /holds 3 series/);
  const stack = await seriesOf(files(own(3), own(0), own(6)), "CT");
  const segment = { name: "tumour", value: 1, rgb: [0, 0, 0] as const };
  const maker = { version: "0", description: "", date: new Date() };
  const bytes = await writeMaskObject("seg", new Uint8Array(18), stack, [segment], maker);
  const references = dicomParser.parseDicom(bytes).elements.x00081115!.items!;
  assert.equal(
    references.map(({ dataSet }) => dataSet!.string("x0020000e")),
    ["1.2.3.0", "1.2.3.3", "1.2.3.6"],
  );
});

test("a series of two stacks, a folder each, is two", async () => {
  const phases = ["InPhase", "OutPhase"].flatMap((folder, p) =>
    [0, 3].map((z) => sliceFile({ z, sop: `1.${p}.${z}`, pixels: new Array(6).fill(p) }, `P/${folder}/${z}`)),
  );
  await refused(
    readFolder(phases, "P"),
    /holds 2 series: CT of 2 slices \(P\/InPhase\/0\); CT of 2 slices \(P\/OutPhase\/0\)/,
  );
  const survey = await surveyDicom(phases);
  assert.equal(
    survey.series.map((s) => [s.uid, s.slices, s.files.map(({ name }) => name)]),
    [
      ["1.2.3", 2, ["P/InPhase/0", "P/InPhase/3"]],
      ["1.2.3", 2, ["P/OutPhase/0", "P/OutPhase/3"]],
    ],
  );
  // One stack in two folders stays one.
  const halves = await readFolder([sliceFile({ z: 0 }, "a/0"), sliceFile({ z: 3 }, "b/3")], "P");
  assert.equal(halves.shape, [3, 2, 2]);
});

test("slices a little off an even grid are read, and the distance is said; a file that is there twice is one", async () => {
  const shifted = await series({ z: 0 }, { z: 3, position: "10\\20\\3.1" }, { z: 6 }, { z: 9 });
  assert.match(shifted.warnings.join(), /slices are up to 0\.100 mm off the even grid/);
  const twice = await series({ z: 0 }, { z: 3 }, { z: 3 });
  assert.equal(twice.shape, [3, 2, 2]);
  assert.match(twice.warnings.join(), /1 slices are there in two files/);
});

test("a tilted gantry's grid is sheared as its slices are", async () => {
  const volume = await series(
    { sop: "1.1", position: "0\\0\\0", orientation: "1\\0\\0\\0\\0.9659258\\-0.2588190" },
    { sop: "1.2", position: "0\\0\\5", orientation: "1\\0\\0\\0\\0.9659258\\-0.2588190" },
  );
  assert.ok(isSheared(volume.affine));
  assert.equal(
    volume.affine.slice(8, 12).map((v) => Math.round(1e6 * v) / 1e6),
    [0, -0.12941, 5, 0],
  );
});

test("scouts, contours and reports beside a series are passed over", async () => {
  const scout = sliceFile(
    { sop: "1.9", orientation: "1\\0\\0\\0\\0\\-1", more: [[0x00080008, "CS", "ORIGINAL\\PRIMARY\\LOCALIZER"]] },
    "s",
  );
  const plan = fileOfBytes(dicomBytes([[0x00080060, "CS", "RTPLAN"]]), "plan.dcm");
  const text = fileOfBytes(new TextEncoder().encode("no DICOM at all"), "notes.txt");
  const volume = await readFolder([scout, plan, text, sliceFile({ z: 0 }), sliceFile({ z: 3 })], "CT");
  assert.equal(volume.shape, [3, 2, 2]);
  assert.match(volume.warnings.join(), /1 localizers are left out/);
  await refused(readFolder([plan], "CT"), /Modality \(0008,0060\): holds a plan of radiotherapy, no image/);
});

test("a single slice has the distance that it tells, else 1 mm with a warning", async () => {
  assert.is((await slice({ more: [[0x00180050, "DS", "5"]] })).spacingMm[2], 5);
  const alone = await slice();
  assert.is(alone.spacingMm[2], 1);
  assert.match(alone.warnings.join(), /nothing tells the distance between slices: 1 mm is taken/);
});

test("an enhanced multi-frame file is sorted by the frames' places, each with its own slope", async () => {
  for (const syntax of [undefined, IMPLICIT]) {
    const volume = await slice({
      ...multiFrame([frame(4, "1"), frame(0, "2"), frame(2, "1")]),
      ...(syntax ? { syntax } : {}),
    });
    assert.equal(volume.shape, [3, 2, 3]);
    assert.equal(
      [...volume.data].filter((_, i) => i % 6 === 0),
      [12, 12, 0],
    );
    assert.equal(volume.affine, [-0.25, 0, 0, -1, 0, -0.5, 0, -2, 0, 0, 2, 0, 0, 0, 0, 1]);
  }
  await refused(slice(multiFrame([frame(0, "1"), frame(2, "1"), frame(8, "1")])), /about 2 are missing/);
  await refused(slice(multiFrame([frame(0, "1"), frame(0, "1")])), /in one place: z0\.dcm frame 1 and z0\.dcm frame 2/);
});

test.run();
