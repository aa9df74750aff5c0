// How public sets and plain folders are laid out: which names are cases, which are refused, and with which words. Names
// alone are looked at, so the files are empty.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { findSplits, scanDataset, scanImages } from "../../node/dataset/index.ts";
import { applySplit } from "../../data/split.ts";

const test = suite("layouts");
const root = mkdtempSync(join(tmpdir(), "cmedl-layouts-"));
test.after(() => rmSync(root, { recursive: true, force: true }));

let made = 0;
/** A folder with empty files of these names; ".nii.gz" is added. */
function folder(...names: string[]): string {
  const path = join(root, `set${made++}`);
  for (const name of names) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, `${name}.nii.gz`), "");
  }
  return path;
}
const idsOf = async (path: string): Promise<string[]> => (await scanDataset(path)).cases.map((c) => c.id);
const refused = async (path: string, message: RegExp, scan: (path: string) => Promise<unknown> = scanDataset) => {
  try {
    await scan(path);
  } catch (error) {
    assert.is((error as { code?: string }).code, "data", String(error));
    assert.match((error as Error).message, message);
    return;
  }
  assert.unreachable("nothing was refused");
};

const sets: readonly (readonly [name: string, kind: string, files: string[], ids: string[]])[] = [
  [
    "AMOS: numbers of four digits, masks of the same names",
    "nnunet",
    ["imagesTr/amos_0001", "imagesTr/amos_0004", "labelsTr/amos_0001", "labelsTr/amos_0004", "imagesTs/amos_0002"],
    ["amos_0001", "amos_0004"],
  ],
  [
    "AMOS from its first case on",
    "nnunet",
    ["imagesTr/amos_0000", "imagesTr/amos_0001", "labelsTr/amos_0000", "labelsTr/amos_0001"],
    ["amos_0000", "amos_0001"],
  ],
  [
    "FLARE: a number of four digits and a channel",
    "nnunet",
    [
      "imagesTr/FLARE22_Tr_0001_0000",
      "imagesTr/FLARE22_Tr_0002_0000",
      "labelsTr/FLARE22_Tr_0001",
      "labelsTr/FLARE22_Tr_0002",
    ],
    ["FLARE22_Tr_0001", "FLARE22_Tr_0002"],
  ],
  ["Medical Decathlon", "nnunet", ["imagesTr/la_007", "labelsTr/la_007"], ["la_007"]],
  ["BTCV", "subfolders", ["img/img0001", "img/img0002", "label/label0001", "label/label0002"], ["0001", "0002"]],
  ["LiTS", "prefix", ["volume-0", "volume-12", "segmentation-0", "segmentation-12"], ["0", "12"]],
  ["CT-ORG", "prefix", ["volume-3", "labels-3"], ["3"]],
  ["LiTS in two folders", "subfolders", ["volumes/volume-0", "segmentations/segmentation-0"], ["0"]],
  ["CHAOS as NIfTI", "prefix", ["image_1", "image_2", "label_1", "label_2"], ["1", "2"]],
  ["CHAOS, a folder a patient", "patients", ["1/image", "1/label", "21/image", "21/label"], ["1", "21"]],
  ["KiTS", "patients", ["case_00000/imaging", "case_00000/segmentation"], ["case_00000"]],
  ["a folder a patient", "patients", ["P1/image", "P1/mask", "P2/image", "P2/mask"], ["P1", "P2"]],
  ["a folder a patient, named by it", "patients", ["P1/P1_ct", "P1/P1_seg"], ["P1"]],
  [
    "ACDC: two frames a patient, images without a word",
    "patients",
    [
      "patient001/patient001_frame01",
      "patient001/patient001_frame01_gt",
      "patient001/patient001_frame12",
      "patient001/patient001_frame12_gt",
    ],
    ["patient001_frame01", "patient001_frame12"],
  ],
  ["CT beside its mask", "suffix", ["p1_ct", "p1_mask"], ["p1"]],
  ["an image without a word beside its mask", "bare", ["ct_1", "ct_1_seg", "ct_2", "ct_2_seg"], ["ct_1", "ct_2"]],
  [
    "an image beside its mask whose name has a number of four digits",
    "suffix",
    ["a_0001_image", "a_0001_mask"],
    ["a_0001"],
  ],
];
for (const [name, kind, files, ids] of sets) {
  test(`${name} is read as cases, with and without masks`, async () => {
    const set = await scanDataset(folder(...files));
    assert.is(set.layout.kind, kind);
    assert.equal(
      set.cases.map((c) => c.id),
      ids,
    );
    assert.equal(
      (await scanImages(set.folder)).cases.map((c) => [c.id, c.imagePath]),
      set.cases.map((c) => [c.id, c.imagePath]),
    );
  });
}

test("TotalSegmentator: each structure's file has a label, the same in every case", async () => {
  const { cases, layout } = await scanDataset(
    folder(
      "s0001/ct",
      "s0001/segmentations/liver",
      "s0001/segmentations/spleen",
      "s0002/ct",
      "s0002/segmentations/aorta",
      "s0002/segmentations/spleen",
    ),
  );
  assert.is(layout.kind, "structures");
  assert.is(layout.description, "a folder a patient, a file a structure (labels 1 aorta, 2 liver, 3 spleen)");
  assert.equal([...layout.labels!.values()], ["aorta", "liver", "spleen"]);
  assert.equal(
    cases.map((c) => [c.id, c.structures!.map((s) => [s.label, s.name])]),
    [
      [
        "s0001",
        [
          [2, "liver"],
          [3, "spleen"],
        ],
      ],
      [
        "s0002",
        [
          [1, "aorta"],
          [3, "spleen"],
        ],
      ],
    ],
  );
});

test("several cases of one patient are split together, where their names say that they are", async () => {
  const { cases } = await scanDataset(folder("P1/P1_a_image", "P1/P1_a_mask", "P1/P1_b_image", "P1/P1_b_mask"));
  assert.equal(
    cases.map((c) => [c.id, c.patient]),
    [
      ["P1_a", "P1"],
      ["P1_b", "P1"],
    ],
  );
  await refused(
    folder("ct/a_image", "ct/a_mask", "ct/b_image", "ct/b_mask"),
    /ct: names: holds 2 cases: they are a set of several patients, or one patient's; give .*ct itself as the set/,
  );
});

test("a case whose mask is missing is not taken for a channel", async () => {
  await refused(
    folder("imagesTr/amos_0001", "imagesTr/amos_0004", "labelsTr/amos_0001"),
    /amos_0004\.nii\.gz: mask: none is there for case amos_0004; add its mask or take the image away/,
  );
});

test("where a name may be a channel or a case, the message says both", async () => {
  await refused(
    folder("imagesTr/a_0000", "imagesTr/a_0001", "labelsTr/a"),
    /a_0001\.nii\.gz: channels: is a second channel of case a, whose mask is there, or a case a_0001 whose mask is missing/,
  );
  await refused(
    folder("imagesTr/amos_0000", "imagesTr/amos_0001"),
    /is a second channel of case amos, or one of 2 cases; no mask tells which/,
    scanImages,
  );
  await refused(
    folder("imagesTr/a_0000", "imagesTr/a_0001", "imagesTr/b_0000", "imagesTr/b_0001"),
    /is a second channel of case a; no mask tells which/,
    scanImages,
  );
});

test("images without masks keep numbers that are no channels", async () => {
  const ids = async (...names: string[]) => (await scanImages(folder(...names))).cases.map((c) => c.id);
  assert.equal(await ids("imagesTr/amos_0001", "imagesTr/amos_0004"), ["amos_0001", "amos_0004"]);
  assert.equal(await ids("imagesTr/a_0000", "imagesTr/b_0000"), ["a", "b"]);
  assert.equal(await ids("P1/ct", "P2/ct"), ["P1", "P2"]);
});

test("a patient's folder may be called as a mask is; folders of masks are none", async () => {
  const ids = async (...names: string[]) => (await scanImages(folder(...names))).cases.map((c) => c.id);
  assert.equal(await ids("seg-7/ct", "gt_01/ct", "P2_label/ct", "label3/ct"), ["P2_label", "gt_01", "label3", "seg-7"]);
  assert.equal(await ids("P1/ct", "P1_seg/ct", "P2_image/ct", "mask_P2/ct"), ["P1", "P2_image"]);
  assert.equal(await ids("P1/ct", "Segmentations/a", "Segmentations/b", "gtv/a"), ["P1"]);
});

test("a folder that can be read in two ways is refused with both", async () => {
  await refused(
    folder("images/a", "labels/a", "masks/a"),
    /can be read in two ways: folders images and labels \(1 cases, a\.nii\.gz with a\.nii\.gz\), or folders images and masks/,
  );
  await refused(folder("p_ct", "p_mr", "p_mask"), /two ways: <id>_ct and <id>_mask .*, or <id>_mr and <id>_mask/);
  await refused(
    folder("images/a", "labels/a", "b_image", "b_mask"),
    /two ways: folders images and labels .*, or <id>_image/,
  );
  await refused(folder("P1/ct", "P1/mr", "P1/mask"), /P1: names: can be read in two ways/);
});

test("a folder of one patient's without a mask is told", async () => {
  await refused(folder("P1/image", "P1/mask", "P2/image"), /P2\/image\.nii\.gz: mask: none is there/);
  await refused(folder("P1/image", "P1/mask", "P2/scan"), /P2: names: 1 files such as scan\.nii\.gz show no image/);
});

test("one name in two Unicode forms is one case, in pairs, in splits and between folders", async () => {
  const [composed, decomposed] = ["Müller", "Müller"].map((s, i) => s.normalize(i ? "NFD" : "NFC"));
  assert.is.not(composed, decomposed);
  const path = folder(`images/${composed}`, `labels/${decomposed}`, "images/b", "labels/b");
  assert.equal(await idsOf(path), [composed, "b"].sort());
  writeFileSync(join(path, "splits.json"), JSON.stringify({ train: [decomposed], val: ["b"] }));
  const set = await scanDataset(path);
  const { lists } = (await findSplits(set))!;
  assert.equal(
    applySplit(lists, set.cases, "s").train.map((c) => c.id),
    [composed],
  );
  assert.equal(await idsOf(folder(`${decomposed}_image`, `${composed}_mask`)), [composed]);
  await refused(folder(`${decomposed}_image`, `${composed}_image`, `${composed}_mask`), /has the same case name/);
});

test("masks beside images in a folder of images are none of them, unless all are called so", async () => {
  const imagesOf = async (path: string): Promise<string[]> => (await scanImages(path)).cases.map(({ id }) => id);
  assert.equal(await imagesOf(folder("ct/a_image", "ct/a_mask", "ct/b_image", "mr_t1/m_image")), ["a", "b"]);
  assert.equal(await imagesOf(folder("images/label_1", "images/label_2")), ["label_1", "label_2"]);
});

test("files and folders that no case is made of are told, folders not in sets of a folder of images and one of masks", async () => {
  const over = async (path: string, scan: typeof scanDataset | typeof scanImages = scanDataset) =>
    (await scan(path)).passedOver;
  const patients = ["P1/image", "P1/mask", "P2/image", "P2/mask"];
  const deeper = folder(...patients, "P3/scan/image", "P3/scan/mask");
  mkdirSync(join(deeper, ".git"));
  mkdirSync(join(deeper, "P4"));
  assert.equal(await over(deeper), ["P3", "P4"]);
  assert.equal(await over(deeper, scanImages), ["P3", "P4"]);
  const flat = ["a_image", "a_mask", "b_image", "b_mask"];
  const mixed = folder(...flat, "more/c_image", "texts/inside/x");
  mkdirSync(join(mixed, "series"));
  writeFileSync(join(mixed, "series", "1.dcm"), "");
  assert.equal(await over(mixed), ["more", "series"]);
  assert.equal(await over(folder("a", "b", "masks/a", "series/c"), scanImages), ["series"]);
  assert.equal(await over(folder(...flat, "c", "d")), ["c.nii.gz", "d.nii.gz"]);
  assert.equal(await over(folder("images/a", "labels/a", "b_image", "b_mask"), scanImages), ["b_image.nii.gz"]);
  assert.equal(await over(folder("ct/a", "mr/b", "notes/c"), scanImages), ["mr"]);
  for (const set of [folder(...patients), folder(...flat), folder("imagesTr/a", "labelsTr/a", "imagesTs/b")])
    assert.equal(await over(set), []);
  await refused(folder(...patients, "P3/image"), /P3\/image\.nii\.gz: mask: none is there beside it; add its mask/);
});

test.run();
