// cmedl tune: times the tile sizes of the kernels that a configuration's steps use, and keeps the fastest for all
// later commands.
import type { Command } from "commander";
import { type Program, type Tuned, type TunedKernel, autocast } from "../engine/index.ts";
import { makeRegime } from "../train/regimes/make.ts";
import { compileSegmenter } from "../inference/slice-segmenter.ts";
import { type ConfigFlags, addConfigFlags, addPresetFlag, configFrom } from "./config-flags.ts";
import { profilingFeatures } from "../node/gpu/open.ts";
import { addDeviceFlag, openDevice } from "./open-device.ts";
import { Narrator } from "../node/narrator.ts";
import { keepTuning, readTuning, tuningFile } from "../node/gpu/tuning-file.ts";

interface TuneFlags extends ConfigFlags {
  again?: boolean;
  device?: string;
  quiet?: boolean;
  json?: boolean;
}

export function register(command: Command): void {
  command.argument("[config]", "YAML of a run, as train takes it");
  addPresetFlag(command);
  addConfigFlags(command, { without: ["--init"] });
  command.option("--again", "time again what was timed before");
  addDeviceFlag(command)
    .option("-q, --quiet", "say nothing but errors")
    .option("--json", "print the kernels and their times as JSON, at the end")
    .addHelpText(
      "after",
      `
Every combination of a kernel's tile sizes is timed on this GPU, at each class of shapes (rounded
up to powers of two) that the training step and prediction have. The fastest is kept, by adapter and
driver, as soon as it is found (a run that was interrupted goes on where it was), in
${tuningFile()}
and every later command uses it. It needs GPU timestamps.
A run that is resumed after tuning sums in another order: it goes on, but not bit for bit.

Examples:
  cmedl tune                                       the paper's CMEDL step, 256 × 256, batch 2
  cmedl tune --preset ct-only --segmentor mrrn
  cmedl tune my.yaml --again`,
    )
    .action(tune);
}

async function tune(file: string | undefined, flags: TuneFlags): Promise<void> {
  const config = await configFrom(file, flags);
  const {
    data: { size },
    optimization: { batch, precision },
  } = config;
  const regime = makeRegime(config);
  const narrator = new Narrator({ quiet: flags.quiet });
  const kept = await readTuning();
  using device = await openDevice(narrator, flags.device, profilingFeatures);
  const image = [batch, size, size, 1];
  const shapes = { xC: image, yC: image, xM: image, yM: image };
  let known: Tuned = flags.again ? {} : kept.tuned;
  let keptCount = Object.keys(kept.tuned).length;
  const found: TunedKernel[] = [];
  const onKernel = async (k: TunedKernel, key: string): Promise<void> => {
    keptCount = await keepTuning({ [key]: k.consts });
    found.push(k);
    if (!flags.json) process.stdout.write(`${line(k)}\n`);
  };
  const timeAll = async (name: string, compile: () => Promise<Program>): Promise<void> => {
    narrator.say(`compiling ${name} …`);
    using program = await compile();
    known = await program.tune({ known, onKernel });
  };
  for (const step of new Set(regime.steps)) {
    await timeAll(`${regime.kind} step (${size} × ${size}, batch ${batch})`, () =>
      device.compile((b) => (precision === "mixed" ? autocast("f16", () => step(b)) : step(b)), shapes, {
        mode: "train",
        name: "step",
      }),
    );
  }
  await timeAll("prediction", async () => {
    const { program } = await compileSegmenter(device, (x) => regime.segment(x), { batch, size });
    return program;
  });
  const gained = found.filter((k) => k.timeUs < k.beforeUs);
  if (flags.json) {
    process.stdout.write(`${JSON.stringify({ file: tuningFile(), kept: keptCount, kernels: found }, null, 2)}\n`);
    return;
  }
  process.stdout.write(
    `${found.length} kernels timed, ${gained.length} of them faster than as they ship; ` +
      `${keptCount} kept in ${tuningFile()}\n`,
  );
}

/** "conv2d-direct-quad  KV 3  1.24×  812 µs, 1007 as it was  conv2d [2, …] → […]". */
function line({ label, kernel, consts, timeUs, beforeUs }: TunedKernel): string {
  const values = Object.entries(consts)
    .map(([name, v]) => `${name} ${v}`)
    .join(" ");
  const gain = `${(beforeUs / timeUs).toFixed(2)}×`;
  const now = `${timeUs.toFixed(0)} µs`;
  const before = `${beforeUs.toFixed(0)} as it was`;
  const times = `${gain.padStart(6)}  ${now.padStart(10)}, ${before.padEnd(18)}`;
  return `${kernel.padEnd(36)} ${values.padEnd(8)} ${times} ${label}`;
}
