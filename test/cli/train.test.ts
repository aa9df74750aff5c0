// The main job on tiny folders of NIfTI, as a user runs it: train, interrupt, resume, predict, and what bad input says.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { spawn } from "node:child_process";
import { copyFile, cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { parseNifti, writeNifti } from "../../data/formats/nifti.ts";
import { phantomSet } from "../../data/synthetic.ts";
import { readStructureSet, readVolume } from "../../node/dataset/index.ts";
import { seriesBytes } from "../data/dicom-writer.ts";
import { writePhantoms } from "../helpers/phantom-folder.ts";
import { cmedl, commandLine } from "./command.ts";

const test = suite("train and predict");
let folder = "";
const at = (...parts: string[]): string => join(folder, ...parts);

/** Flags of the smallest run that is a run. */
const tiny = ["--size", "32", "--width", "2", "--blocks", "1", "--batch", "2", "--steps", "3"];
const data = (): string[] => ["--student", at("ct"), "--teacher", at("mr")];

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cmedl-train-"));
  await writePhantoms(at("ct"), "CT");
  await writePhantoms(at("mr"), "MR");
});
test.after(() => rm(folder, { recursive: true, force: true }));

interface StepEvent {
  event: string;
  steps: number;
  losses: Record<string, number>;
}
const stepEvents = async (run: string): Promise<StepEvent[]> =>
  (await readFile(join(run, "log.jsonl"), "utf8"))
    .trim()
    .split("\n")
    .map((l) => JSON.parse(l) as StepEvent)
    .filter((e) => e.event === "step");

test("train writes a run's folder; predict writes a mask with the image's geometry", async () => {
  const run = at("run");
  const trained = await cmedl(["train", ...data(), "--out", run, ...tiny, "--epochs", "2"]);
  assert.is(trained.exitCode, 0, trained.stderr);
  assert.is(trained.stdout, `${run}\n`);
  for (const name of [
    "config.yaml",
    "results.csv",
    "report.html",
    "events.out.tfevents.cmedl",
    "pictures/epoch-001.svg",
    "pictures/epoch-002.svg",
    "checkpoints/best.safetensors",
    "checkpoints/step-00000006.safetensors",
  ])
    await readFile(join(run, name));
  const [status, ...signs] = (await readFile(join(run, "STATUS"), "utf8")).trim().split("\n");
  assert.is(status, "finished");
  for (const sign of signs) assert.match(sign, /^[a-z-]+: .+; .+/, "a sign of a collapse with its mend");
  const steps = await stepEvents(run);
  assert.equal(
    steps.map((s) => s.steps),
    [1, 2, 3, 4, 5, 6],
  );
  for (const name of [
    "lossG",
    "advM",
    "cycC",
    "cx",
    "hintG",
    "segPMG",
    "lossDM",
    "lossDC",
    "diceCT",
    "dicePM",
    "diceRM",
    "hintS",
    "lossS",
  ])
    assert.ok(Number.isFinite(steps[0]!.losses[name]), name);
  const image = (await readdir(at("ct"))).find((n) => n.includes("_image"))!;
  const predicted = await cmedl(["predict", run, at("ct", image), "-o", at("mask.nii.gz")]);
  assert.is(predicted.exitCode, 0, predicted.stderr);
  const x = await readVolume(at("ct", image));
  const mask = parseNifti(new Uint8Array(await readFile(at("mask.nii.gz"))), "mask");
  assert.equal(mask.shape, x.shape);
  assert.equal(mask.affine, x.affine);
  const again = await cmedl(["predict", run, at("ct", image), "-o", at("mask.nii.gz")]);
  assert.is(again.exitCode, 7);
  assert.match(again.stderr, /mask\.nii\.gz: exists already; .*--force/);

  // The same image as a DICOM series: the same mask, as segments beside it.
  await mkdir(at("series"));
  for (const [z, bytes] of seriesBytes(x).entries()) await writeFile(at("series", `${z}`), bytes);
  const asSeg = await cmedl(["predict", run, at("series"), "-o", at("mask.dcm"), "--format", "seg"]);
  assert.is(asSeg.exitCode, 0, asSeg.stderr);
  const segments = (await readStructureSet(at("mask.dcm")))!;
  assert.equal(segments.names, ["tumour"]);
  assert.equal([...(await segments.draw(segments.names, await readVolume(at("series")))).data], [...mask.data]);
});

test("--json prints the records of log.jsonl and nothing else, and last what came of the run", async () => {
  const run = at("told");
  const flags = ["--preset", "ct-only", "--student", at("ct"), ...tiny, "--epochs", "1", "--json"];
  const dry = await cmedl(["train", ...flags, "--dry-run", "-q"]);
  assert.is(dry.exitCode, 0, dry.stderr);
  const estimate = JSON.parse(dry.stdout) as { event: string; secondsPerStep: number; hostBytes: number };
  assert.is(estimate.event, "estimate");
  assert.ok(estimate.secondsPerStep > 0 && estimate.hostBytes > 0, dry.stdout);
  const { exitCode, stdout, stderr } = await cmedl(["train", ...flags, "--out", run]);
  assert.is(exitCode, 0, stderr);
  const lines = stdout.trim().split("\n");
  assert.equal(lines.slice(0, -1), (await readFile(join(run, "log.jsonl"), "utf8")).trim().split("\n"));
  const { validationLoss, dice, ...done } = JSON.parse(lines.at(-1)!) as Record<string, unknown>;
  assert.equal(done, { event: "done", run, epoch: 1, checkpoint: join(run, "checkpoints/best.safetensors") });
  const epoch = JSON.parse(lines.at(-2)!) as { event: string; validationLoss: number; dice: number };
  assert.equal([epoch.event, epoch.validationLoss, epoch.dice], ["epoch", validationLoss, dice]);
});

test("Ctrl-C finishes the step, saves and exits 130; a resume goes on with the same numbers", async () => {
  const run = at("stopped");
  const child = spawn(
    process.execPath,
    await commandLine(["train", ...data(), "--out", run, ...tiny, "--epochs", "2"]),
    { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, CMEDL_DEVICE: "" } },
  );
  let stderr = "";
  child.stderr.on("data", (d: Buffer) => (stderr += d.toString()));
  const code = new Promise<number | null>((done) => child.on("exit", done));
  const poll = setInterval(
    () =>
      void stepEvents(run).then(
        (s) => {
          if (s.length < 2 || child.killed) return;
          child.kill("SIGINT");
          clearInterval(poll);
        },
        () => {},
      ),
    20,
  );
  assert.is(await code, 130, stderr);
  clearInterval(poll);
  assert.match(stderr, /everything is saved, go on with `cmedl train --resume/);
  assert.is((await readFile(join(run, "STATUS"), "utf8")).split("\n")[0], "interrupted");
  const done = (await stepEvents(run)).length;
  assert.ok(done < 6, `${done} steps were done before the interrupt`);
  // Another process trains it: this one, as the lock says.
  await writeFile(join(run, "LOCK"), JSON.stringify({ host: hostname(), pid: process.pid, began: null, since: "now" }));
  const second = await cmedl(["train", "--resume", run]);
  assert.is(second.exitCode, 7);
  assert.match(second.stderr, /stopped: is being trained by process \d+ on .*; wait for it/);
  await rm(join(run, "LOCK"));
  // The data has moved since.
  for (const name of ["ct", "mr"]) await cp(at(name), at(`moved-${name}`), { recursive: true });
  const moved = ["--student", at("moved-ct"), "--teacher", at("moved-mr")];
  const resumed = await cmedl(["train", "--resume", run, ...moved]);
  assert.is(resumed.exitCode, 0, resumed.stderr);
  assert.match(await readFile(join(run, "config.yaml"), "utf8"), /moved-ct/);
  const starts = JSON.parse(await readFile(join(run, "environment.json"), "utf8")) as Record<string, unknown>[];
  assert.equal(
    starts.map(({ steps }) => steps),
    [0, done],
  );
  for (const start of starts)
    for (const field of ["at", "cmedl", "node", "adapter", "command"]) assert.ok(start[field], field);
  assert.equal(
    await stepEvents(run).then((s) => s.map((e) => [e.steps, e.losses])),
    await stepEvents(at("run")).then((s) => s.map((e) => [e.steps, e.losses])),
  );
});

test("a run that ended before its first checkpoint is begun by --resume, with the same numbers", async () => {
  await mkdir(at("early"));
  await copyFile(at("run", "config.yaml"), at("early", "config.yaml"));
  const resumed = await cmedl(["train", "--resume", at("early")]);
  assert.is(resumed.exitCode, 0, resumed.stderr);
  const [early, whole] = [await stepEvents(at("early")), await stepEvents(at("run"))];
  assert.equal(
    early.map((e) => e.losses),
    whole.map((e) => e.losses),
  );
});

for (const [name, args, exitCode, sentence] of [
  [
    "a missing folder",
    () => ["--student", at("nowhere"), "--teacher", at("mr")],
    3,
    /nowhere: folder: does not exist; check the path/,
  ],
  ["an empty set", () => ["--student", at("empty"), "--teacher", at("mr")], 3, /empty: .*; /],
  [
    "a mask of another shape",
    () => ["--student", at("shape"), "--teacher", at("mr")],
    3,
    /_mask\.nii\.gz: dim: .* is not the .*; resample the mask/,
  ],
  ["a NIfTI of colours", () => ["--student", at("colour"), "--teacher", at("mr")], 3, /_image\.nii: datatype: .*; /],
  ["no teacher", () => ["--student", at("ct")], 2, /--teacher is missing/],
  ["an unknown option", () => [...data(), "--widht", "3"], 2, /unknown option '--widht'; did you mean --width\?/],
  ["a size that does not halve", () => [...data(), "--size", "50"], 2, /multiple of 16/],
] as const) {
  test(`${name} exits ${exitCode} with one sentence, and nothing is written`, async () => {
    if (name === "an empty set") await mkdir(at("empty"), { recursive: true });
    if (name === "a mask of another shape" || name === "a NIfTI of colours") {
      const to = name === "a NIfTI of colours" ? "colour" : "shape";
      await mkdir(at(to));
      const files = await readdir(at("ct"));
      for (const f of files) await copyFile(at("ct", f), at(to, f));
      const masks = files.filter((f) => f.includes("_mask"));
      const image = files.find((f) => f.includes("_image"))!;
      if (to === "shape") {
        const small = phantomSet({ modality: "CT", seed: 1, size: 32, slices: 6 }, 1)[0]!;
        await writeFile(at(to, masks[1]!), writeNifti(small.mask, small.image));
      } else {
        const bytes = writeNifti(new Uint8Array(48 * 48 * 6), await readVolume(at("ct", image)), { gzip: false });
        new DataView(bytes.buffer).setInt16(70, 128, true); // RGB24
        await rm(at(to, image));
        await writeFile(at(to, image.replace(".gz", "")), bytes);
      }
    }
    const out = at(`out-${name.replace(/ /g, "-")}`);
    const { exitCode: code, stdout, stderr } = await cmedl(["train", ...args(), "--out", out, "--epochs", "1", "-q"]);
    assert.is(code, exitCode, stderr);
    assert.is(stdout, "");
    assert.match(stderr, sentence, stderr);
    assert.is(stderr.trim().split("\n").length, 1, stderr);
    await readdir(out).then(
      () => assert.unreachable(`${out} was made`),
      (e: NodeJS.ErrnoException) => assert.is(e.code, "ENOENT"),
    );
  });
}

test("a run is not overwritten, and one that is finished says so", async () => {
  const taken = await cmedl(["train", ...data(), "--out", at("run"), ...tiny, "--epochs", "1"]);
  assert.is(taken.exitCode, 7);
  assert.match(taken.stderr, /run: holds a run already; go on with it by --resume/);
  const finished = await cmedl(["train", "--resume", at("run")]);
  assert.is(finished.exitCode, 2);
  assert.match(finished.stderr, /has finished its 2 epochs; give more with --epochs/);
});

test("a run that was stopped behind its last epoch writes its end", async () => {
  for (const status of ["interrupted", "failed", "running"]) {
    await writeFile(join(at("run"), "STATUS"), `${status}\n`);
    const { exitCode, stderr } = await cmedl(["train", "--resume", at("run"), "-q"]);
    assert.is(exitCode, 0, stderr);
    assert.match(await readFile(join(at("run"), "STATUS"), "utf8"), /^finished\n/);
    assert.match(await readFile(join(at("run"), "report.html"), "utf8"), /finished/);
  }
});

test.run();
