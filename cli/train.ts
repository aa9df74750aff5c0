// cmedl train: CMEDL, or the CT-only baseline, on two folders of NIfTI images and label masks of different patients.
import { resolve } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import { printable } from "../data/errors.ts";
import { type IntensityRule, lungWindow, mrPercentile, softTissueWindow } from "../data/intensity.ts";
import { type SliceGrid, defaultFieldMm } from "../data/slices.ts";
import { splitUnpaired } from "../data/split.ts";
import { PAPER_TAPS } from "../models/vgg.ts";
import { PAPER_WEIGHTS } from "../train/config.ts";
import { type CaseFiles, type Dataset, type SliceLoadOptions, findSplits, loadSlices, scanDataset, surveyCases } from "./dataset.ts";
import { CommandError } from "./exit.ts";
import { exists } from "./files.ts";
import { openDevice } from "./open-device.ts";
import { Narrator } from "./progress.ts";
import { RunFolder } from "./run-folder.ts";
import { REGIMES, type RegimeName, type TrainConfig, defaultBlocks, defaultLayers, parseConfig } from "./train-config.ts";
import { type RunSets, trainRun } from "./training.ts";
import { examineVgg } from "./vgg-file.ts";

interface TrainFlags {
  student?: string;
  teacher?: string;
  out?: string;
  resume?: string;
  regime: RegimeName;
  size: number;
  field?: number;
  width: number;
  blocks?: number;
  layers?: number;
  batch: number;
  epochs?: number;
  steps?: number;
  saveEvery?: number;
  seed: number;
  label?: number;
  window: string;
  splits?: string;
  vgg?: string;
  augment: boolean;
  device?: string;
  quiet?: boolean;
}

const DEFAULT_EPOCHS = 100;

const whole = (low: number) => (text: string): number => {
  const n = Number(text);
  if (!Number.isInteger(n) || n < low) throw new InvalidArgumentError(`give a whole number of at least ${low}.`);
  return n;
};
const positive = (text: string): number => {
  const n = Number(text);
  if (!(n > 0) || !Number.isFinite(n)) throw new InvalidArgumentError("give a number above 0.");
  return n;
};
const imageSize = (text: string): number => {
  const n = Number(text);
  if (!Number.isInteger(n) || n < 32 || n % 16 !== 0) throw new InvalidArgumentError("give a multiple of 16, at least 32: the U-Net halves the image four times.");
  return n;
};

export function register(command: Command): void {
  command
    .option("--student <folder>", "CT images and label masks: the modality that is segmented in the end")
    .option("--teacher <folder>", "MR images and label masks, of other patients")
    .option("--out <folder>", "folder of the run; must be new or empty")
    .option("--resume <run>", "go on with a run, bit for bit on the same adapter")
    .addOption(new Option("--regime <name>", "what is trained").choices(REGIMES).default("cmedl"))
    .option("--size <pixels>", "side of the training images", imageSize, 256)
    .option("--field <mm>", "side of what is cut out round a slice's centre (default: the median short side)", positive)
    .option("--width <channels>", "channels at full resolution of segmentors, translators and discriminators", whole(1), 64)
    .option("--blocks <n>", "residual blocks of a translator (default: 9 at 256, 6 at 128, 4 below)", whole(0))
    .option("--layers <n>", "stride-2 layers of a discriminator (default: 3, below 64 pixels 2)", whole(1))
    .option("--batch <n>", "images of each modality in a step", whole(1), 2)
    .option("--epochs <n>", `epochs (default: ${DEFAULT_EPOCHS}); a resumed run may be given more`, whole(1))
    .option("--steps <n>", "steps of an epoch (default: one round of the longer set)", whole(1))
    .option("--save-every <n>", "also save a checkpoint every n steps", whole(1))
    .option("--seed <n>", "every random choice follows from it", whole(0), 0)
    .option("--label <n>", "which label of the masks, where they hold several", whole(1))
    .option("--window <low,high>", "CT window in HU, or \"soft\" (-160,240), or \"lung\" (-1000,500)", "soft")
    .option("--splits <file>", "JSON of training and validation cases (default: splits.json in or beside the student's folder, else by patient from the seed)")
    .option("--vgg <file>", "ImageNet weights of VGG19 as safetensors with torchvision's names (default: random weights from the seed)")
    .option("--no-augment", "train on the slices as they are: no flips, rotations, scalings")
    .option("--device <name>", "part of an adapter's name, \"software\" or \"swiftshader\" (default: CMEDL_DEVICE, else the fastest)")
    .option("-q, --quiet", "say nothing but errors")
    .addHelpText("after", `
Folders hold <id>_image.nii.gz with <id>_mask.nii.gz (or _gtv, _label, _seg), image_<id> with label_<id>, images/ and labels/, or imagesTr/ and labelsTr/.
The run's folder gets checkpoints, a picture an epoch, log.jsonl, results.csv, curves.png.

Examples:
  cmedl train --student data/ct --teacher data/mr --out runs/first
  cmedl train --student data/ct --teacher data/mr --out runs/small --size 64 --width 8 --epochs 5
  cmedl train --student data/ct --teacher data/mr --out runs/ct --regime ct-only
  cmedl train --resume runs/first --epochs 120`)
    .action((flags: TrainFlags) => (flags.resume === undefined ? start(flags) : resume(flags)));
}

async function start(flags: TrainFlags): Promise<void> {
  const { student, teacher, out } = flags;
  for (const [name, value] of [["--student", student], ["--teacher", teacher], ["--out", out]] as const) {
    if (value === undefined) throw new CommandError("usage", `${name} is missing: give --student, --teacher and --out, or --resume RUN`);
  }
  const narrator = new Narrator({ quiet: flags.quiet });
  const studentSet = await scanDataset(student!), teacherSet = await scanDataset(teacher!);
  const splitsOf = async (set: Dataset) => findSplits(set, flags.splits === undefined ? {} : { path: flags.splits });
  const studentLists = await splitsOf(studentSet), teacherLists = await splitsOf(teacherSet);
  const split = splitUnpaired(studentSet.cases, teacherSet.cases, { seed: flags.seed, lists: { student: studentLists?.lists, teacher: teacherLists?.lists } });
  const surveys = [...(await surveyCases(studentSet.cases)), ...(await surveyCases(teacherSet.cases))];
  const vgg = flags.vgg === undefined ? undefined : await examineVgg(flags.vgg);
  const ids = (cases: readonly CaseFiles[]): string[] => cases.map((c) => c.id);
  const grid: SliceGrid = { fieldMm: flags.field ?? Math.round(defaultFieldMm(surveys.map((s) => s.shortSideMm))), size: flags.size };
  const config: TrainConfig = {
    version: 1, regime: flags.regime, student: resolve(student!), teacher: resolve(teacher!), grid,
    studentIntensity: windowOf(flags.window), teacherIntensity: mrPercentile, label: flags.label ?? null,
    width: { segmentor: flags.width, generator: flags.width, discriminator: flags.width, features: vgg?.width ?? flags.width },
    blocks: flags.blocks ?? defaultBlocks(flags.size), layers: flags.layers ?? defaultLayers(flags.size), taps: vgg?.taps ?? PAPER_TAPS, vgg: flags.vgg === undefined ? null : resolve(flags.vgg),
    batch: flags.batch, epochs: flags.epochs ?? DEFAULT_EPOCHS, steps: flags.steps ?? null, seed: flags.seed, augment: flags.augment,
    rates: { G: 1e-4, D: 1e-4, S: 2e-4 }, weights: (({ adv, cyc, cx, hint, seg }) => ({ adv, cyc, cx, hint, seg }))(PAPER_WEIGHTS), pool: 50, saveEvery: flags.saveEvery ?? null,
    cases: { studentTrain: ids(split.student.train), studentVal: ids(split.student.val), teacherTrain: ids(split.teacher.train) },
  };
  const sets = await prepare(config, studentSet, teacherSet, narrator);
  const device = await openDevice(narrator, flags.device);
  // Nothing was written so far: bad input leaves no trace.
  const run = await RunFolder.create(out!);
  await run.writeConfig(config);
  narrator.say(`run folder: ${run.path}`);
  narrator.say(`CT: ${studentSet.layout.says}; MR: ${teacherSet.layout.says}. ${config.cases.studentTrain.length} CT and ${config.cases.teacherTrain.length} MR cases train (${sets.student.count} and ${sets.teacher.count} slices), ${config.cases.studentVal.length} CT cases validate (${sets.validation.count} slices); split ${studentLists ? `by ${studentLists.path}` : `by patient from seed ${config.seed}`}`);
  if (config.regime === "cmedl") narrator.say(vgg ? `contextual loss: VGG19 weights of ${config.vgg}, layers ${config.taps.join(", ")}` : `contextual loss: VGG19 with random weights from seed ${config.seed} (no --vgg FILE was given)`);
  await finish(config, sets, run, narrator, device);
}

async function resume(flags: TrainFlags): Promise<void> {
  const narrator = new Narrator({ quiet: flags.quiet });
  const run = await RunFolder.open(flags.resume!);
  const stored = parseConfig(await run.readConfig(), `${run.path}/config.json`);
  const from = await run.latestCheckpoint((message) => narrator.say(`passed over: ${printable(message)}`));
  const config: TrainConfig = { ...stored, epochs: flags.epochs ?? stored.epochs };
  const { progress } = from.checkpoint;
  if (progress.epoch >= config.epochs) throw new CommandError("usage", `${run.path} has finished its ${config.epochs} epochs; give more with --epochs`);
  const sets = await prepare(config, await scanDataset(config.student), await scanDataset(config.teacher), narrator);
  const device = await openDevice(narrator, flags.device);
  if (config.epochs !== stored.epochs) await run.writeConfig(config);
  await run.truncateLog(progress.steps);
  narrator.say(`run folder: ${run.path}; going on at epoch ${progress.epoch + 1}, step ${progress.step + 1}`);
  await finish(config, sets, run, narrator, device, from);
}

async function finish(config: TrainConfig, sets: RunSets, run: RunFolder, narrator: Narrator, device: Awaited<ReturnType<typeof openDevice>>, from?: Awaited<ReturnType<RunFolder["latestCheckpoint"]>>): Promise<void> {
  const { best } = await trainRun(device, config, sets, run, narrator, { from });
  const path = (await exists(run.bestCheckpoint)) ? run.bestCheckpoint : `${run.path}/checkpoints`;
  narrator.say(best ? `best validation Dice ${best.dice.toFixed(3)} after epoch ${best.epoch + 1}: ${path}` : `no epoch was validated; checkpoints: ${path}`);
  narrator.say(`segment a scan with: cmedl predict ${run.path} IMAGE.nii.gz -o MASK.nii.gz`);
  process.stdout.write(`${run.path}\n`);
}

/** The slices of a run, by the ids of its configuration. */
async function prepare(config: TrainConfig, student: Dataset, teacher: Dataset, narrator: Narrator): Promise<RunSets> {
  const pick = (set: Dataset, ids: readonly string[]): CaseFiles[] => ids.map((id) => {
    const found = set.cases.find((c) => c.id === id);
    if (!found) throw new CommandError("data", `${set.folder}: case ${id} of the run is gone; put its files back or start a new run`);
    return found;
  });
  const load = async (what: string, set: Dataset, ids: readonly string[], rule: IntensityRule, negatives?: "all") => {
    const bar = narrator.bar(`reading ${what}`, ids.length);
    const options: SliceLoadOptions = { grid: config.grid, rule, seed: config.seed, onProgress: ({ id }) => bar.advance(id), onWarning: (m) => narrator.say(m), ...(config.label === null ? {} : { label: config.label }), ...(negatives ? { negatives } : {}) };
    try {
      return await loadSlices(pick(set, ids), set.folder, options);
    } finally {
      bar.done();
    }
  };
  return {
    student: await load("CT", student, config.cases.studentTrain, config.studentIntensity),
    teacher: await load("MR", teacher, config.cases.teacherTrain, config.teacherIntensity),
    validation: await load("validation", student, config.cases.studentVal, config.studentIntensity, "all"),
  };
}

function windowOf(text: string): IntensityRule {
  if (text === "soft") return softTissueWindow;
  if (text === "lung") return lungWindow;
  const [low, high, ...rest] = text.split(",").map(Number);
  if (rest.length > 0 || !Number.isFinite(low) || !Number.isFinite(high) || low >= high) throw new CommandError("usage", `--window ${printable(text)} is no window; give "soft", "lung" or two HU values such as -160,240`);
  return { kind: "window", low, high };
}
