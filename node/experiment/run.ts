// The runs of an experiment, one after another: each is trained once, goes on where it stopped, and is tested.
import { setTimeout } from "node:timers/promises";
import { type Device, NumericalError } from "../../engine/index.ts";
import type { TrainConfig } from "../../train/config/config.ts";
import { type Length, trainedJobs } from "../../train/experiments.ts";
import { CommandError } from "../errors.ts";
import type { Narrator } from "../narrator.ts";
import { clock } from "../../report/quantities.ts";
import { type Evaluation, evaluateRun } from "../run/evaluate.ts";
import type { RunFolder } from "../run/folder.ts";
import { RunLock, RunLockedError } from "../run/lock.ts";
import { type TrainRunOptions, trainRun } from "../run/train.ts";
import { VolumeTranslator } from "../../train/volumes/volume-translator.ts";
import { type TranslationOptions, otherGridText, testTranslation } from "../run/translation-test.ts";
import type { ExperimentData } from "./data.ts";
import type { ExperimentFolder, TestMethod } from "./folder.ts";
import { type PlannedJob, isSwapped, rowName } from "./jobs.ts";
import { Pace } from "./pace.ts";

export interface Surroundings {
  readonly data: ExperimentData;
  readonly folder: ExperimentFolder;
  readonly narrator: Narrator;
  /** A device of its own for each job: with it go its networks. */
  open(): Promise<Device>;
  /** What was typed, for the message that says how to go on. */
  readonly command: string;
  /** Processes that train the experiment's runs side by side. Default: this one alone. */
  readonly processes?: number;
}

export interface RunJobsOptions {
  readonly length: Length;
  /** Seconds that each run is expected to need, by its job. */
  readonly seconds?: Readonly<Record<string, number>>;
  /** What of a run is tested. Default: the masks. */
  readonly tests?: "masks" | "translation" | undefined;
  /** The tolerance of surface Dice. */
  readonly toleranceMm: number;
  /** Names of the structures, in the order of the classes. */
  readonly structures?: readonly string[];
  /** Hears of what was found so far after each job. */
  onJob(results: ReadonlyMap<PlannedJob, Evaluation>): Promise<void>;
}

/**
 * Runs all jobs. Numbers that are not finite end a job, not the others: `failed` has those errors. Throws CommandError
 * "interrupted" after Ctrl-C.
 */
export async function runJobs(
  jobs: readonly PlannedJob[],
  around: Surroundings,
  options: RunJobsOptions,
): Promise<{ results: ReadonlyMap<PlannedJob, Evaluation>; failed: readonly NumericalError[] }> {
  const runs = trainedJobs(jobs).map((job) => job.id);
  const pace = new Pace(runs, options.seconds ?? {}, around.processes);
  return eachJob(
    jobs,
    {
      runOf: (job) => around.folder.runPath(job.run),
      nameOf: (job) => job.row.name,
      says: (job) => {
        const fold = job.fold === null ? "" : `, fold ${job.fold + 1}`;
        return `${rowName(job)}, ${job.segmentor}, seed ${job.seed}${fold}`;
      },
      run: (job) => runJob(job, jobs.find((j) => j.id === job.run)!, pace, around, options),
      onJob: options.onJob,
    },
    pace,
    around.narrator,
  );
}

/** How the jobs of an experiment are run: `J` is a job, `R` what its test found. */
export interface JobRunner<J, R> {
  /** The folder of a job's run. */
  runOf(job: J): string;
  /** A job in a word, before an error; and what it trains, in a line. */
  nameOf(job: J): string;
  says(job: J): string;
  /** Trains and tests a job. */
  run(job: J): Promise<R>;
  /** Hears of what was found so far after each job. */
  onJob(results: ReadonlyMap<J, R>): Promise<void>;
}

/**
 * Runs jobs one after another, and says which and how long all will take. Numbers that are not finite end a job, not
 * the others: `failed` has those errors.
 */
export async function eachJob<J, R>(
  jobs: readonly J[],
  { runOf, nameOf, says, run, onJob }: JobRunner<J, R>,
  pace: Pace,
  narrator: Narrator,
): Promise<{ results: ReadonlyMap<J, R>; failed: readonly NumericalError[] }> {
  const results = new Map<J, R>();
  const failed: NumericalError[] = [];
  await eachInTurn(jobs, runOf, narrator, async (job, i) => {
    narrator.say(`${i + 1} of ${jobs.length}: ${says(job)}; ${clock(pace.left)} left for all`);
    try {
      results.set(job, await run(job));
    } catch (error) {
      if (!(error instanceof NumericalError)) throw error;
      failed.push(error);
      narrator.say(`${nameOf(job)}: ${error.message}`);
    }
    await onJob(results);
  });
  return { results, failed };
}

/**
 * Does `work` for each job, which has its run in the folder `runOf`. Several processes may be at one experiment: a job
 * whose run another one trains comes last, and is waited for.
 */
export async function eachInTurn<J>(
  jobs: readonly J[],
  runOf: (job: J) => string,
  narrator: Narrator,
  work: (job: J, index: number) => Promise<void>,
): Promise<void> {
  const later: (readonly [J, number])[] = [];
  for (const [i, job] of jobs.entries()) {
    if (!(await wasDone(() => work(job, i)))) {
      narrator.say(`${runOf(job)} is being trained by another process: left for the end`);
      later.push([job, i]);
    }
  }
  for (const [job, i] of later) {
    do while (await RunLock.isHeld(runOf(job))) await setTimeout(WAIT_MS);
    while (!(await wasDone(() => work(job, i))));
  }
}

/** False where another process trains the run. */
async function wasDone(work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (error instanceof RunLockedError) return false;
    throw error;
  }
}
const WAIT_MS = 5000;

/** Trains the run that a job is tested by, unless it is done, and tests it, unless it was. */
async function runJob(
  job: PlannedJob,
  trained: PlannedJob,
  pace: Pace,
  around: Surroundings,
  options: RunJobsOptions,
): Promise<Evaluation> {
  const { folder } = around;
  const started = performance.now();
  const { run, isNew } = await trainJob(trained, options.length, around);
  pace.done(trained.id, isNew ? (performance.now() - started) / 1000 : undefined);
  const how = methodOf(around.data, options);
  const known = await folder.evaluation(trained.id, job.id, how, job.test);
  if (known) return known;
  const found = await testJob(job, run, around, options);
  await folder.writeEvaluation(trained.id, job.id, how, found);
  return found;
}

/** What is known of jobs whose runs were trained and tested before; nothing is done for the others. */
export async function testedJobs(
  jobs: readonly PlannedJob[],
  { data, folder }: Pick<Surroundings, "data" | "folder">,
  options: Pick<RunJobsOptions, "tests" | "toleranceMm">,
): Promise<ReadonlyMap<PlannedJob, Evaluation>> {
  const how = methodOf(data, options);
  const results = new Map<PlannedJob, Evaluation>();
  for (const job of jobs) {
    const known = await folder.evaluation(job.run, job.id, how, job.test);
    if (known) results.set(job, known);
  }
  return results;
}

function methodOf(
  { paired }: ExperimentData,
  { tests, toleranceMm }: Pick<RunJobsOptions, "tests" | "toleranceMm">,
): TestMethod {
  if (tests !== "translation") return { toleranceMm };
  const folder = paired.student?.folder;
  return { toleranceMm, tests, ...(folder ? { paired: folder } : {}) };
}

/** A job's run, trained to its end. */
function trainJob(job: PlannedJob, length: Length, around: Surroundings): Promise<TrainedRun> {
  const { data, narrator, open } = around;
  const config = withLength(job.config, length);
  return trainToEnd(job.id, config, around, async (run, from) => {
    const sets = await data.sets(config, isSwapped(job));
    using device = await open();
    await trainRun(device, { config, sets, run, narrator }, { ...from, reopen: open });
  });
}

export interface TrainedRun {
  readonly run: RunFolder;
  /** Whether all of it was trained now. */
  readonly isNew: boolean;
}

/** The run `id`, which `train` trains to its end, from its last checkpoint where it was begun, unless it is done. */
export async function trainToEnd(
  id: string,
  config: TrainConfig,
  { folder, narrator, command }: Pick<Surroundings, "folder" | "narrator" | "command">,
  train: (run: RunFolder, from: TrainRunOptions) => Promise<void>,
): Promise<TrainedRun> {
  const { run, lock, state } = await folder.run(id, config);
  await using _lock = lock;
  if (state === "finished") {
    narrator.say(`${id} is trained already`);
    return { run, isNew: false };
  }
  const from = await run.standing((message) => narrator.say(`passed over: ${message}`));
  if (from) {
    const { epoch, step } = from.checkpoint.progress;
    narrator.say(`going on with ${id} at epoch ${epoch + 1}, step ${step + 1}`);
  }
  await keepsGoing(command, () => train(run, from ? { from } : {}));
  return { run, isNew: state === "new" };
}

async function testJob(
  job: PlannedJob,
  run: RunFolder,
  { data, narrator, open }: Surroundings,
  { length, tests, toleranceMm, structures }: RunJobsOptions,
): Promise<Evaluation> {
  const bar = narrator.bar("testing", job.test.length);
  const config = withLength(job.config, length);
  const cases = data.test(config, isSwapped(job), job.test);
  const onCase = (id: string): void => bar.advance(id);
  using device = await open();
  const found =
    tests === "translation"
      ? await testTranslator(device, config, run, {
          cases,
          ...data.realImages(isSwapped(job)),
          onCase,
          onOtherGrid: (id) => narrator.say(otherGridText(id)),
        })
      : await evaluateRun(device, config, run, cases, { toleranceMm, names: structures, onCase });
  bar.done();
  narrator.end();
  return found;
}

async function testTranslator(
  device: Device,
  config: TrainConfig,
  run: RunFolder,
  options: Omit<TranslationOptions, "translator">,
): Promise<Evaluation> {
  const { checkpoint } = await run.bestOrLatest();
  using translator = await VolumeTranslator.open(device, config, checkpoint);
  return await testTranslation(config, { translator, ...options });
}

export const withLength = (config: TrainConfig, { epochs, steps }: Length): TrainConfig => ({
  ...config,
  optimization: { ...config.optimization, epochs, steps },
});

/** What `train` gives; after Ctrl-C in it the experiment is what goes on, by `command`. */
export async function keepsGoing<T>(command: string, train: () => Promise<T>): Promise<T> {
  try {
    return await train();
  } catch (error) {
    if (!(error instanceof CommandError && error.code === "interrupted")) throw error;
    throw new CommandError("interrupted", `stopped; everything is saved, go on with the same \`${command} …\``, {
      cause: error,
    });
  }
}
