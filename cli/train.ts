// cmedl train: any row of the paper on folders of images and label masks of different patients.
import type { Command } from "commander";
import { printable } from "../data/errors.ts";
import type { Device } from "../engine/index.ts";
import { CommandError } from "../node/errors.ts";
import { exists } from "../node/files.ts";
import { RunFolder } from "../node/run/folder.ts";
import { openSources, planRun } from "../node/run/plan.ts";
import { loadRunSets } from "../node/run/sets.ts";
import { type RunSetup, type TrainRunOptions, dryRun, followRun, trainRun } from "../node/run/train.ts";
import { estimateText } from "../report/estimate.ts";
import { startOfRun } from "../train/checkpoint.ts";
import type { TrainConfig } from "../train/config/config.ts";
import { layeredConfig } from "../train/config/presets.ts";
import type { Regime } from "../train/regime.ts";
import { makeRegime } from "../train/regimes/make.ts";
import {
  type ConfigFlags,
  addConfigFlags,
  addForceFlag,
  addPresetFlag,
  configFrom,
  flagLayers,
  oddness,
  refuseOnResume,
} from "./config-flags.ts";
import { writeJsonLine } from "./json-line.ts";
import { type MemoryFlags, addMemoryFlags, memoryOptions } from "./memory-flags.ts";
import { addDeviceFlag, networkOpener } from "./open-device.ts";
import { type Rank, type RankFlags, addRankFlags, asRank } from "./ranks.ts";
import { planText } from "./plan-text.ts";
import { ScratchFolder } from "./scratch-folder.ts";
import { superviseTrain } from "./supervised-train.ts";

interface TrainFlags extends ConfigFlags, MemoryFlags, RankFlags {
  out?: string;
  resume?: string;
  device?: string;
  debugNans?: boolean;
  force?: boolean;
  dryRun?: boolean;
  supervise?: boolean;
  quiet?: boolean;
  json?: boolean;
}

export function register(command: Command): void {
  command
    .argument("[config]", "YAML of fields that differ from the preset's; `cmedl presets NAME` prints a whole one")
    .option("--out <folder>", "folder of the run; must be new or empty")
    .option("--resume <run>", "folder of a run to go on with, bit for bit on the same adapter");
  addPresetFlag(command);
  addConfigFlags(command);
  command.option("--debug-nans", "stop at the first op whose output is not finite, and name it; slow");
  addForceFlag(command);
  addMemoryFlags(command);
  addRankFlags(command);
  command.option(
    "--dry-run",
    "read the data, compile, say what a step takes in memory and time, and stop: nothing is kept but a --cache",
  );
  command.option(
    "--supervise",
    "train in a process that this one watches: where its GPU hangs or its driver crashes, it goes on in another",
  );
  addDeviceFlag(command)
    .option("-q, --quiet", "say nothing but errors")
    .option("--json", "print the records of log.jsonl as they come, a line each, and last what came of the run")
    .addHelpText(
      "after",
      `
Flags override the file, the file overrides the preset, and the preset overrides the paper's
values. Fields that are not known are refused. The preset paper is the paper alone: all others start
the masks at their share of the data, and the hints late (\`cmedl presets cmedl\` has the numbers).
Folders hold <id>_image.nii.gz with <id>_mask.nii.gz (or _gtv, _label, _seg), image_<id> with
label_<id>, images/ and labels/, imagesTr/ and labelsTr/, or a folder a patient (docs/formats.md).
With --json a line is {"event":"step",…}, "epoch" or "sign" (of a collapse), and the last "done" with the
run's folder and its best epoch; of a dry run the only one, "estimate".
The run's folder gets config.yaml (every field, with comments), checkpoints, a picture of each
epoch, log.jsonl with TensorBoard's file beside it, results.csv, report.html, environment.json
(versions, adapter, command line), and statistics.json (what the values of its images are like,
which predict compares others with). Images that are plainly not in the unit that they are scaled by
(folders swapped, CT that is not in HU) are refused, unless --force.
With --init the student starts from the student of a run (its kept epoch), and every other network
from the one of its name, where the run has it; of a file the student alone does. Names and shapes
must fit. The optimizers start without moments. config.yaml and environment.json keep where the weights came from.
With --cache prepared slices are kept for the next run: each case's file is used while the bytes of
its image and mask, and the settings, are the same. With --max-memory slices that take more stay
there (RUN/cache unless named) and are read one by one; batches are the same, bit for bit. The folder
may be deleted whenever nothing trains (docs/data.md).
Under mpirun -n K the K processes train one run: optimization.batch is that of all together, each takes
a K-th of it, and rank 0 alone writes and speaks (docs/scaling.md).
A resume keeps the configuration; where the data moved, name its folders again.

Examples:
  cmedl train --student data/ct --teacher data/mr --out runs/first
  cmedl train --student data/ct --teacher data/mr --out runs/small --size 64 --width 8 --epochs 5
  cmedl train --student data/ct --teacher data/mr --dry-run
  cmedl train --preset ct-only --student data/ct --out runs/ct --segmentor mrrn
  cmedl train --preset equal-teacher --student t1 --teacher t2 --out runs/organs --labels liver=1,spleen=4
  cmedl train my.yaml --out runs/mine --set optimization.clip=1 --set losses.weights.cx=0.5
  cmedl train --student data/ct --teacher data/mr --out runs/fold2 --fold 2/5
  cmedl train --student data/ct --teacher data/mr --init runs/first --out runs/second
  cmedl train --student data/ct --teacher data/mr --out runs/large --cache /scratch/slices --max-memory 4GB
  mpirun -n 4 npx cmedl train --student data/ct --teacher data/mr --batch 8 --out runs/four
  cmedl train --resume runs/first --epochs 120
  cmedl train --resume runs/first --student /mnt/new/ct --teacher /mnt/new/mr`,
    )
    .action((file: string | undefined, flags: TrainFlags) => {
      if (flags.supervise) return superviseTrain(flags);
      if (flags.resume !== undefined && file !== undefined)
        throw new CommandError("usage", `${file} does not go with --resume: a run keeps its configuration`);
      return asRank(flags, (rank) =>
        flags.resume === undefined ? start(file, flags, rank) : resume(flags.resume, flags, rank),
      );
    });
}

async function start(file: string | undefined, flags: TrainFlags, rank: Rank): Promise<void> {
  const asked = await configFrom(file, flags);
  const regime = makeRegime(asked);
  const out = requireFolders(asked, regime, flags);
  rank.check(asked, flags);
  const narrator = rank.narrator(flags);
  if (out !== undefined && rank.isFirst) await RunFolder.check(out);
  const plan = await planRun(asked, regime.inputs, narrator);
  const { config, sources } = plan;
  await using scratch = flags.dryRun ? new ScratchFolder() : undefined;
  const memory = await memoryOptions(flags, scratch?.path ?? (out && RunFolder.cachePath(out)));
  using sets = await rank.firstAlone(() => loadRunSets(config, sources, narrator, { odd: oddness(flags), ...memory }));
  const open = networkOpener(narrator, await rank.device(flags.device, narrator));
  const device = await open();
  // Nothing was written so far: bad input leaves no trace.
  if (flags.dryRun || out === undefined) {
    for (const line of planText(plan, sets, regime)) narrator.say(line);
    const estimate = await dryRun(device, { config, sets, narrator }, rank.sharing);
    narrator.say(estimateText(estimate));
    if (flags.json && rank.isFirst) writeJsonLine({ event: "estimate", ...estimate });
    const { cache } = flags;
    narrator.say(
      cache === undefined ? "nothing was trained or written" : `nothing was trained; ${cache} has the slices`,
    );
    return;
  }
  if (!rank.isFirst) return followRun(device, { config, sets, narrator }, rank.training(out));
  const run = await RunFolder.create(out);
  await using _lock = await run.lock();
  await run.writeConfig(config);
  narrator.say(`run folder: ${run.path}`);
  for (const line of planText(plan, sets, regime)) narrator.say(line);
  await train({ open, device, config, sets, run, narrator }, flags, rank);
}

/**
 * The run's folder, which a dry run need not have. Throws CommandError where one of the folders that are needed is
 * missing.
 */
function requireFolders({ data, regime }: TrainConfig, { inputs }: Regime, flags: TrainFlags): string | undefined {
  const student = { flag: "--student", value: data.student, why: "" };
  const teacher = {
    flag: "--teacher",
    value: data.teacher,
    why: ` (${flags.preset ?? flags.regime ?? regime} learns from a teacher's modality)`,
  };
  const out = { flag: "--out", value: flags.out, why: "" };
  const needed = [student, ...(inputs.includes("xM") ? [teacher] : []), ...(flags.dryRun ? [] : [out])];
  const missing = needed.find(({ value }) => !value);
  if (missing) {
    const others = needed.filter((folder) => folder !== out).map(({ flag }) => flag);
    throw new CommandError(
      "usage",
      `${missing.flag} is missing${missing.why}: give ${others.join(", ")} and ${out.flag}, or --resume RUN`,
    );
  }
  return flags.out;
}

async function resume(path: string, flags: TrainFlags, rank: Rank): Promise<void> {
  refuseOnResume(flags);
  if (flags.dryRun) throw new CommandError("usage", "--dry-run does not go with --resume: it tries a new run");
  const narrator = rank.narrator(flags);
  const run = await RunFolder.open(path);
  await using _lock = rank.isFirst ? await run.lock() : undefined;
  const stored = await run.readConfig();
  const from = await run.standing((message) => narrator.say(`passed over: ${printable(message)}`));
  const config = layeredConfig({ says: "", config: stored, literal: true }, flagLayers(flags));
  rank.check(config, flags);
  const progress = from?.checkpoint.progress ?? startOfRun();
  const { epochs } = config.optimization;
  // One that was killed behind its last checkpoint has its end to write.
  if (progress.epoch >= epochs && (await run.isEnded()))
    throw new CommandError("usage", `${run.path} has finished its ${epochs} epochs; give more with --epochs`);
  const before = await run.readStatistics();
  const memory = await memoryOptions(flags, RunFolder.cachePath(run.path));
  const odd = before === undefined ? "ignore" : oddness(flags);
  const sources = await openSources(config);
  using sets = await rank.firstAlone(() => loadRunSets(config, sources, narrator, { odd, before, ...memory }));
  const open = networkOpener(narrator, await rank.device(flags.device, narrator));
  const device = await open();
  if (!rank.isFirst) return followRun(device, { config, sets, narrator }, { ...rank.training(path), from });
  if (flagLayers(flags).length > 0) await run.writeConfig(config);
  narrator.say(`run folder: ${run.path}; going on at epoch ${progress.epoch + 1}, step ${progress.step + 1}`);
  await train({ open, device, config, sets, run, narrator, from }, flags, rank);
}

/** All that a training needs, ready to begin. */
interface ReadyRun extends RunSetup {
  /** Opens another device, where this one is lost. */
  open(): Promise<Device>;
  readonly device: Device;
  readonly from?: TrainRunOptions["from"];
}

/** Trains a run to its end, and says what came of it. Throws as `trainRun`. */
async function train(ready: ReadyRun, { debugNans, json }: TrainFlags, rank: Rank): Promise<void> {
  const { open, device, run, narrator, from } = ready;
  const { best } = await trainRun(device, ready, {
    ...(from && { from }),
    debugNans,
    // Ranks go on together: one that has lost its device ends the job.
    ...(rank.sharing ? rank.training(run.path) : { reopen: open }),
    ...(json && { onEvent: writeJsonLine }),
  });
  const path = (await exists(run.bestCheckpoint)) ? run.bestCheckpoint : `${run.path}/checkpoints`;
  narrator.say(
    best
      ? `lowest validation loss ${best.loss.toFixed(3)} (Dice ${best.dice.toFixed(3)}) after epoch ${best.epoch + 1}: ${path}`
      : `no epoch was validated; checkpoints: ${path}`,
  );
  narrator.say(`segment a scan with: cmedl predict ${run.path} IMAGE.nii.gz -o MASK.nii.gz`);
  if (!json) process.stdout.write(`${run.path}\n`);
  else
    writeJsonLine({
      event: "done",
      run: run.path,
      ...(best && { epoch: best.epoch + 1, validationLoss: best.loss, dice: best.dice, checkpoint: path }),
    });
}
