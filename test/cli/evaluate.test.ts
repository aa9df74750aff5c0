// What a run or a rater is worth, as a user asks for it: evaluate, report, compare.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeNifti } from "../../data/formats/nifti.ts";
import { writePhantoms } from "../helpers/phantom-folder.ts";
import { cmedl } from "./command.ts";

const test = suite("evaluate, report, compare");
let folder = "";
let ids: string[] = [];
const at = (...parts: string[]): string => join(folder, ...parts);

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cmedl-evaluate-"));
  for (const name of ["expert", "rater"]) await mkdir(at(name));
  const cases = await writePhantoms(at("ct"), "CT", { size: 32, slices: 4, count: 4 });
  for (const [i, c] of cases.entries()) {
    await writeFile(at("expert", `${c.id}.nii.gz`), writeNifti(c.mask, c.image));
    // The other rater leaves out every second slice, and one case.
    const half = c.mask.map((v, n) => (Math.floor(n / 32 ** 2) % 2 ? 0 : v));
    if (i < 3) await writeFile(at("rater", `${c.id}_seg.nii.gz`), writeNifti(half, c.image));
  }
  ids = cases.map((c) => c.id);
  const splits = { train: ids.slice(0, 2), val: ids.slice(2, 3), test: ids.slice(3) };
  await writeFile(at("ct", "splits.json"), JSON.stringify(splits));
  for (const seed of [0, 1]) {
    const flags = ["--size", "32", "--width", "2", "--batch", "2", "--steps", "2", "--epochs", "1"];
    const out = ["--out", at(`run-${seed}`), "--seed", String(seed)];
    const trained = await cmedl(["train", "--preset", "ct-only", "--student", at("ct"), ...out, ...flags]);
    assert.is(trained.exitCode, 0, trained.stderr);
  }
});
test.after(() => rm(folder, { recursive: true, force: true }));

test("a run is tested on the cases that its splits name, and its report shows the test", async () => {
  const { exitCode, stdout, stderr } = await cmedl(["evaluate", at("run-0")]);
  assert.is(exitCode, 0, stderr);
  assert.match(stdout, /Test on test cases of .*ct/);
  assert.match(stdout, /HD95 +\d+\.\d\d +– +1/);
  const test = JSON.parse(await readFile(at("run-0", "tests", "test.json"), "utf8")) as {
    cases: Record<string, Record<string, number | null>>;
    roc: { auc: number };
  };
  const [values] = Object.values(test.cases);
  assert.equal(Object.keys(values!), ["DSC", "SDSC", "HD95", "AUC", "segmented"]);
  assert.ok(test.roc.auc >= 0 && test.roc.auc <= 1);
  assert.match(await readFile(at("run-0", "tests", "test.csv"), "utf8"), /^case,DSC,SDSC,HD95,AUC,segmented\n/);
  assert.match(await readFile(at("run-0", "report.html"), "utf8"), /<h3>Cases, the worst first<\/h3>/);
  const again = await cmedl(["evaluate", at("run-0")]);
  assert.is(again.exitCode, 7);
  assert.match(again.stderr, /test\.json: exists already; give another --name, or --force/);
});

test("runs are compared on what both were tested on", async () => {
  for (const run of ["run-0", "run-1"])
    assert.is((await cmedl(["evaluate", at(run), "--data", at("ct"), "--name", "all"])).exitCode, 0);
  // Runs of two steps have learned nothing, and nothing is tested with them.
  const first = await cmedl(["compare", at("run-0"), at("run-1"), "--name", "all"]);
  assert.match(first.stdout, /run-1 †/);
  // Earlier versions wrote no tolerance: a test of masks is told by its metrics.
  const file = at("run-1", "tests", "all.json");
  const { toleranceMm, ...earlier } = JSON.parse(await readFile(file, "utf8")) as { toleranceMm: number };
  assert.is(toleranceMm, 3);
  await writeFile(file, JSON.stringify(earlier));
  assert.match((await cmedl(["compare", at("run-0"), at("run-1"), "--name", "all"])).stdout, /run-1 †/);
  await writeFile(file, JSON.stringify({ ...earlier, toleranceMm }));
  for (const run of ["run-0", "run-1"]) {
    const cases = Object.fromEntries(ids.map((id, i) => [id, { KL: 0.1 * i, SSIM: 0.5, PSNR: 20 }]));
    await writeFile(at(run, "tests", "translation.json"), JSON.stringify({ title: "Translation", cases }));
  }
  const translated = await cmedl(["compare", at("run-0"), at("run-1"), "--name", "translation"]);
  assert.is(translated.exitCode, 0, translated.stderr);
  assert.not.match(translated.stdout, "†");
  for (const run of ["run-0", "run-1"]) await rm(at(run, "tests", "translation.json"));
  for (const [run, gain] of [
    ["run-0", 0],
    ["run-1", 0.1],
  ] as const) {
    const test = JSON.parse(await readFile(at(run, "tests", "all.json"), "utf8")) as {
      cases: Record<string, Record<string, number>>;
    };
    Object.values(test.cases).forEach((values, i) =>
      Object.assign(values, { DSC: 0.5 + i / 10 + gain, segmented: 0.1 }),
    );
    await writeFile(at(run, "tests", "all.json"), JSON.stringify(test));
  }
  const { stdout, exitCode, stderr } = await cmedl(["compare", at("run-0"), at("run-1"), "--name", "all"]);
  assert.is(exitCode, 0, stderr);
  assert.match(stdout, /run-1/);
  assert.match(stdout, /p against run-0/);
  assert.match(stdout, /with 4 cases no p can fall below 0\.05/);
  assert.is((await cmedl(["compare", at("run-0"), at("run-1")])).stdout, stdout, "the one test that both have");
  const unknown = await cmedl(["compare", at("run-0"), at("run-1"), "--name", "other"]);
  assert.is(unknown.exitCode, 2);
  assert.match(unknown.stderr, /has no test called other; it has all/);
});

test("runs are compared on the cases that both were tested on, and not at all where there are none", async () => {
  const file = at("run-1", "tests", "all.json");
  const whole = JSON.parse(await readFile(file, "utf8")) as { cases: Record<string, object> };
  const ids = Object.keys(whole.cases);
  const keep = (some: readonly string[]): string =>
    JSON.stringify({ ...whole, cases: Object.fromEntries(some.map((id) => [id, whole.cases[ids[0]!]])) });
  await writeFile(file, keep(ids.slice(0, 2)));
  const some = await cmedl(["compare", at("run-0"), at("run-1"), "--name", "all"]);
  assert.match(some.stdout, /left out, for not all runs were tested on them: .+, .+/);
  assert.match(some.stdout, / 2\n/);
  await writeFile(file, JSON.stringify({ ...whole, toleranceMm: 1 }));
  const tolerances = await cmedl(["compare", at("run-0"), at("run-1"), "--name", "all"]);
  assert.match(tolerances.stderr, /surface Dice was measured at 3 and 1 mm; evaluate the runs with one --tolerance/);
  await writeFile(file, keep(["other"]));
  const none = await cmedl(["compare", at("run-0"), at("run-1"), "--name", "all"]);
  assert.is(none.exitCode, 2);
  assert.match(none.stderr, /on no case in common/);
  await writeFile(file, JSON.stringify(whole));
});

test("cases that took part in a run are no test, whatever a file says by now", async () => {
  await writeFile(
    at("late.json"),
    JSON.stringify({ train: ids.slice(2, 3), val: ids.slice(3), test: ids.slice(0, 2) }),
  );
  const refused = await cmedl(["evaluate", at("run-0"), "--splits", at("late.json"), "--name", "late"]);
  assert.is(refused.exitCode, 2);
  assert.match(refused.stderr, /2 of 2 cases trained or validated this run \(.+\): that is no test/);
  const val = await cmedl(["evaluate", at("run-0"), "--cases", "val", "--splits", at("late.json"), "--json"]);
  const { cases } = JSON.parse(val.stdout) as { cases: Record<string, object> };
  assert.equal(Object.keys(cases), ids.slice(2, 3), "who validated is the run's own word");
  await writeFile(at("gone.json"), JSON.stringify({ train: ids.slice(2, 3), val: ["other"], test: [ids[3], "gone"] }));
  const gone = await cmedl(["evaluate", at("run-0"), "--splits", at("gone.json")]);
  assert.is(gone.exitCode, 3);
  assert.match(gone.stderr, /test: gone is in the splits but not in the folder/);
});

test("any masks are scored against others of the same cases", async () => {
  const masks = ["--masks", at("rater"), "--experts", at("expert")];
  const { stdout, stderr, exitCode } = await cmedl(["evaluate", ...masks, "-o", at("rater.csv"), "--json"]);
  assert.is(exitCode, 0, stderr);
  assert.match(stderr, /rater holds no mask of .*: not scored/);
  const { cases } = JSON.parse(stdout) as { cases: Record<string, { DSC: number }> };
  assert.is(Object.keys(cases).length, 3);
  for (const { DSC } of Object.values(cases)) assert.ok(DSC > 0.3 && DSC < 1, `${DSC}`);
  assert.is((await readFile(at("rater.csv"), "utf8")).split("\n").length, 5);
  const same = await cmedl(["evaluate", "--masks", at("expert"), "--experts", at("expert"), "--json"]);
  const perfect = Object.values((JSON.parse(same.stdout) as { cases: Record<string, { DSC: number }> }).cases);
  assert.equal(
    perfect.map((values) => values.DSC),
    [1, 1, 1, 1],
  );
  const other = await cmedl(["evaluate", ...masks, "--label", "255"]);
  assert.match(other.stderr, /\/rater\/.*: holds no label 255, only 1\./);
});

test("what can't be is refused", async () => {
  for (const [args, code, pattern] of [
    [["evaluate"], 2, /give the folder of a run, or --masks/],
    [["evaluate", at("run-0"), "--cases", "odd"], 2, /--cases odd is none of test, val, train, all/],
    [["evaluate", at("run-0"), "-o", at("x.csv")], 2, /--output goes with --masks alone/],
    [["evaluate", "--masks", at("rater"), "--experts", at("expert"), "--cases", "val"], 2, /--cases goes with a run/],
    [["evaluate", "--masks", at("rater"), "--experts", at("expert"), "--label", "1,2"], 2, /--label 1,2: labels are/],
    [["evaluate", at("run-0"), "--name", "../x"], 2, /--name \.\.\/x: letters/],
    [["evaluate", "--masks", at("ct"), "--experts", at("none")], 3, /none: folder: cannot be read/],
    [["evaluate", at("run-0"), "--tolerance", ""], 2, /--tolerance "": give millimetres, 0 or more/],
    [["raters", at("rater"), at("expert"), "--tolerance", " "], 2, /--tolerance "": give millimetres/],
    [["raters", at("rater"), at("expert"), "--tolerance", "-1"], 2, /--tolerance -1: give millimetres/],
    [["evaluate", at("run-0"), "--translation", "--tolerance", "3"], 2, /--tolerance goes with masks/],
    [["report", at("ct")], 7, /holds no run/],
    [["compare", at("run-0")], 2, /two runs or more/],
  ] as const) {
    const { exitCode, stderr } = await cmedl(args);
    assert.is(exitCode, code, stderr);
    assert.match(stderr, pattern);
  }
});

test.run();
