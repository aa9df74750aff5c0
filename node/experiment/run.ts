// The jobs of an experiment: each is trained once, goes on where it stopped, and is tested.
import type { Device } from "../../engine/index.ts";
import type { TrainConfig } from "../../train/config/config.ts";
import { type Cost, type Job, type Length, costKey } from "../../train/experiments.ts";
import { type Evaluation, evaluateRun } from "../run/evaluate.ts";
import type { ExperimentData } from "./data.ts";
import type { ExperimentFolder } from "./folder.ts";
import { CommandError } from "../errors.ts";
import { Narrator } from "../narrator.ts";
import type { RunFolder } from "../run/folder.ts";
import { trainRun } from "../run/train.ts";

/** A job with its configuration, but for how long it trains, and the ids that it is tested on. */
export interface Planned extends Job {
  readonly config: TrainConfig;
  readonly test: readonly string[];
}

export interface Surroundings {
  readonly data: ExperimentData;
  readonly folder: ExperimentFolder;
  readonly narrator: Narrator;
  /** A device of its own for each job: with it go its networks. */
  open(): Promise<Device>;
  /** What was typed, for the message that says how to go on. */
  readonly command: string;
}

const withLength = (config: TrainConfig, { epochs, steps }: Length): TrainConfig => ({
  ...config,
  optimization: { ...config.optimization, epochs, steps },
});

/** Trains the run that a job is tested by, unless it is done, and tests it, unless it was. */
export async function runJob(
  job: Planned,
  trained: Planned,
  length: Length,
  around: Surroundings & { toleranceMm: number; structures?: readonly string[]; pace: Pace },
): Promise<Evaluation> {
  const { data, folder, narrator, toleranceMm, pace } = around;
  const config = withLength(trained.config, length);
  const started = performance.now();
  const { run, state } = await folder.run(trained.id, config);
  if (state === "finished") narrator.say(`${trained.id} is trained already`);
  else {
    const from =
      state === "begun" ? await run.latestCheckpoint((message) => narrator.say(`passed over: ${message}`)) : undefined;
    if (from) {
      await run.truncateLog(from.checkpoint.progress.steps);
      narrator.say(
        `going on with ${trained.id} at epoch ${from.checkpoint.progress.epoch + 1}, step ${from.checkpoint.progress.step + 1}`,
      );
    }
    await trainOr(around.command, async () => {
      const sets = await data.sets(config, trained.row.swapped ?? false);
      using device = await around.open();
      await trainRun(device, config, sets, run, narrator, from ? { from } : {});
    });
  }
  pace.done(trained.id, state === "new" ? (performance.now() - started) / 1000 : undefined);
  const known = await folder.evaluation(trained.id, job.id, toleranceMm, job.test);
  if (known) return known;
  const bar = narrator.bar("testing", job.test.length);
  const tested = withLength(job.config, length);
  using device = await around.open();
  const found = await evaluateRun(device, tested, run, data.test(tested, job.row.swapped ?? false, job.test), {
    toleranceMm,
    names: around.structures,
    onCase: (id) => bar.advance(id),
  });
  bar.done();
  narrator.end();
  await folder.writeEvaluation(trained.id, job.id, toleranceMm, found);
  return found;
}

const EPOCHS = 2;
const STEPS = 3;

/** What each run needs, measured on a few steps of one of its kind. */
export async function calibrate(
  jobs: readonly Planned[],
  { data, folder, narrator, open, command }: Surroundings,
): Promise<Map<string, Cost>> {
  const measured = new Map<string, Cost>();
  const costs = new Map<string, Cost>();
  for (const job of jobs) {
    const key = costKey(job.config);
    if (!measured.has(key)) {
      const config = withLength(job.config, { epochs: EPOCHS, steps: STEPS });
      const sets = await data.sets(config, job.row.swapped ?? false);
      const { run, remove } = await folder.calibration(config);
      const started = performance.now();
      try {
        using device = await open();
        const { startSeconds } = await trainOr(command, () =>
          trainRun(device, config, sets, run, new Narrator({ quiet: true })),
        );
        const total = (performance.now() - started) / 1000;
        const steps = await stepSeconds(run);
        const epoch = Math.max(0, total - startSeconds - steps.reduce((s, v) => s + v, 0)) / EPOCHS;
        // The last epoch's steps: the first ones of a program are slow.
        const step = steps.slice(-STEPS).reduce((s, v) => s + v, 0) / STEPS;
        // The test of a run is as long as a validation of as many cases.
        measured.set(key, {
          start: startSeconds + epoch * (job.test.length / job.config.cases.studentVal.length),
          step,
          epoch,
        });
        narrator.say(
          `measured ${job.row.part ? `${job.row.part} ` : ""}${job.row.name}, ${job.segmentor}: ${step.toFixed(2)} s a step, ${startSeconds.toFixed(0)} s to start, ${epoch.toFixed(1)} s at an epoch's end`,
        );
      } finally {
        await remove();
      }
    }
    costs.set(job.id, measured.get(key)!);
  }
  return costs;
}

const stepSeconds = async (run: RunFolder): Promise<number[]> =>
  (await run.events()).flatMap((e) => (e.event === "step" && typeof e.ms === "number" ? [e.ms / 1000] : []));

/** Ctrl-C within a run: the experiment is what goes on. */
async function trainOr<T>(command: string, f: () => Promise<T>): Promise<T> {
  try {
    return await f();
  } catch (error) {
    if (!(error instanceof CommandError && error.code === "interrupted")) throw error;
    throw new CommandError("interrupted", `stopped; everything is saved, go on with the same \`${command} …\``, {
      cause: error,
    });
  }
}

/** How long the runs that are left will take: as was measured before, put right by how long those before them took. */
export class Pace {
  readonly #left: Set<string>;
  #took = 0;
  #expected = 0;
  #counted = 0;
  constructor(
    jobs: readonly string[],
    readonly seconds: Readonly<Record<string, number>>,
  ) {
    this.#left = new Set(jobs);
  }

  /** A run is over; `seconds` where it was done from its beginning. */
  done(job: string, seconds?: number): void {
    if (!this.#left.delete(job) || seconds === undefined) return;
    this.#took += seconds;
    this.#expected += this.seconds[job] ?? 0;
    this.#counted++;
  }

  /** Seconds, or NaN where nothing is known yet. */
  get left(): number {
    if (this.#left.size === 0) return 0;
    const expected = [...this.#left].map((job) => this.seconds[job] ?? NaN);
    const sum = expected.reduce((s, v) => s + v, 0);
    if (!Number.isNaN(sum)) return sum * (this.#expected > 0 ? this.#took / this.#expected : 1);
    return this.#counted > 0 ? (this.#took / this.#counted) * this.#left.size : NaN;
  }
}
