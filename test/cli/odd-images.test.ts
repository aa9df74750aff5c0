// Folders that are swapped, and images that are not like those of training, are refused in one sentence, unless
// --force.
import { existsSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RunStatistics } from "../../train/statistics.ts";
import { writePhantoms } from "../helpers/phantom-folder.ts";
import { cmedl } from "./command.ts";

const test = suite("odd images");
let folder = "";
const at = (...parts: string[]): string => join(folder, ...parts);
const tiny = ["--size", "32", "--width", "2", "--blocks", "1", "--batch", "2", "--steps", "1", "--epochs", "1"];

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cmedl-odd-"));
  await writePhantoms(at("ct"), "CT");
  await writePhantoms(at("mr"), "MR");
  await writePhantoms(at("stored"), "CT", { image: (values) => values.map((v) => v + 1024) });
});
test.after(() => rm(folder, { recursive: true, force: true }));

test("train and experiment refuse folders that are swapped, and CT that is not in HU", async () => {
  const swapped = await cmedl(["train", "--student", at("mr"), "--teacher", at("ct"), "--out", at("swapped"), ...tiny]);
  assert.is(swapped.exitCode, 3, swapped.stderr);
  assert.match(
    swapped.stderr,
    /cmedl: .*mr: values: of mr-\d+ and 1 others, of 2 images: 0 % of the voxels lie between −1100 and −50.*not swapped.*--force/,
  );
  const stored = await cmedl(["train", "--student", at("stored"), "--teacher", at("mr"), "--out", at("s"), ...tiny]);
  assert.is(stored.exitCode, 3);
  assert.match(stored.stderr, /HU \+ 1024: export the image again with its rescale slope and intercept/);
  const teacher = await cmedl(["train", "--student", at("ct"), "--teacher", at("stored"), "--out", at("t"), ...tiny]);
  assert.is(teacher.exitCode, 0, "stored values may be MR's");
  const table = await cmedl([
    "experiment",
    "hints",
    "--student",
    at("mr"),
    "--teacher",
    at("ct"),
    "--out",
    at("x"),
    ...tiny.slice(0, 2),
  ]);
  assert.is(table.exitCode, 3, table.stderr);
});

test("a dry run reads and compiles, and writes nothing", async () => {
  const before = await readdir(folder);
  const dry = await cmedl(["train", "--student", at("ct"), "--preset", "ct-only", ...tiny, "--dry-run"]);
  assert.is(dry.exitCode, 0, dry.stderr);
  assert.match(
    dry.stderr,
    /student: .*\ncompiling .*\ncompiled in .* dispatches a step, .* MiB\na run takes \d+ MiB of the GPU.* an epoch of 1 step, .* for 1 epoch, /,
  );
  assert.is(dry.stdout, "");
  assert.equal(await readdir(folder), before);
  // Slices that are more than may be in memory are somewhere else, and gone with it.
  const small = ["--dry-run", "--out", at("tried"), "--max-memory", "1KB"];
  const streamed = await cmedl(["train", "--student", at("ct"), "--preset", "ct-only", ...tiny, ...small]);
  assert.is(streamed.exitCode, 0, streamed.stderr);
  assert.equal(await readdir(folder), before);
  const [, cache = ""] = /read from disk as they are needed; (.*) holds /.exec(streamed.stderr) ?? [];
  assert.ok(cache !== "" && !existsSync(cache), streamed.stderr);
});

test("a run keeps what its images are like; predict refuses others, unless --force; old runs go on", async () => {
  const run = at("run");
  const trained = await cmedl(["train", "--student", at("ct"), "--out", run, "--preset", "ct-only", ...tiny]);
  assert.is(trained.exitCode, 0, trained.stderr);
  const kept = JSON.parse(await readFile(join(run, "statistics.json"), "utf8")) as RunStatistics;
  assert.is(kept.student.images, 2);
  assert.ok(kept.student.air[0] > 0.2 && Math.abs(kept.student.airPeak[0] + 1000) < 60);

  const predict = (image: string, ...flags: string[]) => cmedl(["predict", run, image, "-o", at("m.nii"), ...flags]);
  const ct = at("ct", "ct-003_image.nii.gz");
  assert.is((await predict(ct)).exitCode, 0);
  await rm(at("m.nii"));
  const mr = await predict(at("mr", "mr-001_image.nii.gz"));
  assert.is(mr.exitCode, 3);
  assert.match(mr.stderr, /mr-001_image.nii.gz: values: .* those of the training images: .*seems to be MR.*--force/);
  const stored = await predict(at("stored", "ct-001_image.nii.gz"));
  assert.is(stored.exitCode, 3);
  assert.match(stored.stderr, /subtract 1024/);
  const forced = await predict(at("stored", "ct-001_image.nii.gz"), "--force");
  assert.is(forced.exitCode, 0, forced.stderr);
  assert.match(forced.stderr, /going on by --force: .*values/);

  const moved = await cmedl(["train", "--resume", run, "--epochs", "2", "--student", at("stored")]);
  assert.is(moved.exitCode, 3, "the data moved, and is other data");
  await rm(join(run, "statistics.json"));
  assert.is((await predict(at("mr", "mr-001_image.nii.gz"), "--force")).exitCode, 0);
  await rm(at("m.nii"));
  assert.is((await predict(at("mr", "mr-001_image.nii.gz"))).exitCode, 0, "a run without statistics compares nothing");
});

test.run();
