// Sets whose images are not NIfTI: stacks of PNG slices, NumPy arrays, DICOMDIR; and what dataset.json tells.
import { encode } from "fast-png";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadCase, readHeader, readVolume, scanDataset, scanImages, surveyCases } from "../../node/dataset/index.ts";
import { planRun } from "../../node/run/plan.ts";
import { presetConfig } from "../../train/config/presets.ts";
import { dicomBytes, sliceBytes } from "../data/dicom-writer.ts";

const test = suite("slices on disk");
const root = mkdtempSync(join(tmpdir(), "cmedl-slices-"));
test.after(() => rmSync(root, { recursive: true, force: true }));

let made = 0;
function folder(files: Readonly<Record<string, Uint8Array | string>>): string {
  const path = join(root, `set${made++}`);
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), content);
  }
  return path;
}
const refused = async (run: Promise<unknown>, message: RegExp): Promise<void> => {
  const error = await run.then(
    () => assert.unreachable(`accepted, where ${message} is due`),
    (e: unknown) => e,
  );
  assert.is((error as { code?: string }).code, "data", String(error));
  assert.match((error as Error).message, message);
};
const png = (value: number): Uint8Array =>
  encode({ width: 2, height: 2, data: new Uint8Array(4).fill(value), channels: 1 });
const spacing = '{ "spacingMm": [1, 1, 3] }';

test("folders of PNG slices in images/ and labels/ are cases", async () => {
  const stack = (path: string, ...slices: number[]): Record<string, Uint8Array | string> =>
    Object.fromEntries([[`${path}/image.json`, spacing], ...slices.map((v, i) => [`${path}/${i + 1}.png`, png(v)])]);
  const set = folder({ ...stack("images/p1", 10, 20, 30), ...stack("labels/p1", 0, 1, 0) });
  const { cases } = await scanDataset(set);
  assert.equal(
    cases.map((c) => c.id),
    ["p1"],
  );
  const [survey] = await surveyCases(cases);
  assert.equal(
    [survey!.image.shape, survey!.image.spacingMm],
    [
      [2, 2, 3],
      [1, 1, 3],
    ],
  );
  const { image, mask } = await loadCase(cases[0]!);
  assert.equal([...image.data], [10, 10, 10, 10, 20, 20, 20, 20, 30, 30, 30, 30]);
  assert.equal([...mask], [0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0]);
  const unsized = folder({ "images/p1/1.png": png(1), "labels/p1/1.png": png(1) });
  await refused(surveyCases((await scanDataset(unsized)).cases), /1\.png: spacing: the format tells no voxel size/);
});

const pairs = async (set: string): Promise<string[][]> =>
  (await scanImages(set)).cases.map(({ id, imagePath }) => [id, relative(set, imagePath)]);

test("images without masks may be folders of PNG slices or of DICOM, in a folder of images or not", async () => {
  const series = (path: string, suffix: string): Record<string, Uint8Array> =>
    Object.fromEntries([0, 3].map((z) => [`${path}/${z}${suffix}`, sliceBytes({ z, series: `1.2.${path.length}` })]));
  const stack = (path: string): Record<string, Uint8Array> => ({
    [`${path}/1.png`]: png(1),
    [`${path}/2.png`]: png(2),
  });
  assert.equal(await pairs(folder({ ...stack("images/p1"), ...series("images/p2", ".dcm") })), [
    ["p1", "images/p1"],
    ["p2", "images/p2"],
  ]);
  assert.equal(await pairs(folder({ ...series("images/p1/study/IM", ""), ...series("images/p2", "") })), [
    ["p1", "images/p1"],
    ["p2", "images/p2"],
  ]);
  assert.equal(await pairs(folder({ "images/p1/ct.nii.gz": "", "images/p2/ct.nii.gz": "" })), [
    ["p1", "images/p1/ct.nii.gz"],
    ["p2", "images/p2/ct.nii.gz"],
  ]);
  const flat = folder({ ...stack("p1"), ...series("p2", ".dcm"), ...series("p3/deeper/still", ""), ...stack("mask") });
  assert.equal(await pairs(flat), [
    ["p1", "p1"],
    ["p2", "p2"],
    ["p3", "p3"],
  ]);
  assert.equal(await pairs(folder({ ...stack("p1"), "p2/ct.nii.gz": "" })), [
    ["p1", "p1"],
    ["p2", "p2/ct.nii.gz"],
  ]);
});

test("the reference code's arrays, [slices, 1, rows, columns] beside their labels, are a case", async () => {
  const npy = (descr: string, data: Uint8Array): Uint8Array => {
    const head = `{'descr': '${descr}', 'fortran_order': False, 'shape': (3, 1, 2, 2), }\n`;
    const magic = [0x93, ...new TextEncoder().encode("NUMPY"), 1, 0, head.length, 0];
    return Uint8Array.from([...magic, ...new TextEncoder().encode(head), ...data]);
  };
  const values = Float32Array.from({ length: 12 }, (_, i) => i / 2);
  const set = folder({
    "ct_image.npy": npy("<f4", new Uint8Array(values.buffer)),
    "ct_label.npy": npy(
      "|u1",
      Uint8Array.from({ length: 12 }, (_, i) => +(i > 5)),
    ),
    "image.json": spacing,
  });
  const { cases } = await scanDataset(set);
  const { image, mask } = await loadCase(cases[0]!);
  assert.equal([image.data, image.shape], [values, [2, 2, 3]]);
  assert.is(
    mask.reduce((n, v) => n + v, 0),
    6,
  );
});

test("a DICOMDIR is the image of the files that it lists; one that is gone is told of", async () => {
  const record = (name: string): readonly (readonly [number, string, string])[] => [[0x00041500, "CS", `IMG\\${name}`]];
  const directory = dicomBytes([[0x00041220, "SQ", [record("B"), record("A"), []]]]);
  const set = folder({
    DICOMDIR: directory,
    "IMG/A": sliceBytes({ z: 3 }),
    "IMG/B": sliceBytes({ z: 0 }),
    "other.txt": "x",
  });
  const volume = await readVolume(join(set, "DICOMDIR"));
  assert.equal(volume.shape, [3, 2, 2]);
  assert.equal((await readHeader(set)).affine, volume.affine);
  rmSync(join(set, "IMG/A"));
  await refused(readVolume(join(set, "DICOMDIR")), /DICOMDIR: ReferencedFileID \(0004,1500\): .*A is not there/);
  const damaged = Uint8Array.from(directory);
  const records = damaged.findIndex((_, i) => damaged[i] === 4 && damaged[i + 2] === 0x20 && damaged[i + 3] === 0x12);
  damaged.set([85, 78], records + 4);
  damaged.set([1, 2, 3, 4], records + 12);
  await refused(readVolume(join(folder({ DICOMDIR: damaged }), "DICOMDIR")), /DICOMDIR: data set: is damaged/);
  const outside = folder({ DICOMDIR: dicomBytes([[0x00041220, "SQ", [[[0x00041500, "CS", "..\\SECRET"]]]]]) });
  const error = await readVolume(join(outside, "DICOMDIR")).then(
    () => undefined,
    (e: Error) => e,
  );
  assert.match(error!.message, /leads out of/);
});

test("nnU-Net's 2-D sets: each PNG of imagesTr is a case of one slice, where dataset.json says so", async () => {
  const json = '{"channel_names":{"0":"X-ray"},"labels":{"background":0,"road":1},"file_ending":".png"}';
  const images = {
    "imagesTr/image.json": spacing,
    "imagesTr/a_0000.png": png(7),
    "imagesTr/b_0000.png": png(8),
    "dataset.json": json,
  };
  const set = folder({
    ...images,
    "labelsTr/image.json": spacing,
    "labelsTr/a.png": png(1),
    "labelsTr/b.png": png(0),
  });
  const { cases, layout } = await scanDataset(set);
  assert.is(layout.description, "nnU-Net v2 (imagesTr, labelsTr; labels 1 road)");
  assert.equal(
    cases.map(({ id, patient }) => [id, patient]),
    [
      ["a", "a"],
      ["b", "b"],
    ],
  );
  // A run calls its structures as the set does, unless it is told other names, or is asked for other labels.
  const namesOf = async (data: object): Promise<unknown> =>
    (await planRun(presetConfig("ct-only", { data: { student: set, ...data } }))).config.data.names;
  assert.equal(await namesOf({ labels: [1] }), ["road"]);
  assert.equal(await namesOf({ labels: [1], names: ["way"] }), ["way"]);
  assert.is(await namesOf({ labels: [1, 2] }), null);
  assert.is(await namesOf({}), null);
  const { image, mask } = await loadCase(cases[0]!);
  assert.equal(
    [image.shape, [...image.data], [...mask]],
    [
      [2, 2, 1],
      [7, 7, 7, 7],
      [1, 1, 1, 1],
    ],
  );
  assert.equal(await pairs(folder(images)), [
    ["a", "imagesTr/a_0000.png"],
    ["b", "imagesTr/b_0000.png"],
  ]);
  await refused(described('{"channel_names":{},"labels":{},"file_ending":3}'), /file_ending: 3 is no text; write it/);
});

const trained = (json: string): string =>
  folder({ "imagesTr/a_0000.nii.gz": "", "labelsTr/a.nii.gz": "", "dataset.json": json });
const described = async (json: string): Promise<string> => (await scanDataset(trained(json))).layout.description;

test("dataset.json tells which form a set has, and its labels' names; one that is damaged is refused", async () => {
  assert.is(
    await described('{"channel_names":{"0":"CT"},"labels":{"background":0,"liver":1,"tumour":2,"both":[1,2]}}'),
    "nnU-Net v2 (imagesTr, labelsTr; labels 1 liver, 2 tumour)",
  );
  assert.is(
    await described('{"modality":{"0":"MRI"},"labels":{"0":"background","1":"left atrium"},"tensorImageSize":"3D"}'),
    "Medical Decathlon or nnU-Net v1 (imagesTr, labelsTr; labels 1 left atrium)",
  );
  await refused(described('{\n"labels": {},\n}'), /dataset\.json: file: line 2: a comma before a bracket/);
  await refused(described("{}"), /dataset\.json: modality: neither it nor channel_names is there/);
  await refused(
    described('{"modality":{},"labels":{"x":"liver"}}'),
    /labels: x: "liver" is no label; give whole numbers/,
  );
  for (const [json, message] of [
    ["null", /dataset\.json: file: null is no \{ … \}; mend it, or take the file away/],
    ["[]", /file: \[\] is no \{ … \}/],
    ['{"channel_names":null,"labels":{"a":1}}', /channel_names: null names no channels; write them, such as/],
    ['{"channel_names":{},"labels":null}', /labels: null is no names with numbers; write them, such as/],
    ['{"channel_names":{},"labels":["background","liver"]}', /labels: \["background","liver"\] is no names/],
    ['{"channel_names":{}}', /labels: is missing/],
    ['{"channel_names":{},"labels":{"liver":null}}', /labels: liver: null is no label; give whole numbers/],
    ['{"channel_names":{},"labels":{"liver":[1,[2]]}}', /labels: liver: \[1,\[2\]\] is no label/],
    ['{"modality":null,"labels":{}}', /modality: null names no channels/],
    ['{"modality":{"0":"CT"},"labels":{"1":null}}', /labels: 1: null is no name; give a name in quotes/],
    ['{"modality":{"0":"CT"},"labels":{"":"liver"}}', /labels: : "liver" is no label/],
  ] as const)
    await refused(described(json), message);
});

test.run();
