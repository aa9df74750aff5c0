// Folders as sets: each layout is found, each fault is one sentence with file, field and mend.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type Case,
  findSplits,
  loadCase,
  loadImageSlices,
  loadSlices,
  scanDataset,
  scanImages,
  surveyCases,
} from "../../node/dataset/index.ts";
import { softTissueWindow } from "../../data/intensity.ts";
import { writeNifti } from "../../data/formats/nifti.ts";
import { phantomCase } from "../../data/synthetic.ts";
import { defaultFieldMm } from "../../data/slices.ts";
import { splitUnpaired } from "../../data/split.ts";
import { makeVolume } from "../../data/volume.ts";
import { sharedPath, testWith } from "../data/shared-data.ts";

const test = suite("dataset");
const root = mkdtempSync(join(tmpdir(), "cmedl-dataset-"));
test.after(() => rmSync(root, { recursive: true, force: true }));

let made = 0;
const volume = makeVolume("v", new Int16Array(8 * 8 * 6), [8, 8, 6], [2, 2, 3]);
const image = writeNifti(
  new Int16Array(384).map((_, i) => (i % 200) - 100),
  volume,
  { gzip: true },
);
const maskOf = (...values: number[]): Uint8Array =>
  writeNifti(
    new Uint8Array(384).map((_, i) => (i > 100 && i < 200 ? values[i % values.length]! : 0)),
    volume,
  );
const mask = maskOf(1);

/** A folder with these files; a string is text. */
function folder(files: Readonly<Record<string, Uint8Array | string>>): string {
  const path = join(root, `set${made++}`);
  mkdirSync(path, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), content);
  }
  return path;
}
const fails = async (run: () => Promise<unknown>, message: RegExp): Promise<void> => {
  try {
    await run();
  } catch (error) {
    assert.is((error as { code?: string }).code, "data", String(error));
    assert.match((error as Error).message, message);
    return;
  }
  assert.unreachable("nothing was thrown");
};
const first = async (path: string): Promise<Case> => (await scanDataset(path)).cases[0]!;

const layouts: [kind: string, files: Record<string, Uint8Array>][] = [
  [
    "suffix",
    {
      "p1_image.nii.gz": image,
      "p1_gtv.nii.gz": mask,
      "p2_image.nii.gz": image,
      "p2_seg.nii.gz": mask,
      "._p1_image.nii.gz": mask,
    },
  ],
  ["prefix", { "image_p1.nii.gz": image, "label_p1.nii.gz": mask, "image_p2.nii.gz": image, "label_p2.nii.gz": mask }],
  [
    "subfolders",
    {
      "images/p1.nii.gz": image,
      "labels/p1.nii.gz": mask,
      "images/p2_image.nii.gz": image,
      "labels/p2_mask.nii.gz": mask,
    },
  ],
  [
    "nnunet",
    {
      "imagesTr/p1_0000.nii.gz": image,
      "labelsTr/p1.nii.gz": mask,
      "imagesTr/p2_0000.nii.gz": image,
      "labelsTr/p2.nii.gz": mask,
      "imagesTs/p3_0000.nii.gz": image,
    },
  ],
];
for (const [kind, files] of layouts) {
  test(`the layout "${kind}" is found`, async () => {
    const set = await scanDataset(folder(files));
    assert.is(set.layout.kind, kind);
    assert.equal(
      set.cases.map((c) => c.id),
      ["p1", "p2"],
    );
    await surveyCases(set.cases);
    assert.is(
      (await loadCase(set.cases[0]!)).mask.reduce((s, v) => s + v, 0),
      99,
    );
  });
}

test("folders that hold no set are told apart", async () => {
  await fails(() => scanDataset(join(root, "nowhere")), /nowhere: folder: does not exist; check the path/);
  await fails(() => scanDataset(join(folder({ "a.txt": "" }), "a.txt")), /is a file/);
  await fails(() => scanDataset(folder({ "notes.txt": "" })), /holds no \.nii, \.nii\.gz, .* or \.npy file/);
  await fails(
    () => scanDataset(folder({ "scan.nii.gz": image, "other.nii.gz": mask })),
    /names: 2 files such as other\.nii\.gz show no image/,
  );
  await fails(
    () => scanDataset(folder({ "a_image.nii.gz": image, "b_image.nii.gz": image, "b_mask.nii.gz": mask })),
    /a_image\.nii\.gz: mask: none is there for case a/,
  );
  await fails(
    () => scanDataset(folder({ "a_image.nii.gz": image, "a_mask.nii.gz": mask, "b_mask.nii.gz": mask })),
    /b_mask\.nii\.gz: image/,
  );
  await fails(
    () => scanDataset(folder({ "a_image.nii.gz": image, "a_image.nii": image, "a_mask.nii.gz": mask })),
    /same case name/,
  );
  await fails(() => scanDataset(folder({ "imagesTr/a_0000.nii.gz": image })), /labelsTr: is missing/);
  await fails(
    () =>
      scanDataset(
        folder({ "imagesTr/a_0000.nii.gz": image, "imagesTr/a_0001.nii.gz": image, "labelsTr/a.nii.gz": mask }),
      ),
    /second channel/,
  );
});

test("masks that do not lie on their image are refused by their headers", async () => {
  const pair = (m: Uint8Array): string =>
    folder({ "a_image.nii.gz": image, [m[0] === 0x1f ? "a_mask.nii.gz" : "a_mask.nii"]: m });
  const other = makeVolume("o", new Int16Array(8 * 8 * 5), [8, 8, 5], [2, 2, 3]);
  const shifted = {
    ...volume,
    geometry: { ...volume.geometry, sform: volume.geometry.sform.map((v, i) => (i === 3 ? v + 0.01 : v)) },
  };
  const near = {
    ...volume,
    geometry: { ...volume.geometry, sform: volume.geometry.sform.map((v, i) => (i === 3 ? v + 0.0005 : v)) },
  };
  const survey = async (m: Uint8Array) => surveyCases((await scanDataset(pair(m))).cases);
  await fails(
    () => survey(writeNifti(new Uint8Array(320), other)),
    /a_mask\.nii\.gz: dim: 8 × 8 × 5 is not the 8 × 8 × 6 of a_image\.nii\.gz; resample/,
  );
  await fails(() => survey(writeNifti(new Uint8Array(384), shifted)), /affine: differs .* by 0\.0100 mm/);
  await survey(writeNifti(new Uint8Array(384), near));
  const plain = writeNifti(new Uint8Array(384), volume, { gzip: false });
  new DataView(plain.buffer).setInt16(70, 128, true);
  await fails(() => survey(plain), /datatype: 128 \(RGB colour\)/);
  await fails(() => survey(mask.subarray(0, 20)), /a_mask\.nii\.gz: header/);
});

test("a mask of several labels needs a choice", async () => {
  const files = await first(folder({ "a_image.nii.gz": image, "a_mask.nii.gz": maskOf(1, 2, 4) }));
  await fails(() => loadCase(files), /labels: holds 3 labels \(1, 2, 4\); choose one with --label N/);
  assert.is(
    (await loadCase(files, { labels: [2] })).mask.reduce((s, v) => s + v, 0),
    33,
  );
  assert.is(
    (await loadCase(files, { labels: "any" })).mask.reduce((s, v) => s + v, 0),
    99,
  );
  const warnings: string[] = [];
  assert.not(
    (await loadCase(files, { labels: [3], onWarning: (w) => void warnings.push(w) })).mask.some((v) => v !== 0),
  );
  assert.match(warnings[0]!, /holds no label 3, only 1, 2, 4/);
  const soft = writeNifti(
    new Float32Array(384).map((_, i) => (i % 3) / 2),
    volume,
  );
  await fails(
    async () => loadCase(await first(folder({ "a_image.nii.gz": image, "a_mask.nii.gz": soft }))),
    /holds 0\.5: labels are whole numbers/,
  );
});

test("several labels become classes in their order", async () => {
  const files = await first(folder({ "a_image.nii.gz": image, "a_mask.nii.gz": maskOf(1, 2, 4) }));
  const { mask } = await loadCase(files, { labels: [4, 1] });
  assert.equal(
    [0, 1, 2].map((c) => mask.filter((v) => v === c).length),
    [384 - 66, 33, 33],
  );
  const set = await loadSlices([files], "ct", {
    grid: { size: 8, fieldMm: 16 },
    rule: softTissueWindow,
    labels: [4, 1],
  });
  assert.equal([...new Set(set.masks)].sort(), [0, 1, 2]);
});

test("images without masks are a set where no mask is read: every slice that shows something", async () => {
  const path = folder({ "a_image.nii.gz": image, "b.nii.gz": image, "b_mask.nii.gz": mask });
  const set = await scanImages(path);
  assert.equal(
    set.cases.map((c) => c.id),
    ["a", "b"],
  );
  await surveyCases(set.cases);
  const slices = await loadImageSlices(set.cases, "mr", { grid: { size: 8, fieldMm: 16 }, rule: softTissueWindow });
  assert.is(slices.count, 12);
  assert.not(slices.masks.some((v) => v !== 0));
  assert.equal(
    (await scanImages(folder({ "imagesTr/a_0000.nii.gz": image }))).cases.map((c) => c.id),
    ["a"],
  );
});

test("a set whose masks are all empty is refused; one empty mask is a warning", async () => {
  const grid = { size: 8, fieldMm: 16 };
  const empty = maskOf(0);
  const options = { grid, rule: softTissueWindow, onWarning: (w: string) => void warnings.push(w) };
  const warnings: string[] = [];
  const none = await scanDataset(folder({ "a_image.nii.gz": image, "a_mask.nii.gz": empty }));
  await fails(() => loadSlices(none.cases, "ct", options), /ct: masks: all 1 are empty/);
  await fails(
    async () =>
      loadSlices((await scanDataset(folder({ "a_image.nii.gz": image, "a_mask.nii.gz": mask }))).cases, "ct", {
        ...options,
        labels: [7],
      }),
    /all 1 are empty of label 7/,
  );
  const one = await scanDataset(
    folder({ "a_image.nii.gz": image, "a_mask.nii.gz": empty, "b_image.nii.gz": image, "b_mask.nii.gz": mask }),
  );
  warnings.length = 0;
  const seen: string[] = [];
  const set = await loadSlices(one.cases, "ct", {
    ...options,
    onProgress: (p) => void seen.push(`${p.id} ${p.done}/${p.total}`),
  });
  assert.ok(set.count > 0 && set.origins.every((o) => o.id === "b"));
  assert.match(warnings[0]!, /the mask is empty/);
  assert.equal(seen, ["a 1/2", "b 2/2"]);
});

test("a phantom written as NIfTI comes back as the same slices", async () => {
  const c = phantomCase({ modality: "CT", seed: 1, index: 0, size: 32, slices: 8 });
  const path = folder({
    "p_image.nii.gz": writeNifti(c.image.data as Int16Array<ArrayBuffer>, c.image),
    "p_mask.nii.gz": writeNifti(c.mask, c.image),
  });
  const back = await loadCase(await first(path));
  assert.equal(back.image.data, c.image.data);
  assert.equal(back.mask, c.mask);
  const [survey] = await surveyCases((await scanDataset(path)).cases);
  assert.ok(Math.abs(survey!.shortSideMm - 330) < 1e-3);
});

test("splits are found in the folder, or beside it when they name its cases", async () => {
  const both = { "a_image.nii.gz": image, "a_mask.nii.gz": mask, "b_image.nii.gz": image, "b_mask.nii.gz": mask };
  const inside = folder({ ...both, "splits.json": '{"train":["a"],"val":["b"]}' });
  assert.equal((await findSplits(await scanDataset(inside)))?.lists.val, ["b"]);
  const parent = folder({
    "splits.json": '{"train_ct":["a"],"train_mr":["x"],"val_paired":["b"]}',
    ...Object.fromEntries(Object.entries(both).map(([n, f]) => [`ct/${n}`, f])),
  });
  assert.equal(Object.keys((await findSplits(await scanDataset(join(parent, "ct"))))!.lists.train), [
    "train_ct",
    "train_mr",
  ]);
  const foreign = folder({
    "splits.json": '{"train":["q"],"val":["r"]}',
    ...Object.fromEntries(Object.entries(both).map(([n, f]) => [`ct/${n}`, f])),
  });
  assert.is(await findSplits(await scanDataset(join(foreign, "ct"))), undefined);
  const broken = async (text: string): Promise<unknown> => {
    writeFileSync(join(foreign, "splits.json"), text);
    return findSplits(await scanDataset(join(foreign, "ct")));
  };
  assert.is(await broken('{"train":["q"],}'), undefined, "of another set");
  await fails(() => broken('{"train":["a"],"val":["b"],}'), /splits\.json: json/);
  await fails(() => broken('{"train":["a"],"val":["a"]}'), /splits\.json: train: a also validates/);
  await fails(async () => findSplits(await scanDataset(folder({ ...both, "splits.json": "{" }))), /splits\.json: json/);
});

const sts = "data/sts-ct-mr-tumour";
testWith(
  test,
  [sts],
  "real CT and MR: 25 cases of one place each, split without overlap, slices with the tumour in them",
  async () => {
    const ct = await scanDataset(sharedPath(`${sts}/ct`));
    const mr = await scanDataset(sharedPath(`${sts}/mr_t1`));
    assert.equal([ct.cases.length, mr.cases.length, ct.layout.kind], [13, 12, "suffix"]);
    const sides = [...(await surveyCases(ct.cases)), ...(await surveyCases(mr.cases))].map((s) => s.shortSideMm);
    assert.ok(Math.abs(defaultFieldMm(sides) - 153.3) < 0.1, `${defaultFieldMm(sides)}`);
    const lists = { student: (await findSplits(ct))!.lists, teacher: (await findSplits(mr))!.lists };
    const split = splitUnpaired(ct.cases, mr.cases, { seed: 1, lists });
    assert.equal([split.student.train.length, split.student.val.length, split.teacher.train.length], [11, 2, 10]);
    const set = await loadSlices(split.student.train.slice(0, 2), "ct", {
      rule: softTissueWindow,
      grid: { size: 64, fieldMm: 156.25 },
    });
    assert.is(
      set.origins.filter((_, i) => set.masks.subarray(i * 4096, (i + 1) * 4096).some((v) => v !== 0)).length,
      36,
    );
    assert.is(set.count, 36 + 4 + 5);
  },
);

testWith(test, ["data/chaos-t2spir-mr"], "a real multi-label set asks for a label", async () => {
  const set = await scanDataset(sharedPath("data/chaos-t2spir-mr"));
  assert.equal([set.cases.length, set.layout.kind], [8, "prefix"]);
  await fails(() => loadCase(set.cases[0]!), /holds 4 labels \(1, 2, 3, 4\)/);
  const liver = await loadCase(set.cases[0]!, { labels: [1] });
  assert.is(
    liver.mask.reduce((s, v) => s + v, 0),
    153742,
  );
});

test.run();
