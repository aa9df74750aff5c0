// train --init: networks start from a run's weights or a file's. With rates of 0 a run ends with what it started with.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TensorToWrite, readSafetensors } from "../../data/weights/safetensors.ts";
import { writePth } from "../../data/weights/pth-write.ts";
import type { InitialWeights } from "../../node/run/init.ts";
import { writePhantoms } from "../helpers/phantom-folder.ts";
import { type Outcome, cmedl } from "./command.ts";

const test = suite("initial weights");
let folder = "";
const at = (...parts: string[]): string => join(folder, ...parts);
const tiny = ["--size", "32", "--width", "2", "--blocks", "1", "--batch", "2", "--steps", "1", "--epochs", "1"];
const still = ["G", "D", "S"].flatMap((name) => ["--set", `optimization.rates.${name}=0`]);
const data = (): string[] => ["--student", at("ct"), "--teacher", at("mr")];
const train = (out: string, ...args: string[]): Promise<Outcome> =>
  cmedl(["train", ...data(), "--out", at(out), ...tiny, ...args]);

async function weightsOf(run: string, network: string): Promise<Map<string, Float32Array>> {
  const file = at(run, "checkpoints", "best.safetensors");
  const { tensors } = readSafetensors(new Uint8Array(await readFile(file)), file);
  // Running averages move without a rate.
  const own = [...tensors].filter(([name]) => name.startsWith(`${network}.`) && !name.includes("running_"));
  return new Map(own.map(([name, t]) => [name.slice(network.length + 1), t.data as Float32Array]));
}

async function startOf(run: string): Promise<{ init?: InitialWeights }[]> {
  return JSON.parse(await readFile(at(run, "environment.json"), "utf8")) as { init?: InitialWeights }[];
}

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cmedl-init-"));
  await writePhantoms(at("ct"), "CT");
  await writePhantoms(at("mr"), "MR");
  for (const args of [
    ["alone", "--preset", "ct-only", "--seed", "5"],
    ["both", "--seed", "6"],
  ]) {
    const { exitCode, stderr } = await train(...(args as [string]));
    assert.is(exitCode, 0, stderr);
  }
});
test.after(() => rm(folder, { recursive: true, force: true }));

test("all networks of a run of the same regime, the student alone of another's; both are recorded", async () => {
  const { exitCode, stderr } = await train("again", "--init", at("both"), ...still);
  assert.is(exitCode, 0, stderr);
  for (const network of ["SC", "SM", "GCM", "GMC", "DM", "DC"])
    assert.equal(await weightsOf("again", network), await weightsOf("both", network), network);
  const [start] = await startOf("again");
  assert.equal(Object.keys(start!.init!.networks).sort(), ["DC", "DM", "GCM", "GMC", "SC", "SM"]);
  assert.match(start!.init!.sha256, /^[0-9a-f]{64}$/);
  assert.match(await readFile(at("again", "config.yaml"), "utf8"), new RegExp(`^init: ${at("both")} #`, "m"));

  const student = await train("taught", "--init", at("alone"), ...still);
  assert.is(student.exitCode, 0, student.stderr);
  assert.match(student.stderr, /weights of SC start from .*alone/);
  assert.equal(await weightsOf("taught", "SC"), await weightsOf("alone", "SC"));
  assert.not.equal(await weightsOf("taught", "GCM"), await weightsOf("both", "GCM"));

  // A regime whose student has another name.
  const pseudo = await train("pseudo", "--preset", "pmri-cycle", "--init", at("both"), ...still);
  assert.is(pseudo.exitCode, 0, pseudo.stderr);
  assert.match(pseudo.stderr, /S \(its SC\)/);
  assert.equal(await weightsOf("pseudo", "S"), await weightsOf("both", "SC"));
});

test("a model zip gives the networks that it holds", async () => {
  const zip = await cmedl(["export", at("both"), at("both.zip")]);
  assert.is(zip.exitCode, 0, zip.stderr);
  const { exitCode, stderr } = await train("zipped", "--init", at("both.zip"), ...still);
  assert.is(exitCode, 0, stderr);
  for (const network of ["SC", "SM", "GCM", "GMC"])
    assert.equal(await weightsOf("zipped", network), await weightsOf("both", network), network);
  assert.equal(Object.keys((await startOf("zipped"))[0]!.init!.networks).sort(), ["GCM", "GMC", "SC", "SM"]);
});

test("a .pth file is the student's", async () => {
  const file = at("alone", "checkpoints", "best.safetensors");
  const { tensors } = readSafetensors(new Uint8Array(await readFile(file)), file);
  const own = [...tensors].filter(([name]) => name.startsWith("SC."));
  const named = new Map(
    own.map(([name, t]): [string, TensorToWrite] => [`module.${name.slice(3)}`, t as TensorToWrite]),
  );
  await writeFile(at("student.pth"), writePth(named));
  const { exitCode, stderr } = await train("file", "--preset", "ct-only", "--init", at("student.pth"), ...still);
  assert.is(exitCode, 0, stderr);
  assert.equal(await weightsOf("file", "SC"), await weightsOf("alone", "SC"));
});

test("weights that do not fit are refused before a run begins", async () => {
  const wide = await train("wide", "--preset", "ct-only", "--init", at("alone"), "--width", "4");
  assert.is(wide.exitCode, 3);
  assert.match(wide.stderr, /best.safetensors: SC: for SC, .*is \[2, 1, 3, 3\], needed is \[4, 1, 3, 3\].*--width/);
  const none = await train("none", "--init", at("nowhere"));
  assert.is(none.exitCode, 7);
  for (const run of ["wide", "none"]) assert.is(await stat(at(run)).catch(() => undefined), undefined, run);
});

test("a resume goes on with the run's own weights: those of the start may be gone", async () => {
  assert.is((await train("gone", "--preset", "ct-only", "--init", at("alone"))).exitCode, 0);
  await rename(at("alone"), at("elsewhere"));
  const { exitCode, stderr } = await cmedl(["train", "--resume", at("gone"), "--epochs", "2"]);
  assert.is(exitCode, 0, stderr);
  const [first, second] = await startOf("gone");
  assert.ok(first!.init && !second!.init);
  const other = await cmedl(["train", "--resume", at("gone"), "--epochs", "3", "--init", at("both")]);
  assert.is(other.exitCode, 2);
  assert.match(other.stderr, /--init does not go with --resume/);
});

test.run();
