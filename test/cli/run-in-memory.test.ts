// The same cases in memory and in folders: the run of a page is that of the command, loss by loss.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Device } from "../../engine/index.ts";
import { openNodeGpu } from "../../node/gpu/open.ts";
import { RunFolder } from "../../node/run/folder.ts";
import { presetConfig } from "../../train/config/presets.ts";
import { memorySource } from "../../train/run/case-source.ts";
import { planCases } from "../../train/run/plan.ts";
import { makeSets } from "../../train/run/sets.ts";
import { openTraining } from "../../train/run/training-parts.ts";
import { writePhantoms } from "../helpers/phantom-folder.ts";
import { cmedl } from "./command.ts";

const test = suite("a run in memory and by the command");

test("losses, split, field, statistics and validation are those of the command's run", async () => {
  const folder = await mkdtemp(join(tmpdir(), "cmedl-memory-"));
  const at = (name: string): string => join(folder, name);
  try {
    const student = memorySource("CT", await writePhantoms(at("ct"), "CT"));
    const teacher = memorySource("MR", await writePhantoms(at("mr"), "MR"));
    const data = ["--student", at("ct"), "--teacher", at("mr"), "--out", at("run")];
    const tiny = ["--size", "32", "--width", "2", "--blocks", "1", "--batch", "2", "--steps", "3", "--epochs", "1"];
    const { exitCode, stderr } = await cmedl(["train", ...data, ...tiny]);
    assert.is(exitCode, 0, stderr);
    const run = await RunFolder.open(at("run"));
    const stored = await run.readConfig();

    const asked = presetConfig("cmedl", stored, { cases: presetConfig("cmedl").cases, data: { fieldMm: null } });
    const config = await planCases(asked, { student, teacher });
    assert.equal(config, stored);
    const sets = await makeSets(config, { student, teacher });
    assert.equal(JSON.parse(JSON.stringify(sets.statistics)), await run.readStatistics());

    using device = await Device.open((await openNodeGpu({ quiet: true })).gpu);
    using training = await openTraining(device, config, sets);
    const losses: unknown[] = [];
    const validations: (number | undefined)[] = [];
    await training.run({
      onStep: (step) => void losses.push(step.losses),
      onEpoch: (epoch) => void validations.push(epoch.validation?.loss),
    });
    const events = (await readFile(join(run.path, "log.jsonl"), "utf8"))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const steps = events.filter((event) => event.event === "step");
    assert.is(steps.length, 3);
    assert.equal(
      steps.map((event) => event.losses),
      losses,
    );
    const { best } = (await run.bestOrLatest()).checkpoint.progress;
    assert.equal([best?.loss], validations);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test.run();
