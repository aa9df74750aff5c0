// cmedl experiment: trains the rows of one of the paper's tables side by side, tests them on the same cases, prints
// the table.
import { join } from "node:path";
import { Argument, type Command } from "commander";
import { CommandError } from "../node/errors.ts";
import { ExperimentData, PHANTOM_SIZE } from "../node/experiment/data.ts";
import { ExperimentFolder } from "../node/experiment/folder.ts";
import { type Choices, type PlannedJob, mergedFields, planJobs } from "../node/experiment/jobs.ts";
import { decideLength } from "../node/experiment/length.ts";
import { lengthText, writeTables } from "../node/experiment/report.ts";
import { type Surroundings, runJobs, testedJobs } from "../node/experiment/run.ts";
import { Narrator } from "../node/narrator.ts";
import { isBeside } from "../node/run/side-process.ts";
import { type PartialConfig, SEGMENTORS, type SegmentorName, structuresOf } from "../train/config/config.ts";
import { EXPERIMENTS, type Experiment, type ExperimentName, trainedJobs } from "../train/experiments.ts";
import { type FlagValues, addConfigFlags, addForceFlag, flagLayers, oddness } from "./config-flags.ts";
import { completing } from "./completion-words.ts";
import { registerPays } from "./experiment-pays.ts";
import { type TaskFlags, addTaskFlags, decidedIn, doTasks } from "./experiment-tasks.ts";
import { addCacheFlag, cacheOf } from "./memory-flags.ts";
import { addDeviceFlag, networkOpener } from "./open-device.ts";
import { TOLERANCE_FLAG, TOLERANCE_SAYS, toleranceOf } from "./tolerance.ts";
import { wholeNumber } from "./whole-number.ts";

interface ExperimentFlags extends FlagValues, TaskFlags {
  data?: string;
  student?: string;
  teacher?: string;
  paired?: string;
  out?: string;
  segmentors?: string;
  seeds: string;
  folds?: string;
  budget?: string;
  tolerance?: string;
  cache?: string;
  device?: string;
  force?: boolean;
  quiet?: boolean;
}

const EXPERIMENT_NAMES = Object.keys(EXPERIMENTS);

export function register(command: Command): void {
  command
    .addArgument(completing(new Argument("<experiment>", EXPERIMENT_NAMES.join(", ")), EXPERIMENT_NAMES))
    .option("--data <folder>", 'folder with ct/ and mr/ (table7: t1/ and t2/), or "phantom": made on the spot')
    .option("--out <folder>", "folder for runs and tables, new or of an experiment to go on with (runs/EXPERIMENT)")
    .option("--segmentors <names>", `networks to train, of ${SEGMENTORS.join(",")} (those of the paper's table)`)
    .option("--seeds <n>", "runs of each row; a case counts with the mean of its runs", "1")
    .option("--folds <n>", "cross-validation by patients: each case is tested in one fold")
    .option("--budget <time>", "wall time for all, such as 90s, 20m or 2h: decides how long every row trains")
    .option(TOLERANCE_FLAG, TOLERANCE_SAYS)
    .option("--paired <folder>", "table5: real MR of the CT's own patients, registered to them, for SSIM and PSNR");
  addConfigFlags(command, { without: ["--segmentor", "--seed", "--fold", "--init"] });
  addForceFlag(command);
  addCacheFlag(command);
  addTaskFlags(command);
  addDeviceFlag(command)
    .option("-q, --quiet", "say nothing but errors")
    .option("--json", "print results.json instead of the tables")
    .addHelpText(
      "after",
      `
Experiments:
${Object.entries<Experiment>(EXPERIMENTS)
  .map(([name, plan]) => helpOf(name, plan))
  .join("\n")}

All rows train equally many steps, with the same seeds, splits and data, and without early stopping
(--set optimization.patience=N switches it on). With --budget each row first runs for a few steps,
and all rows take the largest number of steps that fits: a row with slow steps gets more of the
time. The number then stays, however often the command is given again. The best epoch by validation
is tested, case by case, on the cases that splits.json names as "test", else on those that validate.
Ctrl-C saves, and the same command goes on. Rows that are done are not trained again. Segmentors and
seeds may be added later. On a cluster: --emit writes what its engine runs, --collect makes the tables.

Examples:
  cmedl experiment table1 --data phantom --segmentors unet --budget 20m
  cmedl experiment table3 --student data/ct --teacher data/mr --size 128 --width 16 --budget 8h
  cmedl experiment table6 --data data --folds 3 --segmentors unet --epochs 20
  cmedl experiment hints --data phantom --size 32 --epochs 5 --seeds 3`,
    )
    .action(experiment);
  command.enablePositionalOptions();
  registerPays(command);
}

/** An experiment's lines of the help: its title, and below it its rows. */
function helpOf(name: string, { title, rows }: Experiment): string {
  const lines: string[] = [];
  for (const { part, name: row } of rows) {
    const text = part === undefined ? row : `${part} ${row}`;
    const last = lines.at(-1);
    if (last !== undefined && last.length + text.length + 2 <= HELP_WIDTH) lines[lines.length - 1] = `${last}, ${text}`;
    else {
      if (last !== undefined) lines[lines.length - 1] = `${last},`;
      lines.push(`${" ".repeat(16)}${text}`);
    }
  }
  return [`  ${name.padEnd(13)} ${title}:`, ...lines].join("\n");
}
const HELP_WIDTH = 99;

async function experiment(name: string, flags: ExperimentFlags): Promise<void> {
  const started = performance.now();
  const since = (): number => (performance.now() - started) / 1000;
  const plan = experimentOf(name);
  const { budget, toleranceMm, ...choices } = readFlags(flags, plan);
  checkPaired(flags, plan);
  const narrator = new Narrator({ quiet: flags.quiet, noBars: isBeside() });
  const given = flagLayers(flags);
  const asked = mergedFields(given);
  using data = await openData(plan, flags, asked, narrator);
  const jobs = await planJobs(plan, choices, data, given);
  const first = jobs[0]!; // at least one row, network and seed
  const settings = { data: data.name, folds: choices.folds, ...asked };
  const folder = await ExperimentFolder.open(flags.out ?? join("runs", name), name, settings);
  narrator.say(`${name}: ${plan.title}`);
  const inFold = choices.folds === null ? "" : ` in the first of ${choices.folds} folds`;
  narrator.say(`data: ${data.says}; ${first.test.length} cases are tested on${inFold}`);

  const open = networkOpener(narrator, flags.device);
  const around: Surroundings = { data, folder, narrator, open, command: `cmedl experiment ${name}` };
  if (folder.decided) {
    const unused = budget === null ? "" : "; --budget changes nothing now";
    narrator.say(`going on in ${folder.path}: ${lengthText(folder.decided.length)} a run, as it was begun${unused}`);
  }
  const { length, seconds } = await decidedIn(folder, flags, async () => ({
    version: 1,
    experiment: name,
    settings,
    ...(await decideLength(first, trainedJobs(jobs), { ...asked.optimization, budget, since }, around)),
  }));

  const { structures, tests } = plan;
  const about = { toleranceMm, length, data: data.says, ...subjectOf(plan, first, flags) };
  await doTasks(
    {
      name,
      folder,
      jobs,
      runOf: (job) => job.run,
      tested: () => testedJobs(jobs, around, { tests, toleranceMm }),
      train: (chosen, processes, onJob) =>
        runJobs(chosen, { ...around, processes }, { length, seconds, tests, toleranceMm, structures, onJob }),
      writeTables: (results) => writeTables(folder, name, plan, jobs, results, about),
      tables: "table.md, table.csv, results.json",
      started,
    },
    flags,
    narrator,
  );
}

/** What the tables say of the patients: phantoms, or the paper's kind of data; whether tests are validation's cases. */
function subjectOf(
  { structures }: Experiment,
  { config, test }: PlannedJob,
  { data }: ExperimentFlags,
): { of?: string; isOfThePaper: boolean; testIsValidation: boolean } {
  const testIsValidation = test.some((id) => config.cases.studentVal.includes(id));
  if (data === "phantom")
    return { of: "on phantoms of CT and MR with one made structure", isOfThePaper: false, testIsValidation };
  return { isOfThePaper: structuresOf(config) === (structures?.length ?? 1), testIsValidation };
}

function experimentOf(name: string): Experiment {
  if (!Object.hasOwn(EXPERIMENTS, name))
    throw new CommandError("usage", `${name} is no experiment; choose one of ${EXPERIMENT_NAMES.join(", ")}`);
  return EXPERIMENTS[name as ExperimentName];
}

/** Phantoms, or the folders that the flags name. Throws CommandError and DataError. */
async function openData(
  plan: Experiment,
  flags: ExperimentFlags,
  { data: asked }: PartialConfig,
  narrator: Narrator,
): Promise<ExperimentData> {
  const cache = await cacheOf(flags.cache, flags.data);
  if (flags.data !== "phantom")
    return ExperimentData.ofFolders(flags, plan.folders, narrator, {
      splits: asked?.splits ?? undefined,
      odd: oddness(flags),
      cache,
    });
  const isMrTheStudent = plan.folders[0] === "mr";
  return ExperimentData.ofPhantoms(isMrTheStudent ? ["MR", "CT"] : ["CT", "MR"], asked?.size ?? PHANTOM_SIZE, narrator);
}

/** Throws CommandError where nothing is tested against the images of --paired. */
function checkPaired({ paired, data }: ExperimentFlags, { tests }: Experiment): void {
  if (paired === undefined) return;
  if (tests !== "translation")
    throw new CommandError("usage", `--paired ${paired}: only table5 tests pseudo images; leave it out`);
  if (data === "phantom")
    throw new CommandError("usage", `--paired ${paired}: phantoms have real images of their own; leave it out`);
}

interface Choice extends Choices {
  /** Seconds for all; null where none was given. */
  readonly budget: number | null;
  readonly toleranceMm: number;
}

function readFlags(flags: ExperimentFlags, plan: Experiment): Choice {
  const segmentors = segmentorsIn(flags.segmentors) ?? plan.segmentors;
  return {
    segmentors: [...new Set(segmentors)],
    seeds: wholeNumber("--seeds", flags.seeds, 1),
    folds: flags.folds === undefined ? null : wholeNumber("--folds", flags.folds, 2),
    budget: flags.budget === undefined ? null : secondsIn(flags.budget),
    toleranceMm: toleranceOf(flags.tolerance),
  };
}

function segmentorsIn(text: string | undefined): SegmentorName[] | undefined {
  return text
    ?.split(",")
    .map((name) => name.trim())
    .map((name) => {
      const known = SEGMENTORS.find((s) => s === name);
      if (known === undefined)
        throw new CommandError("usage", `--segmentors ${text}: ${name} is none of ${SEGMENTORS.join(", ")}`);
      return known;
    });
}

/** Seconds of "90s", "20m", "2h" or "1h30m". Throws CommandError. */
export function secondsIn(text: string): number {
  const found = /^(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?$/.exec(text.trim());
  const seconds = found ? 3600 * Number(found[1] ?? 0) + 60 * Number(found[2] ?? 0) + Number(found[3] ?? 0) : 0;
  if (!(seconds > 0)) throw new CommandError("usage", `--budget ${text}: give a time such as 90s, 20m or 2h`);
  return seconds;
}
