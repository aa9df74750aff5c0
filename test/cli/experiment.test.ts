// An experiment of two rows on tiny folders, as a user runs it: interrupted, continued, asked for again; and what bad
// requests say.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ExperimentFolder, differences } from "../../node/experiment/folder.ts";
import { Pace } from "../../node/experiment/pace.ts";
import { secondsIn } from "../../cli/experiment.ts";
import { writePhantoms } from "../helpers/phantom-folder.ts";
import { cmedl, commandLine } from "./command.ts";

const test = suite("experiment");
let folder = "";
const at = (...parts: string[]): string => join(folder, ...parts);

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cmedl-experiment-"));
  await writePhantoms(at("data", "ct"), "CT", { count: 4 });
  await writePhantoms(at("data", "mr"), "MR", { count: 4 });
  await writeFile(
    at("data", "splits.json"),
    JSON.stringify({
      train_ct: ["ct-001", "ct-002"],
      train_mr: ["mr-001", "mr-002"],
      val: ["ct-003"],
      test: ["ct-004", "mr-003"],
    }),
  );
});
test.after(() => rm(folder, { recursive: true, force: true }));

/** Two rows, the smallest that are rows: hints against outputs, without the losses that take long to compile. */
const request = (...more: string[]): string[] => [
  "experiment",
  "distillation",
  "--data",
  at("data"),
  "--segmentors",
  "unet",
  "--out",
  at("out"),
  "--size",
  "32",
  "--width",
  "2",
  "--blocks",
  "0",
  "--epochs",
  "2",
  "--steps",
  "2",
  "--set",
  "losses.weights.cx=0",
  "--set",
  "losses.weights.adv=0",
  ...more,
];
const stepsOf = async (run: string): Promise<number[]> =>
  (await readFile(at("out", "runs", run, "log.jsonl"), "utf8").catch(() => ""))
    .trim()
    .split("\n")
    .filter(Boolean)
    .map((l) => JSON.parse(l) as { event: string; steps: number })
    .filter((e) => e.event === "step")
    .map((e) => e.steps);
const first = "output-distillation-unet-seed0";
const second = "cmedl-unet-seed0";

test("Ctrl-C saves, the same command goes on and prints the table, and once more trains nothing", async () => {
  const child = spawn(process.execPath, await commandLine(request()), {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, CMEDL_DEVICE: "" },
  });
  let stderr = "";
  child.stderr.on("data", (d: Buffer) => (stderr += d.toString()));
  const code = new Promise<number | null>((done) => child.on("exit", done));
  const poll = setInterval(
    () =>
      void stepsOf(first).then((s) => {
        if (s.length > 0 && !child.killed) child.kill("SIGINT");
      }),
    20,
  );
  assert.is(await code, 130, stderr);
  clearInterval(poll);
  assert.match(stderr, /everything is saved, go on with the same `cmedl experiment distillation …`/);

  const { exitCode, stdout, stderr: said } = await cmedl(request());
  assert.is(exitCode, 0, said);
  assert.match(said, /2 epochs of 2 steps a run, as it was begun/);
  if (!(await readFile(at("out", "runs", first, "STATUS"), "utf8")).startsWith("finished\n"))
    assert.match(said, /going on with output-distillation-unet-seed0 at epoch/);
  for (const run of [first, second]) assert.equal(await stepsOf(run), [1, 2, 3, 4]);
  assert.match(stdout, /Unet\s+Outputs(?: †)?\s+\d\.\d{3}/);
  assert.match(stdout, /Hints(?: †)?\s+\d\.\d{3}/);
  assert.match(stdout, /with 1 cases? no p can fall below 0\.05/);
  assert.match(stdout, /0\.72 ± 0\.18/);
  const results = JSON.parse(await readFile(at("out", "results.json"), "utf8")) as {
    rows: unknown[];
    runs: { cases: Record<string, Record<string, number>> }[];
  };
  assert.is(results.rows.length, 2);
  const found = results.runs[0]!.cases;
  assert.equal(Object.keys(found), ["ct-004"], 'the list "test" of splits.json is tested on');
  assert.ok(Number.isFinite(found["ct-004"]!.HD95));
  assert.match(await readFile(at("out", "table.md"), "utf8"), /\| Unet \| Outputs(?: †)? \|/);
  assert.match(await readFile(at("out", "table.csv"), "utf8"), /^network,method,DSC mean/);

  const written = (await stat(at("out", "runs", second, "checkpoints", "best.safetensors"))).mtimeMs;
  const again = await cmedl(request());
  assert.is(again.exitCode, 0, again.stderr);
  assert.match(again.stderr, /cmedl-unet-seed0 is trained already/);
  assert.not.match(again.stderr, /compiling/);
  assert.is((await stat(at("out", "runs", second, "checkpoints", "best.safetensors"))).mtimeMs, written);
  assert.is(again.stdout.replace(/took.*/, ""), stdout.replace(/took.*/, ""));
  const asJson = await cmedl([...request(), "--json"]);
  assert.equal(JSON.parse(asJson.stdout), JSON.parse(await readFile(at("out", "results.json"), "utf8")));
});

for (const [name, args, exitCode, sentence] of [
  [
    "other settings into the same folder",
    () => request("--batch", "1"),
    2,
    /out was begun with other settings: optimization\.batch was not given, now 1; give the same, or name a new folder/,
  ],
  [
    "another experiment into the same folder",
    () => request().with(1, "hints"),
    2,
    /out holds the experiment distillation, not hints/,
  ],
  ["no such experiment", () => ["experiment", "table2"], 2, /table2 is no experiment; choose one of table1, table3/],
  [
    "no data",
    () => ["experiment", "table1"],
    2,
    /no data was named; give --student and --teacher, --data FOLDER, or --data phantom/,
  ],
  [
    "a folder without ct/ and mr/",
    () => ["experiment", "table1", "--data", folder],
    2,
    /ct does not exist: --data .* must hold ct\/ and mr\//,
  ],
  [
    "more folds than patients",
    () => request("--folds", "9", "--out", at("folds")),
    2,
    /--folds 9: there are 4 patients; give at most that many folds/,
  ],
] as const) {
  test(`${name}: exit ${exitCode} and one sentence`, async () => {
    const { exitCode: code, stderr, stdout } = await cmedl([...args(), "-q"]);
    assert.is(code, exitCode, stderr);
    assert.is(stdout, "");
    assert.match(stderr, sentence, stderr);
    assert.is(stderr.trim().split("\n").length, 1, stderr);
  });
}

test("a test stands for the way in which it was made alone", async () => {
  const settings = { data: "here" };
  const experiment = await ExperimentFolder.open(at("methods"), "table5", settings);
  await mkdir(experiment.runPath("a"), { recursive: true });
  const ids = ["ct-004"];
  const how = { toleranceMm: 3, tests: "translation" } as const;
  const found = { "ct-004": { KL: 1, SSIM: NaN, PSNR: NaN } };
  await experiment.writeEvaluation("a", "a", how, found);
  assert.is((await experiment.evaluation("a", "a", how, ids))?.["ct-004"]?.KL, 1);
  assert.is(await experiment.evaluation("a", "a", how, ["ct-005"]), undefined);
  assert.is(await experiment.evaluation("a", "a", { ...how, paired: "/mr" }, ids), undefined);
  assert.is(await experiment.evaluation("a", "a", { ...how, toleranceMm: 2 }, ids), undefined);
  assert.is(await experiment.evaluation("a", "a", { toleranceMm: 3 }, ids), undefined);
});

test("--paired is refused where nothing is tested against it", async () => {
  const paired = ["--paired", at("data", "mr")];
  const masks = await cmedl(["experiment", "table1", "--data", at("data"), ...paired]);
  assert.is(masks.exitCode, 2);
  assert.match(masks.stderr, /only table5 tests pseudo images; leave it out/);
  const phantoms = await cmedl(["experiment", "table5", "--data", "phantom", ...paired]);
  assert.is(phantoms.exitCode, 2);
  assert.match(phantoms.stderr, /phantoms have real images of their own/);
});

test("times are read, and others refused", () => {
  assert.equal(["90s", "20m", "2h", "1h30m", "1.5h"].map(secondsIn), [90, 1200, 7200, 5400, 5400]);
  for (const text of ["", "20", "0s", "-5m", "5d", "m"]) assert.throws(() => secondsIn(text), /give a time/);
});

test("settings that differ are named by their place", () => {
  assert.equal(differences({ a: { b: 1, c: [1, 2] }, d: 3 }, { a: { b: 2, c: [1, 2] } }), [
    "a.b was 1, now 2",
    "d was 3, now not given",
  ]);
  assert.equal(differences({ a: [1] }, { a: [1] }), []);
});

test("time left follows what was measured, and how long runs really took", () => {
  const pace = new Pace(["a", "b", "c"], { a: 10, b: 20, c: 30 });
  assert.is(pace.left, 60);
  pace.done("a", 20);
  assert.is(pace.left, 100);
  pace.done("b");
  assert.is(pace.left, 60);
  const unknown = new Pace(["a", "b", "c"], {});
  assert.ok(Number.isNaN(unknown.left));
  unknown.done("a", 7);
  assert.is(unknown.left, 14);
  unknown.done("b", 7);
  unknown.done("c", 7);
  assert.is(unknown.left, 0);
});

test.run();
