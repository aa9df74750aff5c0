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
import { openDevice } from "./open-device.ts";
import { Narrator, clock } from "../node/narrator.ts";
import { RunFolder } from "../node/run/folder.ts";
import { type RunResult, type RunSets, trainRun } from "../node/run/train.ts";

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
    .option("--out <folder>", "where the runs go (default: runs/demo, runs/demo-2, …)")
    .option("--seed <n>", "every random choice follows from it", "0")
    .option("--epochs <n>", "epochs of both runs", "10")
    .option(
      "--device <name>",
      'part of an adapter\'s name, "software" or "swiftshader" (default: CMEDL_DEVICE, else the fastest)',
    )
    .addHelpText("after", "\nExample:\n  cmedl demo")
    .action(demo);
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
  narrator.say(
    `phantoms: ${cases.studentTrain.length} CT patients and ${cases.teacherTrain.length} MR patients with other anatomy train (${sets.student.count} and ${sets.teacher!.count} slices of ${SIZE} × ${SIZE}), ${cases.studentVal.length} CT patients validate`,
  );
  const results = new Map<RegimeName, RunResult>();
  const device = await openDevice(narrator, flags.device);
  for (const regime of ["ct-only", "cmedl"] as const) {
    narrator.say(regime === "ct-only" ? "1 of 2: CT only, the baseline" : "2 of 2: CMEDL, taught by MR");
    results.set(regime, await train(device, configOf(regime), sets, join(out, regime), narrator));
  }
  device.dispose();
  process.stdout.write(summary(results, cases.studentVal.length, out, (performance.now() - started) / 1000));
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

function summary(results: ReadonlyMap<RegimeName, RunResult>, validated: number, out: string, seconds: number): string {
  const dice = (regime: RegimeName): number => results.get(regime)!.best?.dice ?? NaN;
  const line = (name: string, regime: RegimeName): string => {
    const course = results
      .get(regime)!
      .epochs.map((e) => e.validation?.dice.mean.toFixed(2) ?? "–")
      .join(" ");
    return `  ${name.padEnd(8)} ${dice(regime).toFixed(3)}   by epoch: ${course}\n`;
  };
  const gain = dice("cmedl") - dice("ct-only");
  const verdict =
    gain > 0.01
      ? `CMEDL is ${gain.toFixed(3)} above CT only in this run; one small run proves nothing.`
      : `CMEDL does not beat CT only at this size (${gain >= 0 ? "+" : ""}${gain.toFixed(3)}): its translator needs larger images and longer training.`;
  return `\nDice on ${validated} CT phantoms that neither run saw, best epoch:\n${line("CT only", "ct-only")}${line("CMEDL", "cmedl")}${verdict}\n
pictures     ${join(out, "cmedl", "pictures")}
curves       ${join(out, "cmedl", "curves.png")}, ${join(out, "ct-only", "curves.png")}
checkpoints  ${join(out, "cmedl", "checkpoints", "best.safetensors")}, ${join(out, "ct-only", "checkpoints", "best.safetensors")}
took         ${clock(seconds)}
`;
}

async function freeName(path: string): Promise<string> {
  for (let i = 1; ; i++) {
    const name = i === 1 ? path : `${path}-${i}`;
    if (!(await exists(name))) return name;
  }
}
