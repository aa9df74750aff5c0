// How long every run of an experiment trains: as was asked, or as long as fits into a budget of time, measured on a few
// steps of each kind of run.
import type { TrainConfig } from "../../train/config/config.ts";
import { type Cost, type Length, costKey, lengthFor, secondsOf } from "../../train/experiments.ts";
import { Narrator } from "../narrator.ts";
import { clock } from "../../report/quantities.ts";
import type { RunFolder } from "../run/folder.ts";
import type { RunSets } from "../run/sets.ts";
import { trainRun } from "../run/train.ts";
import { type PlannedJob, isSwapped, rowName } from "./jobs.ts";
import { lengthText } from "./report.ts";
import { type Surroundings, keepsGoing, withLength } from "./run.ts";

/** The part of a budget that is planned with. */
const USED = 0.92;

export interface LengthRequest {
  readonly epochs?: number | undefined;
  readonly steps?: number | null | undefined;
  /** Seconds for all, and how many of them were used before; null where none was given. */
  readonly budget: number | null;
  since(): number;
}

/** The length of every run, and with a budget the seconds that each is expected to need. */
export async function decideLength(
  first: PlannedJob,
  runs: readonly PlannedJob[],
  { epochs, steps, budget, since }: LengthRequest,
  around: Surroundings,
): Promise<{ length: Length; seconds?: Record<string, number> }> {
  const round = roundOf(first.config, await around.data.sets(first.config, isSwapped(first)));
  const asked: Length = { epochs: epochs ?? first.config.optimization.epochs, steps: steps ?? round };
  if (budget === null) return { length: asked };
  around.narrator.say("measuring a few steps of each kind of run; that counts towards the budget");
  const costs = await calibrate(runs, around);
  const isAsked = epochs !== undefined && steps;
  const length = isAsked
    ? asked
    : lengthFor(USED * budget - since(), [...costs.values()], round, { epochs, steps: steps ?? undefined });
  const seconds = Object.fromEntries([...costs].map(([id, cost]) => [id, secondsOf(cost, length)]));
  const expected = since() + Object.values(seconds).reduce((s, v) => s + v, 0);
  const why = isAsked ? "for what was asked" : "even for the shortest runs";
  const tooLong = expected > budget ? `; the budget is too short ${why}` : "";
  around.narrator.say(
    `${runs.length} runs of ${lengthText(length)}: about ${clock(expected)} of ${clock(budget)}${tooLong}`,
  );
  return { length, seconds };
}

/** Steps of a round of the longer set. */
const roundOf = ({ optimization: { batch } }: TrainConfig, { student, teacher }: RunSets): number =>
  Math.ceil(Math.max(student.count, teacher?.count ?? 0) / batch);

const EPOCHS = 2;
const STEPS = 3;

/** What each run needs, by its job, measured on a few steps of one of its kind. */
async function calibrate(jobs: readonly PlannedJob[], around: Surroundings): Promise<Map<string, Cost>> {
  const measured = new Map<string, Cost>();
  const costs = new Map<string, Cost>();
  for (const job of jobs) {
    const key = costKey(job.config);
    const cost = measured.get(key) ?? (await measure(job, around));
    measured.set(key, cost);
    costs.set(job.id, cost);
  }
  return costs;
}

/** Seconds of a short run that is thrown away. */
async function measure(job: PlannedJob, { data, folder, narrator, open, command }: Surroundings): Promise<Cost> {
  const config = withLength(job.config, { epochs: EPOCHS, steps: STEPS });
  const sets = await data.sets(config, isSwapped(job));
  const { run, remove } = await folder.calibration(config);
  const started = performance.now();
  try {
    using device = await open();
    const { startSeconds } = await keepsGoing(command, () =>
      trainRun(device, { config, sets, run, narrator: new Narrator({ quiet: true }) }),
    );
    const total = (performance.now() - started) / 1000;
    const steps = await stepSeconds(run);
    const epoch = Math.max(0, total - startSeconds - sum(steps)) / EPOCHS;
    // The last epoch's steps: the first ones of a program are slow.
    const step = sum(steps.slice(-STEPS)) / STEPS;
    narrator.say(
      `measured ${rowName(job, " ")}, ${job.segmentor}: ${step.toFixed(2)} s a step, ` +
        `${startSeconds.toFixed(0)} s to start, ${epoch.toFixed(1)} s at an epoch's end`,
    );
    // The test of a run is as long as a validation of as many cases.
    const start = startSeconds + epoch * (job.test.length / job.config.cases.studentVal.length);
    return { start, step, epoch };
  } finally {
    await remove();
  }
}

const sum = (values: readonly number[]): number => values.reduce((s, v) => s + v, 0);

const stepSeconds = async (run: RunFolder): Promise<number[]> =>
  (await run.events()).flatMap((e) => (e.event === "step" && typeof e.ms === "number" ? [e.ms / 1000] : []));
