// cmedl demo: no data and no GPU needed. Makes a small unpaired CT and MR phantom set, trains the CT-only baseline
// and CMEDL of the same size on it, and shows both.
import { join } from "node:path";
import type { Command } from "commander";
import type { Device } from "../engine/index.ts";
import type { PartialConfig, RegimeName, TrainConfig } from "../train/config/config.ts";
import { presetConfig } from "../train/config/presets.ts";
import { CommandError } from "../node/errors.ts";
import { ExperimentData } from "../node/experiment/data.ts";
import { exists } from "../node/files.ts";
import { addDeviceFlag, openDevice } from "./open-device.ts";
import { Narrator, clock } from "../node/narrator.ts";
import { RunFolder } from "../node/run/folder.ts";
import type { RunSets } from "../node/run/sets.ts";
import { type RunResult, trainRun } from "../node/run/train.ts";

/** Sizes at which both regimes train in a few minutes on two cores without a GPU. */
const SIZE = 32;
const STEPS = 32;

interface DemoFlags {
  out?: string;
  seed: string;
  epochs: string;
  device?: string;
}

export function register(command: Command): void {
  command
    .option("--out <folder>", "folder for the runs (default: runs/demo, runs/demo-2, …)")
    .option("--seed <n>", "seed of every random choice", "0")
    .option("--epochs <n>", "epochs of both runs", "10");
  addDeviceFlag(command).addHelpText("after", "\nExample:\n  cmedl demo").action(demo);
}

async function demo(flags: DemoFlags): Promise<void> {
  const seed = Number(flags.seed);
  const epochs = Number(flags.epochs);
  if (!Number.isInteger(seed) || !Number.isInteger(epochs) || epochs < 1)
    throw new CommandError("usage", "--seed and --epochs are whole numbers");
  const started = performance.now();
  const narrator = new Narrator();
  const out = flags.out ?? (await freeName("runs/demo"));
  const data = ExperimentData.ofPhantoms(["CT", "MR"], SIZE, narrator, seed);
  const { test: _, ...cases } = await data.cases(false, null, null);
  const configOf = (regime: RegimeName): TrainConfig =>
    presetConfig(regime, data.fields(false), {
      seed,
      cases,
      data: { size: SIZE },
      optimization: { epochs, steps: STEPS, patience: null },
    } satisfies PartialConfig);
  const sets = await data.sets(configOf("cmedl"), false);
  const slices = `${sets.student.count} and ${sets.teacher?.count ?? 0} slices of ${SIZE} × ${SIZE}`;
  narrator.say(
    `phantoms: ${cases.studentTrain.length} CT patients and ${cases.teacherTrain.length} MR patients ` +
      `with other anatomy train (${slices}), ${cases.studentVal.length} CT patients validate`,
  );
  const device = await openDevice(narrator, flags.device);
  narrator.say("1 of 2: CT only, the baseline");
  const baseline = await train(device, configOf("ct-only"), sets, join(out, "ct-only"), narrator);
  narrator.say("2 of 2: CMEDL, taught by MR");
  const taught = await train(device, configOf("cmedl"), sets, join(out, "cmedl"), narrator);
  device.dispose();
  const seconds = (performance.now() - started) / 1000;
  process.stdout.write(`
Dice on ${cases.studentVal.length} CT phantoms that neither run saw, best epoch:
${courseText("CT only", baseline)}
${courseText("CMEDL", taught)}
${verdict(bestDice(taught) - bestDice(baseline))}

pictures     ${join(out, "cmedl", "pictures")}
curves       ${join(out, "cmedl", "curves.png")}, ${join(out, "ct-only", "curves.png")}
checkpoints  ${bestCheckpoint(out, "cmedl")}, ${bestCheckpoint(out, "ct-only")}
took         ${clock(seconds)}
`);
}

async function train(
  device: Device,
  config: TrainConfig,
  sets: RunSets,
  path: string,
  narrator: Narrator,
): Promise<RunResult> {
  const run = await RunFolder.create(path);
  await run.writeConfig(config);
  return trainRun(device, config, sets, run, narrator);
}

const bestDice = ({ best }: RunResult): number => best?.dice ?? NaN;
const bestCheckpoint = (out: string, regime: RegimeName): string =>
  join(out, regime, "checkpoints", "best.safetensors");

/** "  CMEDL    0.712   by epoch: 0.31 0.52 …". */
function courseText(name: string, result: RunResult): string {
  const course = result.epochs.map((e) => e.validation?.dice.mean.toFixed(2) ?? "–").join(" ");
  return `  ${name.padEnd(8)} ${bestDice(result).toFixed(3)}   by epoch: ${course}`;
}

function verdict(gain: number): string {
  if (gain > 0.01) return `CMEDL is ${gain.toFixed(3)} above CT only in this run; one small run proves nothing.`;
  const difference = `${gain >= 0 ? "+" : ""}${gain.toFixed(3)}`;
  return (
    `CMEDL does not beat CT only at this size (${difference}): ` +
    "its translator needs larger images and longer training."
  );
}

async function freeName(path: string): Promise<string> {
  for (let i = 1; ; i++) {
    const name = i === 1 ? path : `${path}-${i}`;
    if (!(await exists(name))) return name;
  }
}
