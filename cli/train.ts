// cmedl train: any row of the paper on folders of NIfTI images and label masks of different patients.
import type { Command } from "commander";
import { printable } from "../data/errors.ts";
import { defaultFieldMm } from "../data/slices.ts";
import { splitUnpaired } from "../data/split.ts";
import { ConfigError } from "../train/config/check.ts";
import type { TrainConfig } from "../train/config/config.ts";
import { featuresOf, makeRegime } from "../train/regimes/make.ts";
import { type Layer, PRESETS, layeredConfig, presetOf } from "../train/config/presets.ts";
import { type FlagValues, addConfigFlags, flagLayers, refuseOnResume } from "./config-flags.ts";
import { readConfigFile } from "../node/config-file.ts";
import {
  type Dataset,
  type CaseImage,
  findSplits,
  scanDataset,
  scanImages,
  surveyCases,
} from "../node/dataset/index.ts";
import { CommandError } from "../node/errors.ts";
import { exists } from "../node/files.ts";
import { openDevice } from "./open-device.ts";
import { Narrator } from "../node/narrator.ts";
import { RunFolder } from "../node/run/folder.ts";
import { loadRunSets } from "../node/run/sets.ts";
import { type RunSets, trainRun } from "../node/run/train.ts";
import { examineVgg } from "../node/run/vgg.ts";

interface TrainFlags extends FlagValues {
  out?: string;
  resume?: string;
  regime?: string;
  device?: string;
  debugNans?: boolean;
  quiet?: boolean;
}

export function register(command: Command): void {
  command
    .argument("[config]", "YAML of fields that differ from the preset's; `cmedl presets NAME` prints a whole one")
    .option("--regime <word>", `a preset: ${Object.keys(PRESETS).join(", ")} (cmedl)`)
    .option("--out <folder>", "folder of the run; must be new or empty")
    .option("--resume <run>", "go on with a run, bit for bit on the same adapter");
  addConfigFlags(command);
  command
    .option("--debug-nans", "stop at the first op whose output is not finite, and name it; slow")
    .option(
      "--device <name>",
      'part of an adapter\'s name, "software" or "swiftshader" (default: CMEDL_DEVICE, else the fastest)',
    )
    .option("-q, --quiet", "say nothing but errors")
    .addHelpText(
      "after",
      `
Flags override the file, the file overrides the preset, the preset overrides the paper's values; whatever is not known is refused.
Folders hold <id>_image.nii.gz with <id>_mask.nii.gz (or _gtv, _label, _seg), image_<id> with label_<id>, images/ and labels/, or imagesTr/ and labelsTr/.
The run's folder gets config.yaml (everything, with comments), checkpoints, a picture an epoch, log.jsonl, results.csv, curves.png.

Examples:
  cmedl train --student data/ct --teacher data/mr --out runs/first
  cmedl train --student data/ct --teacher data/mr --out runs/small --size 64 --width 8 --epochs 5
  cmedl train --regime ct-only --student data/ct --out runs/ct --segmentor mrrn
  cmedl train --regime equal-teacher --student data/t1 --teacher data/t2 --out runs/organs --labels 1,2,3,4
  cmedl train my.yaml --out runs/mine --set optimization.clip=1 --set losses.weights.cx=0.5
  cmedl train --resume runs/first --epochs 120`,
    )
    .action((file: string | undefined, flags: TrainFlags) => {
      if (flags.resume === undefined) return start(file, flags);
      if (file !== undefined)
        throw new CommandError("usage", `${file} does not go with --resume: a run keeps its configuration`);
      return resume(flags);
    });
}

/** The configuration that a command line asks for. Throws CommandError, or DataError with the file's line. */
export async function configOf(
  file: string | undefined,
  flags: FlagValues & { regime?: string },
): Promise<TrainConfig> {
  const layers: Layer[] = [];
  let name = "cmedl";
  let blame: (error: ConfigError) => Error = (error) => error;
  if (file !== undefined) {
    const { value, locate } = await readConfigFile(file);
    const { regime, ...rest } =
      typeof value === "object" && value !== null && !Array.isArray(value)
        ? (value as Record<string, unknown>)
        : { regime: undefined };
    if (typeof regime === "string") [name, blame] = [regime, locate];
    // The file's word is a preset too; what else it says goes over that.
    layers.push({ value: typeof regime === "string" ? rest : value, locate });
  }
  if (flags.regime !== undefined)
    [name, blame] = [flags.regime, ({ mend }) => new CommandError("usage", `--regime ${name}: ${mend}`)];
  try {
    const preset = presetOf(name);
    return layeredConfig(preset, [...layers, ...flagLayers(flags)]);
  } catch (error) {
    throw error instanceof ConfigError ? blame(error) : error;
  }
}

async function start(file: string | undefined, flags: TrainFlags): Promise<void> {
  const { out } = flags;
  const asked = await configOf(file, flags);
  const untrained = makeRegime(asked);
  const { inputs } = untrained;
  const reads = (x: (typeof inputs)[number]): boolean => inputs.includes(x);
  const { student, teacher } = asked.data;
  const needed: [flag: string, value: string | undefined, why: string][] = [
    ["--student", student, ""],
    ["--out", out, ""],
  ];
  if (reads("xM"))
    needed.splice(1, 0, ["--teacher", teacher, ` (${flags.regime ?? asked.regime} learns from a teacher's modality)`]);
  for (const [name, value, why] of needed)
    if (!value)
      throw new CommandError(
        "usage",
        `${name} is missing${why}: give ${needed
          .map(([n]) => n)
          .join(", ")
          .replace(/, ([^,]*)$/, " and $1")}, or --resume RUN`,
      );
  const narrator = new Narrator({ quiet: flags.quiet });
  const studentSet = await scanDataset(student);
  // A teacher that is named but not read still counts for the field and the split, so that runs compare.
  const teacherSet: Dataset<CaseImage> | undefined =
    teacher === "" ? undefined : reads("yM") ? await scanDataset(teacher) : await scanImages(teacher);
  const splits = asked.data.splits === null ? {} : { path: asked.data.splits };
  const studentLists = await findSplits(studentSet, splits);
  const teacherLists = teacherSet && (await findSplits(teacherSet, splits));
  const split = splitUnpaired<CaseImage>(studentSet.cases, teacherSet?.cases ?? [], {
    seed: asked.seed,
    lists: { student: studentLists?.lists, teacher: teacherLists?.lists },
  });
  const surveys = [...(await surveyCases(studentSet.cases)), ...(await surveyCases(teacherSet?.cases ?? []))];
  const config = await completed(asked, Math.round(defaultFieldMm(surveys.map((s) => s.shortSideMm))), split);
  const sets = await loadRunSets(config, inputs, studentSet, teacherSet, narrator);
  const device = await openDevice(narrator, flags.device);
  // Nothing was written so far: bad input leaves no trace.
  const run = await RunFolder.create(out!);
  await run.writeConfig(config);
  narrator.say(`run folder: ${run.path}`);
  const { cases } = config;
  const many = (ids: readonly string[], { count }: { count: number }): string =>
    `${ids.length} cases (${count} slices)`;
  narrator.say(
    `student: ${studentSet.layout.description}, ${many(cases.studentTrain, sets.student)} train, ${many(cases.studentVal, sets.validation)} validate; split ${studentLists ? `by ${studentLists.path}` : `by patient from seed ${config.seed}`}`,
  );
  if (sets.teacher)
    narrator.say(
      `teacher: ${teacherSet!.layout.description}, ${many(cases.teacherTrain, sets.teacher)}${reads("yM") ? "" : "; no masks are read"}`,
    );
  const { features } = config.networks;
  if (featuresOf(untrained))
    narrator.say(
      `contextual loss: VGG${features.layers} ${features.file === null ? `with random weights from seed ${config.seed} (no --vgg FILE was given)` : `weights of ${features.file}, layers ${features.taps.join(", ")}`}`,
    );
  await finish(config, sets, run, narrator, device, { debugNans: flags.debugNans });
}

/** With what the data and the file of VGG weights decide. */
async function completed(
  config: TrainConfig,
  fieldMm: number,
  split: ReturnType<typeof splitUnpaired<CaseImage>>,
): Promise<TrainConfig> {
  const { data, networks } = config;
  const { file } = networks.features;
  const vgg = file === null ? undefined : await examineVgg(file, networks.features);
  const ids = (cases: readonly { id: string }[]): string[] => cases.map((c) => c.id);
  return {
    ...config,
    data: { ...data, fieldMm: data.fieldMm ?? fieldMm },
    networks: { ...networks, features: { ...networks.features, ...vgg } },
    cases: {
      studentTrain: ids(split.student.train),
      studentVal: ids(split.student.val),
      teacherTrain: ids(split.teacher.train),
    },
  };
}

async function resume(flags: TrainFlags): Promise<void> {
  refuseOnResume(flags);
  const narrator = new Narrator({ quiet: flags.quiet });
  const run = await RunFolder.open(flags.resume!);
  const stored = await run.readConfig();
  const from = await run.latestCheckpoint((message) => narrator.say(`passed over: ${printable(message)}`));
  const config = layeredConfig({ says: "", config: stored }, flagLayers(flags));
  const { progress } = from.checkpoint;
  if (progress.epoch >= config.optimization.epochs)
    throw new CommandError(
      "usage",
      `${run.path} has finished its ${config.optimization.epochs} epochs; give more with --epochs`,
    );
  const { inputs } = makeRegime(config);
  const teacherSet = !inputs.includes("xM")
    ? undefined
    : inputs.includes("yM")
      ? await scanDataset(config.data.teacher)
      : await scanImages(config.data.teacher);
  const sets = await loadRunSets(config, inputs, await scanDataset(config.data.student), teacherSet, narrator);
  const device = await openDevice(narrator, flags.device);
  if (flags.epochs !== undefined || flags.saveEvery !== undefined) await run.writeConfig(config);
  await run.truncateLog(progress.steps);
  narrator.say(`run folder: ${run.path}; going on at epoch ${progress.epoch + 1}, step ${progress.step + 1}`);
  await finish(config, sets, run, narrator, device, { from, debugNans: flags.debugNans });
}

async function finish(
  config: TrainConfig,
  sets: RunSets,
  run: RunFolder,
  narrator: Narrator,
  device: Awaited<ReturnType<typeof openDevice>>,
  options: Parameters<typeof trainRun>[5],
): Promise<void> {
  const { best } = await trainRun(device, config, sets, run, narrator, options);
  const path = (await exists(run.bestCheckpoint)) ? run.bestCheckpoint : `${run.path}/checkpoints`;
  narrator.say(
    best
      ? `best validation Dice ${best.dice.toFixed(3)} after epoch ${best.epoch + 1}: ${path}`
      : `no epoch was validated; checkpoints: ${path}`,
  );
  narrator.say(`segment a scan with: cmedl predict ${run.path} IMAGE.nii.gz -o MASK.nii.gz`);
  process.stdout.write(`${run.path}\n`);
}
