// cmedl demo: no data and no GPU needed. Makes CT phantoms, few of them labelled, and many labelled MR phantoms of
// other patients; trains the student with CT alone and with CMEDL+pMRI; tests both on patients that neither saw.
import { join } from "node:path";
import { type Command, Option } from "commander";
import type { Device } from "../engine/index.ts";
import { summarize } from "../metrics/summary.ts";
import { PaysData, type PaysSets } from "../node/experiment/pays-data.ts";
import { type PlannedPaysJob, planPays } from "../node/experiment/pays-run.ts";
import { exists, writeAtomic } from "../node/files.ts";
import { coresHere, shareCores } from "../node/gpu/cores.ts";
import type { GpuChoice } from "../node/gpu/open.ts";
import { Narrator } from "../node/narrator.ts";
import { clock } from "../report/quantities.ts";
import { RunFolder } from "../node/run/folder.ts";
import { zipOfRun } from "../node/run/models-below.ts";
import { comparisonSvg } from "../node/run/pictures.ts";
import { SideProcessError, answer, beside, isBeside } from "../node/run/side-process.ts";
import { VolumeSegmenter } from "../train/volumes/volume-segmenter.ts";
import { trainRun } from "../node/run/train.ts";
import type { TrainConfig } from "../train/config/config.ts";
import { PAYS_DEFAULTS, PAYS_EPOCHS, PAYS_ROWS, type PaysJob, type PaysWord, paysSteps } from "../train/pays.ts";
import { type ValidationDice, diceByCase } from "../train/validation.ts";
import { exitOf } from "./exit.ts";
import { writeJsonLine } from "./json-line.ts";
import { addDeviceFlag, networkOpener } from "./open-device.ts";
import { wholeNumber } from "./whole-number.ts";

const { size: SIZE, generator: GENERATOR, patients: LABELLED } = PAYS_DEFAULTS;
/** The network of the epoch with the lowest validation loss, in each run's folder. */
const MODEL = "model.zip";
const STEPS = paysSteps(SIZE) / PAYS_EPOCHS;

/** The runs and their folders, the baseline first. */
const ROWS = { "ct-only": { word: "ct", name: "CT only" }, cmedl: { word: "pmri", name: "CMEDL+pMRI" } } as const;
type RowFolder = keyof typeof ROWS;
const FOLDERS = Object.keys(ROWS) as RowFolder[];

interface DemoFlags {
  out?: string;
  seed: string;
  epochs: string;
  device?: string;
  quiet?: boolean;
  json?: boolean;
  only?: RowFolder;
}

export function register(command: Command): void {
  command
    .option("--out <folder>", "folder for the runs (default: runs/demo, runs/demo-2, …)")
    .option("--seed <n>", "seed of the phantoms and of every random choice", "0")
    .option("--epochs <n>", `epochs of both runs, of ${STEPS} steps`, String(PAYS_EPOCHS));
  addDeviceFlag(command)
    .addOption(
      new Option("--only <run>", "train and test this one, for the process that asked").choices(FOLDERS).hideHelp(),
    )
    .option("-q, --quiet", "say nothing but errors and the result")
    .option("--json", "print the records of both runs' log.jsonl as they come, a line each, and last the result")
    .addHelpText(
      "after",
      `
The student segments CT, of which ${LABELLED} patients have labels. CT only learns from these; CMEDL+pMRI also
from labelled MR of other patients: translated to CT, and by hints of a teacher that segments it.
Both train equally long, and are tested after the last epoch on 48 CT patients that neither saw.
Without a GPU they train side by side, each in a process of its own, where there are two cores or more.
With --json a line is a record of log.jsonl and the run that it is of, and the last {"event":"done",…} has the
Dice of each of these patients by either run.

Examples:
  cmedl demo
  cmedl demo --seed 1 --out runs/second
  cmedl experiment pays --data phantom --rows ct,pmri     the same by ten seeds, with tests`,
    )
    .action(demo);
}

async function demo(flags: DemoFlags): Promise<void> {
  const seed = wholeNumber("--seed", flags.seed, 0);
  const epochs = wholeNumber("--epochs", flags.epochs, 2);
  const started = performance.now();
  const narrator = new Narrator({ quiet: flags.quiet, noBars: isBeside() });
  const out = flags.out ?? (await freeName("runs/demo"));
  using data = PaysData.phantoms(SIZE, narrator);
  const jobs = FOLDERS.map((folder) => jobOf(ROWS[folder].word, seed));
  const [alone, taught] = (await planPays(jobs, data, {
    size: SIZE,
    generator: GENERATOR,
    steps: epochs * STEPS,
    epochs,
    given: [],
  })) as [PlannedPaysJob, PlannedPaysJob];
  const sets = await data.sets(taught.config, taught.test);
  const { cases } = taught.config;
  narrator.say(
    `phantoms: ${cases.studentTrain.length} labelled CT patients and ${cases.teacherTrain.length} labelled MR patients ` +
      `train (${sets.student.count} and ${sets.teacher?.count ?? 0} slices of ${SIZE} × ${SIZE}), ` +
      `${taught.test.length} other CT patients are kept for the test`,
  );

  shareCores(FOLDERS.length);
  let isSoftware = false;
  const onFound = ({ software }: GpuChoice): void => {
    isSoftware = software;
  };
  using device = await networkOpener(narrator, flags.device, onFound)();
  const around: Surroundings = { device, sets, narrator, json: flags.json };
  const train = (row: RowFolder): Promise<Tested> =>
    trainAndTest((row === "cmedl" ? taught : alone).config, join(out, row), around);
  if (flags.only) return answer(await train(flags.only));
  const isSideBySide = isSoftware && coresHere() >= FOLDERS.length;
  const { baseline, cmedl } = isSideBySide
    ? await sideBySide(train, flags, out, narrator)
    : await inTurn(train, narrator);

  const picture = join(out, "demo.svg");
  await writeAtomic(picture, comparisonSvg(sets.test, baseline.probability, cmedl.probability, cmedl.translated));
  const seconds = (performance.now() - started) / 1000;
  if (flags.json) {
    const runs = { "ct-only": baseline.dice.cases, cmedl: cmedl.dice.cases };
    writeJsonLine({ event: "done", out, dice: runs, picture, seconds });
    return;
  }
  process.stdout.write(`
Dice on ${taught.test.length} CT patients that neither run saw, after the last epoch:
${resultText("CT only", baseline)}
${resultText("CMEDL+pMRI", cmedl)}

${verdict(baseline, cmedl)}

picture      ${picture}
reports      ${join(out, "ct-only", "report.html")}, ${join(out, "cmedl", "report.html")}
checkpoints  ${join(out, "ct-only", "checkpoints")}, ${join(out, "cmedl", "checkpoints")}
model        ${join(out, "cmedl", MODEL)}: for \`cmedl predict\`, or dropped into the studio (npm run web)
took         ${clock(seconds)}
`);
}

interface Pair {
  readonly baseline: Tested;
  readonly cmedl: Tested;
}
type Train = (row: RowFolder) => Promise<Tested>;

async function inTurn(train: Train, narrator: Narrator): Promise<Pair> {
  narrator.say("1 of 2: CT only, the baseline");
  const baseline = await train("ct-only");
  narrator.say("2 of 2: CMEDL+pMRI, taught by MR");
  return { baseline, cmedl: await train("cmedl") };
}

/** The baseline in a process of its own, CMEDL+pMRI in this one. */
async function sideBySide(train: Train, flags: DemoFlags, out: string, narrator: Narrator): Promise<Pair> {
  const name = ROWS["ct-only"].name;
  narrator.say(`${name}, the baseline, and CMEDL+pMRI, taught by MR, train side by side`);
  let baseline: Tested | undefined;
  const args = ["demo", "--only", "ct-only", "--out", out, "--seed", flags.seed, "--epochs", flags.epochs];
  const device = flags.device === undefined ? [] : ["--device", flags.device];
  const other = beside([...args, ...device, ...(flags.quiet ? ["--quiet"] : []), ...(flags.json ? ["--json"] : [])], {
    tell: narrator.retelling(name),
    onMessage: (tested) => {
      baseline = tested as Tested;
    },
    stdout: "inherit",
  });
  // Where it fails, the run of this process saves and ends as by Ctrl-C.
  const failed = (code: number): unknown => code === 0 || code === INTERRUPTED || process.emit("SIGINT");
  other.ended.then(failed, () => failed(1));
  try {
    const cmedl = await train("cmedl");
    const code = await other.ended;
    if (!baseline) throw new SideProcessError(name, code || 1);
    return { baseline, cmedl };
  } catch (error) {
    other.stop();
    const code = await other.ended;
    const isItsFault = code !== 0 && code !== INTERRUPTED && exitOf(error).exitCode === INTERRUPTED;
    throw isItsFault ? new SideProcessError(name, code) : error;
  }
}
/** Exit code of a command that saved and ended on request. */
const INTERRUPTED = 130;

function jobOf(word: PaysWord, seed: number): PaysJob {
  return { id: word, row: PAYS_ROWS.find((row) => row.word === word)!, seed, patients: LABELLED };
}

interface Surroundings {
  readonly device: Device;
  readonly sets: PaysSets;
  readonly narrator: Narrator;
  readonly json: boolean | undefined;
}

interface Tested {
  readonly dice: ValidationDice;
  /** Of the test's slices [count, size, size]. */
  readonly probability: Float32Array;
  /** Pseudo MR of the same, where the run translates. */
  readonly translated?: Float32Array | undefined;
}

/** Trains a run to its end and tests its last weights. */
async function trainAndTest(
  config: TrainConfig,
  path: string,
  { device, sets, narrator, json }: Surroundings,
): Promise<Tested> {
  const { test } = sets;
  const run = await RunFolder.create(path);
  await using _lock = await run.lock();
  await run.writeConfig(config);
  const onEvent = (event: object): void => writeJsonLine({ run: run.path, ...event });
  await trainRun(device, { config, sets, run, narrator }, json ? { onEvent } : {});
  await writeAtomic(join(path, MODEL), (await zipOfRun(path)).zip);
  const { checkpoint } = await run.latestCheckpoint();
  using segmenter = await VolumeSegmenter.open(device, config, checkpoint);
  const probability = await segmenter.probabilities(test.images);
  return { dice: diceByCase(probability, test), probability, translated: await segmenter.translated(test.images) };
}

/** "  CT only     0.405 ± 0.181". */
function resultText(name: string, { dice }: Tested): string {
  const { mean, std } = summarize(Object.values(dice.cases));
  return `  ${name.padEnd(10)}  ${mean.toFixed(3)} ± ${std.toFixed(3)}`;
}

function verdict(baseline: Tested, cmedl: Tested): string {
  const gain = cmedl.dice.mean - baseline.dice.mean;
  const shown = `${gain >= 0 ? "+" : ""}${gain.toFixed(3)}`;
  const better = Object.entries(cmedl.dice.cases).filter(([id, dice]) => dice > baseline.dice.cases[id]!).length;
  const count = Object.keys(cmedl.dice.cases).length;
  const part =
    "The gain is that of pseudo CT: MR translated to CT brings MR's labels to the student. It is not shown to be the hint's.";
  return `CMEDL+pMRI against CT only: ${shown}, better in ${better} of ${count} patients.
${gain > 0 ? part : "No gain in this run."}
One run proves little: all these patients share one pair of networks. For evidence over ten seeds:
  cmedl experiment pays --data phantom --rows ct,pmri`;
}

async function freeName(path: string): Promise<string> {
  for (let i = 1; ; i++) {
    const name = i === 1 ? path : `${path}-${i}`;
    if (!(await exists(name))) return name;
  }
}
