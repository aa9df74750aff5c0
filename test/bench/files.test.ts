// What the bench finds by words, keeps between runs, and watches.
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { matches, nearest } from "../../bench/cases/case.ts";
import { watchDriver } from "../../bench/measure/driver-time.ts";
import { keptPeaks, peaksFile } from "../../bench/measure/peaks-file.ts";
import { readReport } from "../../bench/say/report-file.ts";
import { heldAgainst } from "../../bench/say/report.ts";
import { rowCells } from "../../bench/say/cells.ts";
import { eachText } from "../../bench/watch.ts";

const test = suite("bench files");
let folder = "";
const cache = process.env.XDG_CACHE_HOME;
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cmedl-bench-"));
  process.env.XDG_CACHE_HOME = folder;
});
test.after(async () => {
  if (cache === undefined) delete process.env.XDG_CACHE_HOME;
  else process.env.XDG_CACHE_HOME = cache;
  await rm(folder, { recursive: true });
});

const names = ["conv 3×3 64→64 @64×64 fwd", "conv 3×3 164→64 @64×640 dw", "max-pool 2×2/2 64 @128×128 fwd"];
const cases = names.map((name) => ({ group: "kernel", name }) as const);
const found = (...words: string[]): number[] => cases.flatMap((c, i) => (matches(c, words) ? [i] : []));

test("filters are plain letters, and whole numbers", () => {
  assert.equal(found("conv", "3x3", "64-64", "64x64"), [0]);
  assert.equal(found("3×3", "164→64"), [1]);
  assert.equal(found("conv", "164>64", "dw"), [1]);
  assert.equal(found("kernel", "FWD"), [0, 2]);
  assert.equal(found("2x2/2"), [2]);
});

test("what no case has is answered with the nearest names, as they can be typed", () => {
  assert.is(nearest(cases, ["conv", "3x3", "64-65"])[0], "conv 3x3 64-64 @64x64 fwd");
  assert.is(nearest(cases, ["maxpool"])[0], "max-pool 2x2/2 64 @128x128 fwd");
  assert.ok(found(nearest(cases, ["maxpool"])[0]).includes(2));
});

test("peaks are measured once for an adapter and a clock, and again when asked to", async () => {
  let measured = 0;
  const measure = async () => ({ gflops: ++measured, gbs: 1 });
  const peaks = async (adapter: string, again = false) =>
    (await keptPeaks({ adapter, clock: "cpu", again }, measure)).peaks.gflops;
  assert.equal(
    [await peaks("a"), await peaks("a"), await peaks("b"), await peaks("a", true), await peaks("a")],
    [1, 1, 2, 3, 3],
  );
  await writeFile(peaksFile(), "not JSON");
  assert.is(await peaks("a"), 4);
  await writeFile(peaksFile(), JSON.stringify({ "a | cpu": { gflops: "much" } }));
  assert.is(await peaks("a"), 5);
});

test("the clock of later threads' time runs with them, not with this one, and never goes back", async () => {
  const clock = watchDriver();
  if (!clock) return console.log("this system tells no times of threads: not tested");
  const before = clock();
  for (const end = performance.now() + 30; performance.now() < end; );
  const meanwhile = clock() - before;
  const worker = new Worker("for (const end = Date.now() + 60; Date.now() < end; );", { eval: true });
  await new Promise((done) => worker.once("online", done));
  let ran = clock();
  while (ran === before) ran = clock();
  await new Promise((done) => worker.once("exit", done));
  const after = clock();
  assert.ok(meanwhile < 20 && after >= ran && after > before, `${before} ${meanwhile} ${ran} ${after}`);
});

test("a row is held against peaks of its own clock, told what bounds it, and marked above 100 %", () => {
  const of = (clock: "cpu" | "wall", ms: number) =>
    heldAgainst({ gflops: 10, gbs: 10, clock: "cpu" }, { flops: 1e8, bytes: 1e6, clock, ms });
  assert.equal(of("cpu", 20), { ofPeak: 0.5, bound: "arithmetic" });
  assert.equal(of("wall", 20), {});
  const ms = { median: 5, p10: 5, p90: 5, samples: 9 };
  assert.is(rowCells({ name: "a", group: "kernel", clock: "cpu", ms, ...of("cpu", 5) })[5], "200 !");
});

test("a file that is no report is refused by name", async () => {
  const file = join(folder, "other.json");
  await writeFile(file, "{}");
  const message = await readReport(file).then(
    () => "",
    (error: Error) => error.message,
  );
  assert.match(message, /other\.json: holds no results of a bench/);
});

test("a watched file is read at once, after each save, and after it was replaced; not when nothing changed", async () => {
  const file = join(folder, "k.wgsl");
  await writeFile(file, "one");
  const stop = new AbortController();
  const texts: string[] = [];
  const seen = (count: number): Promise<void> =>
    new Promise((done) => {
      const look = (): void => void (texts.length >= count ? done() : setTimeout(look, 5));
      look();
    });
  const watching = eachText(file, async (text) => void texts.push(text), stop.signal);
  await seen(1);
  await writeFile(file, "two");
  await seen(2);
  await writeFile(join(folder, "new"), "three");
  await rename(join(folder, "new"), file);
  await seen(3);
  await writeFile(file, "three");
  await writeFile(file, "four");
  await seen(4);
  stop.abort();
  await watching;
  assert.equal(texts, ["one", "two", "three", "four"]);
});

test.run();
