// What `cmedl report` finds in a run's networks: feature maps by itself, t-SNE maps where they are asked for.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { mkdtemp, readFile, readdir, rename, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FeatureClustersRecord } from "../../report/page/features-section.ts";
import { writePhantoms } from "../helpers/phantom-folder.ts";
import { cmedl } from "./command.ts";

const test = suite("report: features of a run");
let folder = "";
const at = (...parts: string[]): string => join(folder, ...parts);
const json = async (...parts: string[]) => JSON.parse(await readFile(at(...parts), "utf8"));

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cmedl-report-"));
  await writePhantoms(at("ct"), "CT", { size: 32, slices: 4, count: 4 });
  await writePhantoms(at("mr"), "MR", { size: 32, slices: 4 });
  const flags = ["--size", "32", "--width", "3", "--blocks", "1", "--batch", "2", "--steps", "2", "--epochs", "1"];
  const trained = await cmedl(["train", "--student", at("ct"), "--teacher", at("mr"), "--out", at("run"), ...flags]);
  assert.is(trained.exitCode, 0, trained.stderr);
});
test.after(() => rm(folder, { recursive: true, force: true }));

test("feature maps of student and teacher stand on the page, and are made once", async () => {
  const { exitCode, stdout, stderr } = await cmedl(["report", at("run")]);
  assert.is(exitCode, 0, stderr);
  assert.is(stdout, `${at("run", "report.html")}\n`);
  const { steps, layers } = await json("run", "features", "maps.json");
  assert.is(steps, 2);
  assert.equal(
    layers.map(({ shape }: { shape: number[] }) => shape),
    [
      [16, 16, 3],
      [32, 32, 3],
    ],
  );
  const page = await readFile(at("run", "report.html"), "utf8");
  assert.match(page, "Last decoder stage, 32 × 32 × 3");
  assert.is(page.split("channels 1 to 3</figcaption>").length - 1, 4);
  const { mtimeMs } = await stat(at("run", "features", "maps.json"));
  assert.is((await cmedl(["report", at("run")])).exitCode, 0);
  assert.is((await stat(at("run", "features", "maps.json"))).mtimeMs, mtimeMs);
});

test("t-SNE maps each layer of both networks, as many pixels of both kinds, and stays on later pages", async () => {
  const flags = ["--tsne", "--tsne-points", "120", "--tsne-iterations", "20", "--tsne-perplexity", "5"];
  const { exitCode, stderr } = await cmedl(["report", at("run"), ...flags]);
  assert.is(exitCode, 0, stderr);
  assert.match(stderr, /t-SNE of last decoder stage, teacher 20\/20 {2}KL \d\.\d+/);
  const { maps, perplexity, iterations }: FeatureClustersRecord = await json("run", "features", "tsne.json");
  assert.equal([perplexity, iterations], [5, 20]);
  assert.equal(
    maps.map(({ layer, network }) => `${layer}, ${network}`),
    ["last decoder stage but one", "last decoder stage"].flatMap((l) => [`${l}, student`, `${l}, teacher`]),
  );
  for (const { labels, positions, channels } of maps) {
    assert.is(channels, 3);
    assert.ok(labels.length > 15 && labels.length <= 120, `${labels.length}`);
    assert.is(2 * labels.reduce((sum, v) => sum + v, 0), labels.length);
    assert.is(positions.length, 2 * labels.length);
  }
  assert.is((await cmedl(["report", at("run"), "-o", at("later.html")])).exitCode, 0);
  assert.match(await readFile(at("later.html"), "utf8"), "Perplexity 5, 20 iterations");
});

test("too few pixels for the perplexity, and wrong numbers, are told", async () => {
  const few = await cmedl(["report", at("run"), "--tsne", "--tsne-points", "20"]);
  assert.is(few.exitCode, 2);
  assert.match(few.stderr, /a perplexity of 60 needs at least 181 points, got \d+/);
  const wrong = await cmedl(["report", at("run"), "--tsne", "--tsne-iterations", "many"]);
  assert.is(wrong.exitCode, 2);
  assert.match(wrong.stderr, /--tsne-iterations many is no whole number from 1 on/);
  for (const flag of ["--tsne-points", "--tsne-iterations", "--tsne-perplexity"]) {
    const { exitCode, stderr } = await cmedl(["report", at("run"), flag, "100"]);
    assert.is(exitCode, 2);
    assert.match(stderr, `${flag} goes with --tsne alone`);
  }
});

test("without its data a run has a report still, and it is said what is left out", async () => {
  await rename(at("ct"), at("gone"));
  await rm(at("run", "features"), { recursive: true });
  const { exitCode, stderr } = await cmedl(["report", at("run")]);
  assert.is(exitCode, 0, stderr);
  assert.match(stderr, /feature maps are left out: .*ct, which the run was trained on, is gone; put it back/);
  assert.not.match(await readFile(at("run", "report.html"), "utf8"), "<h2>Features");
  assert.not.ok((await readdir(at("run"))).includes("features"));
  const asked = await cmedl(["report", at("run"), "--tsne"]);
  assert.is(asked.exitCode, 3);
  await rename(at("gone"), at("ct"));
});

test.run();
