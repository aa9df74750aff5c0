// `cmedl experiment pays` as a user runs it: two rows by one seed, then one row by two seeds in the same folder; and
// what bad requests say.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cmedl, commandLine } from "./command.ts";

const test = suite("experiment pays");
let folder = "";
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cmedl-pays-"));
});
test.after(() => rm(folder, { recursive: true, force: true }));
const at = (...parts: string[]): string => join(folder, "out", ...parts);

/** Two rows of four steps, without the losses that take long to compile. */
const request = (seeds: number, rows: string, ...more: string[]): string[] => [
  ...["experiment", "pays", "--data", "phantom", "--out", at(), "--seeds", String(seeds), "--rows", rows],
  ...["--student-cases", "1", "--steps", "4", "--generator", "2"],
  ...["--set", "losses.weights.cx=0", "--set", "losses.weights.adv=0", "--set", "networks.segmentor.width=2"],
  ...more,
];
const lastStep = (run: string): string => at("runs", run, "checkpoints", "step-00000004.safetensors");

test("rows are trained side by side, tested on 48 patients and compared; more seeds train only what is new", async () => {
  const one = await cmedl(request(1, "ct,pmri", "--jobs", "2"));
  assert.is(one.exitCode, 0, one.stderr);
  assert.match(one.stderr, /^process 2: tested: Dice .* at the last epoch/m);
  assert.match(one.stderr, /2 runs of 4 epochs of 1 step; the primary measure is Dice at the last epoch/);
  assert.match(one.stdout, /Differences at the last epoch \(primary\)/);
  assert.match(one.stdout, /CMEDL\+pMRI against CT only: /);
  assert.is((await readFile(at("table.csv"), "utf8")).trim().split("\n").length, 5);
  const written = (await stat(lastStep("ct-k1-seed0"))).mtimeMs;

  const { exitCode, stdout, stderr } = await cmedl(request(2, "ct"));
  assert.is(exitCode, 0, stderr);
  assert.match(stderr, /ct-k1-seed0 is trained already/);
  assert.is((await stat(lastStep("ct-k1-seed0"))).mtimeMs, written);
  assert.match(stdout, /1 patient\s+CT only\s+\d\.\d{3} ± \d\.\d{3}/);
  assert.match(stdout, /with 2 seeds no p can fall below 0\.05/);

  const results = JSON.parse((await cmedl([...request(2, "ct"), "--json"])).stdout) as {
    primary: string;
    conclusions: string[];
    runs: { run: string; last: { epochs: number; dice: Record<string, number> }; best: { epochs: number } }[];
  };
  assert.equal(results, JSON.parse(await readFile(at("results.json"), "utf8")));
  assert.is(results.primary, "last");
  assert.equal(
    results.runs.map((r) => r.run),
    ["ct-k1-seed0", "ct-k1-seed1"],
  );
  for (const { last, best } of results.runs) {
    assert.is(Object.keys(last.dice).length, 48);
    assert.ok(last.epochs === 4 && best.epochs >= 1 && best.epochs <= 4);
  }
  assert.match(await readFile(at("table.md"), "utf8"), /\| 1 patient \| CT only \|/);
  assert.match(await readFile(at("learning-curve.csv"), "utf8"), /^row,1\nCT only,/);
});

test("a run may be a task of its own; the tables are collected, and what is missing is named", async () => {
  const only = await cmedl([...request(3, "ct"), "--only", "ct-k1-seed2"]);
  assert.equal([only.exitCode, only.stdout], [0, "trained and tested: ct-k1-seed2\n"], only.stderr);
  await rm(at("runs", "ct-k1-seed1"), { recursive: true });
  const { exitCode, stdout, stderr } = await cmedl([...request(3, "ct"), "--collect"]);
  assert.is(exitCode, 0, stderr);
  assert.match(stdout, /2 of 3 runs are in; missing: ct-k1-seed1/);
  assert.not.match(stderr, /compiled in/, "nothing is trained");
});

test("an engine's file is written once, where the command is given, with the command and its runs", async () => {
  const beside = await mkdtemp(join(tmpdir(), "cmedl-emit-"));
  const [node, ...args] = [process.execPath, ...(await commandLine([...request(2, "ct"), "--emit", "local"]))];
  const emit = (): Promise<{ stdout: string }> => promisify(execFile)(node, args, { cwd: beside });
  try {
    assert.match((await emit()).stdout, /^cmedl\.sh: 2 runs\nJOBS=2 bash cmedl\.sh trains two runs at a time/);
    const script = await readFile(join(beside, "cmedl.sh"), "utf8");
    assert.match(script, /--rows ct --student-cases 1 --steps 4 /);
    assert.match(script, /ct-k1-seed0 ct-k1-seed1/);
    await emit().then(
      () => assert.unreachable(),
      (error: { code: number; stderr: string }) => {
        assert.is(error.code, 7);
        assert.match(error.stderr, /cmedl\.sh: is there already; move it away/);
      },
    );
  } finally {
    await rm(beside, { recursive: true });
  }
});

for (const [name, args, sentence] of [
  [
    "a run that is none",
    () => [...request(2, "ct"), "--only", "ct-k1-seed7"],
    /--only ct-k1-seed7: ct-k1-seed7 is no run/,
  ],
  [
    "tables of nothing",
    () => [...request(2, "ct"), "--out", at("empty"), "--collect"],
    /--collect: .*empty holds no experiment yet/,
  ],
  ["other settings into the same folder", () => request(2, "ct", "--generator", "3"), /generator was 2, now 3/],
  ["a row that is none", () => request(2, "ct,cmedl"), /--rows ct,cmedl: cmedl is none of ct, ct-intensity,/],
  ["steps that make no whole epochs", () => request(2, "ct", "--steps", "30"), /--steps 30: give a multiple of 20/],
  ["too many patients", () => request(2, "ct", "--student-cases", "13"), /--student-cases 13: 12 patients can train/],
  ["a cache of phantoms", () => request(2, "ct", "--cache", "slices"), /--cache slices: phantoms are made on the spot/],
  ["no data", () => ["experiment", "pays"], /no data was named/],
] as const) {
  test(`${name}: exit 2 and one sentence`, async () => {
    const { exitCode, stderr, stdout } = await cmedl([...args(), "-q"]);
    assert.is(exitCode, 2, stderr);
    assert.is(stdout, "");
    assert.match(stderr, sentence);
    assert.is(stderr.trim().split("\n").length, 1, stderr);
  });
}

test.run();
