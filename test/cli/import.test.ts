// DICOM trees as a user has them: listed, imported, and read as they lie.
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { seriesOf, writeMaskObject } from "../../data/formats/dicom-out.ts";
import { fileOfBytes } from "../../data/formats/index.ts";
import { phantomCase } from "../../data/synthetic.ts";
import { loadCase, scanDataset, scanDicom, scanImages, surveyCases } from "../../node/dataset/index.ts";
import { matcherOf, planImport } from "../../node/import/plan.ts";
import { writeImport } from "../../node/import/write.ts";
import { type SliceOptions, dicomBytes, seriesBytes } from "../data/dicom-writer.ts";
import { refused } from "../helpers/refused.ts";
import { DataError } from "../../data/errors.ts";
import { FileError } from "../../node/files.ts";
import { cmedl } from "./command.ts";

const test = suite("import");
const root = mkdtempSync(join(tmpdir(), "cmedl-import-"));
test.after(() => rmSync(root, { recursive: true, force: true }));

function put(path: string, bytes: Uint8Array | string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), bytes);
}

const phantom = phantomCase({ modality: "CT", seed: 1, index: 0, size: 24, slices: 4, fieldMm: 330 });
const patient = (id: string, more: SliceOptions["more"] = []): SliceOptions["more"] => [
  [0x00100020, "LO", id],
  ...more,
];

/** A patient's series in FOLDER/image and its contours in FOLDER/mask, named by `structures`. */
async function putPatient(folder: string, id: string, series: string, structures: readonly string[], modality = "CT") {
  const frame = patient(id, [[0x00200052, "UI", `${series}.9`]]);
  const slices = seriesBytes(phantom.image, { series, modality, more: frame });
  // Names tell nothing of the order.
  slices.forEach((bytes, z) => put(`${folder}/image/${9 - z}`, bytes));
  if (structures.length === 0) return;
  const stack = await seriesOf(
    slices.map((b, z) => fileOfBytes(b, `${z}`)),
    folder,
  );
  const mask = phantom.mask.map((v, i) => (v === 0 && i % 24 < 3 ? 2 : v));
  const segments = structures.map((name, i) => ({ name, value: i + 1, rgb: [0, 0, 0] as const }));
  const maker = { version: "0", description: "test", date: new Date() };
  put(`${folder}/mask/rs.dcm`, await writeMaskObject("rtstruct", mask, stack, segments, maker));
}

test.before(async () => {
  await putPatient("tree/A", "patient/1", "1.2.10", ["GTV-1", "Body"]);
  await putPatient("tree/B", "patient 2", "1.2.20", ["gtv", "Body"]);
  await putPatient("tree/C", "patient 2", "1.2.30", ["GTV"], "MR");
  await putPatient("tree/D", "patient 3", "1.2.40", []);
  put("tree/notes.txt", "no DICOM");
  put(
    "tree/cut.dcm",
    dicomBytes([
      [0x00080060, "CS", "CT"],
      [0x00280010, "US", 9],
    ]).slice(0, -3),
  );
});

const json = (
  path: string,
): {
  cases: {
    image: string;
    mask: string;
    patient: string;
    structures: { name: string; label: number; voxels: number }[];
  }[];
  leftOut: { series: string; reason: string }[];
  passedOver: { file: string; reason: string }[];
} => JSON.parse(readFileSync(path, "utf8"));

test("--list shows each series with its structures, and what can't be read", async () => {
  const { exitCode, stdout, stderr } = await cmedl(["import", join(root, "tree"), "--list"]);
  assert.is(exitCode, 3, stderr);
  assert.equal(stdout.trim().split("\n"), [
    "patient 2\tCT, 4 slices\tgtv, Body",
    "patient 2\tMR, 4 slices\tGTV",
    "patient 3\tCT, 4 slices\tno structures",
    "patient/1\tCT, 4 slices\tGTV-1, Body",
  ]);
  assert.match(stderr, /passed over: .*cut\.dcm: data set: is damaged or cut/);
  assert.match(stderr, /one file or folder was passed over: .*cut\.dcm: data set: is damaged or cut/);
  const listed = JSON.parse((await cmedl(["import", join(root, "tree"), "--list", "--json"])).stdout) as {
    patient: string;
    structures: string[];
  }[];
  assert.equal(listed.at(-1)?.structures, ["GTV-1", "Body"]);
});

test("structures named by patterns become labels in folders that train reads; nothing is overwritten", async () => {
  const out = join(root, "data");
  const args = ["import", join(root, "tree"), "--out", out, "--structure", "gtv*", "--structure", "body"];
  const { exitCode, stdout, stderr } = await cmedl(args);
  assert.is(exitCode, 3, stderr);
  assert.is(stdout, `${out}\n`, "what could be read is written");
  const { cases, leftOut, passedOver } = json(join(out, "import.json"));
  assert.equal(
    cases.map((c) => c.image),
    ["ct/patient_2/image.nii.gz", "mr/patient_2/image.nii.gz", "ct/patient_1/image.nii.gz"],
  );
  assert.is(leftOut.length, 1, "a series without structures");
  assert.equal(
    passedOver.map(({ file }) => file),
    [join(root, "tree/cut.dcm")],
  );
  assert.match(passedOver[0]!.reason, /cut\.dcm: data set: is damaged or cut/);
  const [first] = cases;
  assert.equal(
    first!.structures.map(({ name, label }) => [name, label]),
    [
      ["gtv", 1],
      ["Body", 2],
    ],
  );
  const tumour = phantom.mask.reduce((n, v) => n + v, 0);
  assert.is(first!.structures[0]!.voxels, tumour);
  const set = await scanDataset(join(out, "ct"));
  assert.equal(
    set.cases.map((c) => c.id),
    ["patient_1", "patient_2"],
  );
  await surveyCases(set.cases);
  const loaded = await loadCase(set.cases[0]!, { labels: [1] });
  assert.equal(loaded.image.data, phantom.image.data);
  assert.equal([...loaded.mask], [...phantom.mask]);
  const plan = planImport(await scanDicom(join(root, "tree")), ["gtv*"]);
  const again = await writeImport(plan, { source: root, out }).then(
    () => undefined,
    (e: Error) => e,
  );
  assert.match(again!.message, /import\.json: exists already; choose another --out/);
});

test("what can't be decided is asked for; a series that can't be read is left out, and the rest is written", async () => {
  const tree = join(root, "tree");
  const found = await scanDicom(tree);
  assert.throws(
    () => planImport(found, []),
    /there are 4 structures \(Body, GTV, GTV-1, gtv\): say which are labels 1, 2, … by --structure/,
  );
  assert.throws(() => planImport(found, ["liver"]), /--structure liver is for no structure: there are Body, GTV/);
  const gap = seriesBytes(phantom.image, { series: "1.2.50" });
  [0, 1, 3].forEach((z) => put(`gap/${z}.dcm`, gap[z]!));
  const left = await cmedl(["import", join(root, "gap"), "--out", join(root, "y")]);
  assert.is(left.exitCode, 3);
  assert.match(left.stderr, /slices: are unevenly placed|slices: about 1 are missing/);
  assert.is(json(join(root, "y/import.json")).leftOut.length, 1);
});

test("a path itself that can't be read is refused as a file (exit code 7); one file is a series too", async () => {
  const gone = await cmedl(["import", join(root, "nowhere"), "--list"]);
  assert.is(gone.exitCode, 7);
  assert.match(gone.stderr, /nowhere: does not exist; check the path/);
  assert.not.match(gone.stderr, /holds no DICOM/);
  await refused(scanDicom(join(root, "tree/cut.dcm")), /cut\.dcm: data set: is damaged or cut/, DataError);
  const one = seriesBytes(phantom.image, { series: "1.2.70", more: patient("one") })[0]!;
  put("one/DICOMDIR-1/slice.dcm", one);
  for (const path of ["one", "one/DICOMDIR-1", "one/DICOMDIR-1/slice.dcm"]) {
    const { root: folder, images, faults } = await scanDicom(join(root, path));
    assert.equal([images.map(({ series }) => series.patient.id), faults], [["one"], []], path);
    assert.ok(images[0]!.series.files[0]!.name.startsWith(folder));
  }
  assert.match((await cmedl(["import", join(root, "tree/notes.txt"), "--list"])).stderr, /holds no DICOM series/);
});

test("--json prints what import.json holds; with -q the reason stands in the last sentence; --list writes nothing", async () => {
  const out = join(root, "said");
  const args = ["import", join(root, "tree"), "--structure", "gtv*", "--json", "-q"];
  const { exitCode, stdout, stderr } = await cmedl([...args, "--out", out]);
  assert.is(exitCode, 3);
  assert.is(stdout, readFileSync(join(out, "import.json"), "utf8"));
  assert.match(stderr, /one file or folder was passed over: .*cut\.dcm: data set: is damaged/);
  for (const flags of [
    ["--list", "--out", join(root, "other")],
    ["--list", "--structure", "gtv"],
  ]) {
    const both = await cmedl(["import", join(root, "tree"), ...flags]);
    assert.equal([both.exitCode, both.stdout], [2, ""]);
    assert.match(both.stderr, /--list writes nothing: leave it out, or --out and --structure/);
  }
});

test("a file that came while an import was at work is kept, and nothing of its series is written beside it", async () => {
  const plan = planImport(await scanDicom(join(root, "tree/A")), ["gtv*"]);
  const out = join(root, "came");
  const onCase = (): void => put("came/ct/patient_1/image.nii.gz", "mine");
  const { manifest, failed } = await writeImport(plan, { source: "tree/A", out, onCase });
  assert.equal([failed, manifest.cases.length], [1, 0]);
  assert.match(manifest.leftOut[0]!.reason, /image\.nii\.gz: file: exists already/);
  assert.equal(readdirSync(join(out, "ct/patient_1")), ["image.nii.gz"]);
});

test("import.json tells of scouts, and of series that went or could not be written while the import was at work", async () => {
  for (const name of ["A", "B", "C"]) await putPatient(`moving/${name}`, name, `1.4.${name.charCodeAt(0)}`, ["GTV"]);
  const scout = seriesBytes(phantom.image, {
    series: "1.4.1",
    more: patient("A", [[0x00080008, "CS", "ORIGINAL\\PRIMARY\\LOCALIZER"]]),
  });
  put("moving/A/scout.dcm", scout[0]!);
  const plan = planImport(await scanDicom(join(root, "moving")), ["gtv"]);
  const out = join(root, "moved");
  const source = "moving";
  rmSync(join(root, "moving/A/image"), { recursive: true });
  const gone = await writeImport(plan, { source, out });
  assert.equal([gone.failed, gone.manifest.cases.map(({ patient }) => patient)], [1, ["B", "C"]]);
  const [scouts, series] = json(join(out, "import.json")).leftOut;
  assert.match(scouts!.reason, /holds scouts \(LOCALIZER\) alone/);
  assert.match(series!.reason, /moving\/A\/image\/\d: does not exist; check the path/);

  // A file stands where the folder of C would be.
  const blocked = join(root, "blocked");
  put("blocked/ct/C", "mine");
  await refused(writeImport(plan, { source, out: blocked }), /ct\/C/, FileError);
  const manifest = json(join(blocked, "import.json"));
  assert.equal(
    manifest.cases.map(({ patient }) => patient),
    ["B"],
  );
  assert.match(manifest.leftOut.at(-1)!.reason, /the import stopped: .*ct\/C/);
});

test("paths that can't be read are passed over and told of (exit code 3); links to folders are followed once", async () => {
  const lying = seriesBytes(phantom.image, { series: "1.2.60", more: patient("linked") });
  lying.forEach((bytes, z) => put(`elsewhere/${z}.dcm`, bytes));
  mkdirSync(join(root, "linked/closed"), { recursive: true });
  symlinkSync(join(root, "elsewhere"), join(root, "linked/series"));
  symlinkSync(join(root, "elsewhere"), join(root, "linked/again"));
  symlinkSync(join(root, "linked"), join(root, "linked/round"));
  const whole = await cmedl(["import", join(root, "linked"), "--list"]);
  assert.equal([whole.exitCode, whole.stdout], [0, "linked\tCT, 4 slices\tno structures\n"], whole.stderr);
  symlinkSync(join(root, "nowhere"), join(root, "linked/gone.dcm"));
  const { exitCode, stderr } = await cmedl(["import", join(root, "linked"), "--out", join(root, "z")]);
  assert.is(exitCode, 3);
  assert.match(stderr, /passed over: .*linked\/gone\.dcm: does not exist; check the path/);
  assert.match(stderr, /one file or folder was passed over: .*gone\.dcm: does not exist/);
  assert.is(json(join(root, "z/import.json")).cases.length, 1);
  assert.equal(
    json(join(root, "z/import.json")).passedOver.map(({ file }) => file),
    [join(root, "linked/gone.dcm")],
  );
  // Root may open all.
  if (process.getuid?.() === 0) return;
  chmodSync(join(root, "linked/closed"), 0);
  const closed = await scanDicom(join(root, "linked"));
  chmodSync(join(root, "linked/closed"), 0o700);
  assert.match(closed.faults.map(({ message }) => message).join("\n"), /closed: may not be opened/);
  assert.is(closed.images.length, 1);
});

test("a tree of DICOM, a folder a patient, is a set as it lies; structures have labels by their names", async () => {
  const tree = join(root, "lying");
  for (const name of ["A", "B"]) await putPatient(`lying/${name}`, name, `1.3.${name.charCodeAt(0)}`, ["GTV", "Body"]);
  const { cases, layout } = await scanDataset(tree);
  assert.is(layout.description, "a folder of DICOM a patient (labels 1 Body, 2 GTV)");
  assert.equal([...layout.labels!.values()], ["Body", "GTV"]);
  assert.equal(
    cases.map((c) => [c.id, c.structures!.map((s) => `${s.label} ${s.name}`)]),
    [
      ["A", ["2 GTV", "1 Body"]],
      ["B", ["2 GTV", "1 Body"]],
    ],
  );
  const [survey] = await surveyCases(cases);
  assert.equal(survey!.image.shape, [24, 24, 4]);
  const { mask, image } = await loadCase(cases[0]!, { labels: [2] });
  assert.equal(image.data, phantom.image.data);
  assert.equal([...mask], [...phantom.mask]);
  assert.equal(
    (await scanImages(tree)).cases.map((c) => c.id),
    ["A", "B"],
  );
  const mixed = await scanDataset(join(root, "tree")).then(
    () => undefined,
    (e: Error) => e,
  );
  assert.match(mixed!.message, /structures: no RTSTRUCT or SEG is on its series; use `cmedl import/);
});

test("patterns: * is any text, ? one character, capitals and other signs are as they are", () => {
  const matches = (pattern: string, ...names: string[]): boolean[] => names.map(matcherOf(pattern));
  assert.equal(matches("gtv*", "GTV-1", "gtv", "xgtv"), [true, true, false]);
  assert.equal(matches("lung ?", "Lung L", "lung", "lung LL"), [true, false, false]);
  assert.equal(matches("a.b (1)", "A.B (1)", "axb (1)"), [true, false]);
});

test.run();
