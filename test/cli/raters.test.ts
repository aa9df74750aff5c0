// Several raters of the same cases, as Table IV compares them.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeNifti } from "../../data/formats/nifti.ts";
import { agreementOf } from "../../metrics/agreement.ts";
import { writePhantoms } from "../helpers/phantom-folder.ts";
import { cmedl } from "./command.ts";

const test = suite("raters");
let folder = "";
const at = (...parts: string[]): string => join(folder, ...parts);

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cmedl-raters-"));
  const cases = await writePhantoms(at("ct"), "CT", { size: 32, slices: 6, count: 2 });
  const plane = 32 ** 2;
  for (const [rater, keeps] of Object.entries({
    all: () => true,
    even: (z: number) => z % 2 === 0,
    same: () => true,
  })) {
    await mkdir(at(rater));
    for (const { id, image, mask } of cases) {
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

test("what can't be is refused", async () => {
  for (const [args, pattern] of [
    [[at("all")], /name the folders of two raters or more/],
    [[at("all"), at("all")], /two raters are called all; give names, as R1=/],
    [[at("all"), at("even"), "--images", at("ct")], /--images makes pictures: name the folder to write them to by -o/],
  ] as const) {
    const { exitCode, stderr } = await cmedl(["raters", ...args]);
    assert.is(exitCode, 2);
    assert.match(stderr, pattern);
  }
});

test.run();
