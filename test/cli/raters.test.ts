// Several raters of the same cases, as Table IV compares them.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { access, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decode } from "fast-png";
import { writeNifti } from "../../data/formats/nifti.ts";
import { phantomSet } from "../../data/synthetic.ts";
import { sformGeometry } from "../../data/volume.ts";
import { agreementOf } from "../../metrics/agreement.ts";
import { type Colour, colours } from "../../report/picture.ts";
import { writePhantoms } from "../helpers/phantom-folder.ts";
import { cmedl } from "./command.ts";

const test = suite("raters");
let folder = "";
const at = (...parts: string[]): string => join(folder, ...parts);

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cmedl-raters-"));
  const cases = await writePhantoms(at("ct"), "CT", { size: 32, slices: 6, count: 2 });
  const plane = 32 ** 2;
  for (const [rater, keeps, first = 0] of [
    ["all", () => true],
    ["even", (z: number) => z % 2 === 0],
    ["same", () => true],
    ["late", () => true, 1],
  ] as const) {
    await mkdir(at(rater));
    for (const { id, image, mask } of cases.slice(first)) {
      const kept = mask.map((v, i) => (keeps(Math.floor(i / plane)) ? v : 0));
      await writeFile(at(rater, `${id}.nii.gz`), writeNifti(kept, image));
    }
  }
});
test.after(() => rm(folder, { recursive: true, force: true }));

test("a rater's agreement is the mean over cases and the other raters, with its coefficient of variation", () => {
  const pair = (id: string, a: string, b: string, DSC: number) =>
    ({ case: id, raters: [a, b], scores: { DSC } }) as const;
  const pairs = [pair("p", "A", "B", 0.8), pair("p", "A", "C", 0.6), pair("p", "B", "C", NaN), pair("q", "A", "B", 1)];
  const [a, b, c] = agreementOf(pairs, ["A", "B", "C"], "DSC");
  assert.is(a!.pairs, 3);
  assert.ok(Math.abs(a!.mean - 0.8) < 1e-12 && Math.abs(a!.variation - 0.25) < 1e-12);
  assert.ok(Math.abs(b!.mean - 0.9) < 1e-12 && Math.abs(b!.variation - Math.SQRT2 / 9) < 1e-12);
  assert.is(c!.pairs, 1);
  assert.ok(Number.isNaN(c!.variation));
});

test("every two raters are compared; a folder holds lines, page and picture, and nothing is overwritten", async () => {
  const args = ["raters", `R1=${at("all")}`, at("even"), `R3=${at("same")}`, "--images", at("ct"), "-o", at("out")];
  const { exitCode, stdout, stderr } = await cmedl(args);
  assert.is(exitCode, 0, stderr);
  assert.match(stdout, /metric +R1 +even +R3\n/);
  const record = JSON.parse(await readFile(at("out", "raters.json"), "utf8")) as {
    pairs: { raters: [string, string]; scores: { DSC: number } }[];
    agreement: { DSC: { rater: string; mean: number }[] };
  };
  assert.is(record.pairs.length, 6);
  for (const { raters, scores } of record.pairs)
    assert.ok(raters.includes("even") ? scores.DSC < 1 : scores.DSC === 1, `${raters.join()} ${scores.DSC}`);
  const [first, even] = record.agreement.DSC;
  assert.ok(even!.mean < first!.mean);
  assert.is((await readFile(at("out", "raters.csv"), "utf8")).trim().split("\n").length, 7);
  assert.match(await readFile(at("out", "report.html"), "utf8"), /The cases about which the raters agree least/);
  assert.match(await readFile(at("out", "raters.svg"), "utf8"), />R3<\/tspan>/);
  const again = await cmedl(args);
  assert.is(again.exitCode, 7);
  assert.match(again.stderr, /raters\.csv: exists already; choose another folder/);
});

/** How many pixels of raters.svg have a colour. */
async function pixelsOf(folder: string, [red, green, blue]: Colour): Promise<number> {
  const [, base64 = ""] = /data:image\/png;base64,([^"]+)"/.exec(await readFile(join(folder, "raters.svg"), "utf8"))!;
  const { data } = decode(Buffer.from(base64, "base64"));
  let count = 0;
  for (let i = 0; i < data.length; i += 3)
    if (data[i] === red && data[i + 1] === green && data[i + 2] === blue) count++;
  return count;
}

test("a mask that a rater lacks is told of, in whatever order raters stand, and the others' contours are drawn", async () => {
  for (const [out, args] of [
    ["late-first", [at("late"), at("all"), at("even")]],
    ["late-last", [at("all"), at("even"), at("late")]],
  ] as const) {
    const { exitCode, stderr } = await cmedl(["raters", ...args, "--images", at("ct"), "-o", at(out)]);
    assert.is(exitCode, 0, stderr);
    assert.match(stderr, /late has no mask of ct-001, which others have/);
    const { pairs } = JSON.parse(await readFile(at(out, "raters.json"), "utf8")) as { pairs: { case: string }[] };
    assert.equal(pairs.map((pair) => pair.case).toSorted(), ["ct-001", "ct-002", "ct-002", "ct-002"]);
  }
  // Of a case that the first rater lacks the others' contours are there all the same.
  await mkdir(at("one"));
  for (const kind of ["image", "mask"])
    await writeFile(at("one", `ct-001_${kind}.nii.gz`), await readFile(at("ct", `ct-001_${kind}.nii.gz`)));
  const args = ["raters", at("late"), at("all"), at("even"), "--images", at("one"), "-o", at("contours")];
  const { exitCode, stderr } = await cmedl(args);
  assert.is(exitCode, 0, stderr);
  assert.match(stderr, /no picture of ct-002: .*one holds no image of it/);
  assert.is(await pixelsOf(at("contours"), colours.algorithm), 0);
  assert.ok((await pixelsOf(at("contours"), colours.blue)) > 0);
});

test("images are found by their ids but for a word; of one on another grid there is no picture", async () => {
  const cases = phantomSet({ modality: "CT", seed: 1, size: 32, slices: 6 }, 2);
  await mkdir(at("odd"));
  for (const [i, { image }] of cases.entries()) {
    const moved = image.affine.map((v, at) => (i === 1 && at === 3 ? v + 10 : v));
    const geometry = sformGeometry(moved, image.spacingMm);
    await writeFile(at("odd", `00${i + 1}.nii.gz`), writeNifti(Int16Array.from(image.data), { ...image, geometry }));
  }
  const args = ["raters", at("all"), at("even"), "--images", at("odd"), "-o", at("words")];
  const { exitCode, stderr } = await cmedl(args);
  assert.is(exitCode, 0, stderr);
  assert.match(stderr, /no picture of ct-002: its image lies on another grid than its masks/);
  assert.match(await readFile(at("words", "raters.svg"), "utf8"), />ct-001<\/text>/);
});

test("one dark voxel makes no CT of an MR: its picture is scaled by a percentile all the same", async () => {
  const cases = phantomSet({ modality: "MR", seed: 1, size: 32, slices: 6 }, 2);
  for (const [out, corner] of [
    ["mr", 0],
    ["mr-dark", -600],
  ] as const) {
    await mkdir(at(out));
    for (const [i, { image }] of cases.entries()) {
      const values = Int16Array.from(image.data);
      values[0] = corner;
      await writeFile(at(out, `mr-00${i + 1}.nii.gz`), writeNifti(values, image));
    }
    const args = ["raters", at("all"), at("even"), "--images", at(out), "-o", at(`${out}-out`)];
    const { exitCode, stderr } = await cmedl(args);
    assert.is(exitCode, 0, stderr);
  }
  const pictureOf = (out: string): Promise<string> => readFile(at(`${out}-out`, "raters.svg"), "utf8");
  assert.is(await pictureOf("mr"), await pictureOf("mr-dark"));
});

test("a folder whose path holds an = is no name, and what is refused leaves no folder behind", async () => {
  await mkdir(at("a=b"));
  for (const id of ["ct-001", "ct-002"])
    await writeFile(at("a=b", `${id}.nii.gz`), await readFile(at("all", `${id}.nii.gz`)));
  const { exitCode, stderr } = await cmedl(["raters", at("a=b"), at("all"), "--json"]);
  assert.is(exitCode, 0, stderr);
  for (const wrong of [
    ["--label", "none"],
    ["--images", at("nowhere")],
  ]) {
    assert.is.not((await cmedl(["raters", at("all"), at("even"), "-o", at("refused"), ...wrong])).exitCode, 0);
    assert.is(await access(at("refused")).catch(({ code }: NodeJS.ErrnoException) => code), "ENOENT", wrong[0]!);
  }
});

test("what can't be is refused", async () => {
  for (const [args, pattern] of [
    [[at("all")], /name the folders of two raters or more/],
    [[at("all"), "R2="], /R2=: name a folder behind "="/],
    [[at("all"), at("all")], /two raters are called all; give names, as R1=/],
    [[at("all"), at("even"), "--images", at("ct")], /--images makes pictures: name the folder to write them to by -o/],
  ] as const) {
    const { exitCode, stderr } = await cmedl(["raters", ...args]);
    assert.is(exitCode, 2);
    assert.match(stderr, pattern);
  }
});

test.run();
