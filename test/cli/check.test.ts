// cmedl check on folders that have one fault each: every fault is named, and none is found where there is none.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeNifti } from "../../data/formats/nifti.ts";
import { phantomSet } from "../../data/synthetic.ts";
import type { DataCheck } from "../../node/check/check.ts";
import type { RunEstimate } from "../../report/estimate.ts";
import { type PhantomFolder, writePhantoms } from "../helpers/phantom-folder.ts";
import type { Modality } from "../../data/synthetic.ts";
import { cmedl } from "./command.ts";

const test = suite("check");
let folder = "";
const at = (...parts: string[]): string => join(folder, ...parts);

/** Three phantoms in a folder, changed. */
async function write(name: string, modality: Modality, changes: PhantomFolder = {}): Promise<string> {
  await writePhantoms(at(name), modality, changes);
  return at(name);
}

/** What is found, and the exit code. */
async function check(
  ...args: string[]
): Promise<{ check: DataCheck; problems: string; notes: string; exitCode: number }> {
  const { stdout, stderr, exitCode } = await cmedl(["check", ...args, "--json", "-q"]);
  assert.ok(stdout !== "", stderr);
  const found = JSON.parse(stdout) as DataCheck;
  const of = (gravity: string): string =>
    found.findings.flatMap((f) => (f.gravity === gravity ? [f.message] : [])).join("\n");
  return { check: found, problems: of("problem"), notes: of("note"), exitCode };
}

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cmedl-check-"));
});
test.after(() => rm(folder, { recursive: true, force: true }));

test("a folder that no case is made of is a note", async () => {
  const student = await write("beside", "CT");
  await mkdir(join(student, "series"));
  await writeFile(join(student, "series", "1.dcm"), "");
  const { notes, exitCode } = await check("--student", student);
  assert.is(exitCode, 0);
  assert.match(
    notes,
    /beside: names: 1 file or folder is passed over \(series\): no case is made of it; see that no patient is left/,
  );
});

test("all images without masks and masks without images are told at once", async () => {
  const student = await write("parted", "CT");
  const [first, second, third] = (await readdir(student)).filter((name) => /_mask/.test(name));
  await rm(join(student, first!));
  await rm(join(student, second!));
  await rm(join(student, third!.replace("_mask", "_image")));
  const { problems, exitCode } = await check("--student", student);
  assert.is(exitCode, 3);
  assert.is(problems.split("\n").length, 3, problems);
  assert.match(
    problems,
    /ct-001_image.* mask: none is there for case ct-001; .*\n.*ct-002_image.*\n.*_mask.* image: none/,
  );
});

test("good folders have no problem; the table has a line a case, fingerprint.json the numbers", async () => {
  const folders = ["--student", await write("ct", "CT"), "--teacher", await write("mr", "MR")];
  const { exitCode, stdout, stderr } = await cmedl(["check", ...folders, "--out", at("fingerprint.json"), "-q"]);
  assert.is(exitCode, 0, stderr + stdout);
  assert.match(stdout, /ct-001 .* 48 × 48 × 6 .* LPS .*-10\d\d … .* 1: [\d.]+ ml +(train|val)\n/);
  assert.match(stdout, /Problems: none\./);
  const { sets, findings } = JSON.parse(await readFile(at("fingerprint.json"), "utf8")) as DataCheck;
  assert.equal(findings, []);
  assert.equal(
    sets.map(({ role, cases }) => [role, cases.length]),
    [
      ["student", 3],
      ["teacher", 3],
    ],
  );
  assert.is(new Set(sets.flatMap(({ cases }) => cases.map((c) => c.sha256))).size, 6);
  const again = await cmedl(["check", ...folders, "--out", at("fingerprint.json")]);
  assert.is(again.exitCode, 7, "the file is not overwritten");
});

test("swapped folders, copies, empty masks and wrong labels are problems, each in a sentence", async () => {
  const swapped = await check("--student", at("mr"), "--teacher", at("ct"));
  assert.is(swapped.exitCode, 3);
  assert.match(swapped.problems, /mr-001_image.nii.gz: values: 0 % of the voxels lie between −1100 and −50/);
  assert.match(swapped.problems, /ct-003_image.nii.gz: values: .*seems to be CT/);

  // A copy that is stored as other numbers: float32.
  const [original] = phantomSet({ modality: "CT", seed: 1, size: 48, slices: 6 }, 1);
  const copied = await check(
    await write("copied", "CT", { image: (v, i) => (i === 1 ? Float32Array.from(original!.image.data) : v) }),
  );
  assert.is(copied.exitCode, 3);
  assert.match(copied.problems, /ct-001_image.nii.gz: voxels: ct-001 \(student, \w+\) has the very voxels of ct-002/);
  const both = await check("--student", at("ct"), "--teacher", at("ct"), "--window", "-160,240");
  assert.match(
    both.problems,
    /ct-001 \(student, \w+\) has the very voxels of ct-001 \(teacher, \w+\); give each folder/,
  );

  const empty = await check(await write("empty", "CT", { mask: (m) => m.fill(0) }));
  assert.is(empty.exitCode, 3);
  assert.match(empty.problems, /empty: labels: all 3 masks are empty/);
  const half = await check(await write("half", "CT", { mask: (m) => Float32Array.from(m, (v) => v / 2) }));
  assert.match(half.problems, /ct-001_mask.nii.gz: labels: holds 0.5: labels are whole numbers/);
});

test("a patient in two lists, a file that can't be read, a mask elsewhere: all are named, in one go", async () => {
  const data = await write("broken", "CT");
  await writeFile(join(data, "ct-001_image.nii.gz"), new Uint8Array(100));
  const [, second] = phantomSet({ modality: "CT", seed: 1, size: 48, slices: 6 }, 2);
  const sform = second!.image.geometry.sform.map((v, i) => (i === 3 ? v + 30 : v));
  const moved = { ...second!.image.geometry, qformCode: 0, sformCode: 1, sform };
  await writeFile(join(data, "ct-002_mask.nii.gz"), writeNifti(second!.mask, { ...second!.image, geometry: moved }));
  await writeFile(join(data, "splits.json"), JSON.stringify({ train: ["ct-001", "ct-002"], val: ["ct-002"] }));
  const { exitCode, problems, check: found } = await check(data);
  assert.is(exitCode, 3);
  assert.match(problems, /ct-001_image.nii.gz: .*gzip/);
  assert.match(problems, /ct-002_mask.nii.gz: affine: differs from that of ct-002_image.nii.gz by 30/);
  assert.match(problems, /splits.json: train: ct-002 also validates/);
  assert.equal(found.sets[0]!.unread, ["ct-001", "ct-002"]);
  assert.is(found.sets[0]!.cases.length, 1);
});

test("padding, values that are not finite, empty masks and several labels are notes: exit code 0", async () => {
  const data = await write("noted", "CT", {
    image: (v, i) => {
      if (i === 0) return v.map((x, n) => (n % 50 === 0 ? -3024 : x));
      return i === 1 ? Float32Array.from(v, (x, n) => (n === 7 ? NaN : x)) : v;
    },
    mask: (m, i) => (i === 2 ? m.fill(0) : m.map((v, n) => (v > 0 && n % 2 === 0 ? 2 : v))),
  });
  const { exitCode, notes, problems } = await check(data);
  assert.is(exitCode, 0, problems);
  assert.match(notes, /ct-001_image.nii.gz: values: over 0.5 % of the voxels lie below −1100 HU/);
  assert.match(notes, /ct-002_image.nii.gz: 1 voxels are NaN or infinite/);
  assert.match(notes, /ct-003_mask.nii.gz: labels: the mask is empty/);
  assert.match(notes, /noted: labels: the masks hold 2 labels: 1, 2; choose one with --label N/);
  const wanted = await check(data, "--labels", "1,5");
  assert.match(wanted.problems, /labels: no mask holds 5, only 1, 2; choose others with --labels$/m);
  const named = await check(data, "--labels", "left kidney=1,right kidney=2,spleen=5");
  const absent = /no mask holds 5 spleen, only 1, 2; choose others .* as "spleen=1"/;
  assert.match(named.problems, absent);
  assert.match(named.notes, /1 left kidney and 2 right kidney are left and right of one another/);
});

test("structures that are named for a side are told of, until data.sides says which they are", async () => {
  for (const c of phantomSet({ modality: "CT", seed: 1, size: 48, slices: 6 }, 2)) {
    await mkdir(at("organs", c.id, "segmentations"), { recursive: true });
    await writeFile(at("organs", c.id, "ct.nii.gz"), writeNifti(Int16Array.from(c.image.data), c.image));
    for (const name of ["kidney_left", "kidney_right", "rib_left_1"])
      await writeFile(at("organs", c.id, "segmentations", `${name}.nii.gz`), writeNifti(c.mask, c.image));
  }
  const { notes, exitCode } = await check(at("organs"));
  assert.is(exitCode, 0);
  assert.match(
    notes,
    /1 kidney_left and 2 kidney_right are left and right of one another; .*--set data.sides=\[\[1,2\]\]/,
  );
  assert.match(notes, /3 rib_left_1 is of one side, .*--set augmentation.flip=0/);
  const told = await check(at("organs"), "--labels", "1,2", "--set", "data.sides=[[1,2]]");
  assert.not.match(told.notes, /left and right/);
});

test("with --estimate what training takes is found by a few steps, and nothing is written", async () => {
  const small = ["--preset", "ct-only", "--size", "32", "--width", "2", "--batch", "2", "--epochs", "7"];
  const { check: found, exitCode } = await check(at("ct"), ...small, "--estimate");
  assert.is(exitCode, 0);
  const { estimate } = found as DataCheck & { estimate: RunEstimate };
  assert.is(estimate.epochs, 7);
  assert.ok(estimate.bytes > 1e4 && estimate.secondsPerStep > 0 && estimate.stepsPerEpoch > 0);
  const lacking = await cmedl(["check", at("ct"), "--estimate"]);
  assert.is(lacking.exitCode, 2);
  assert.match(lacking.stderr, /--estimate needs --teacher/);
});

test("a window is read whole: a bound that is missing is no 0, and a number has one point", async () => {
  for (const rule of [",400", "400,", "-160", "99.5.5%", "%", "99.5%%", "1,2,3", "400,-160"]) {
    const { exitCode, stderr } = await cmedl(["check", "--student", at("ct"), `--window=${rule}`]);
    assert.is(exitCode, 2, rule);
    assert.match(stderr, /--window .*: give soft, lung, histogram/, rule);
  }
});

test.run();
