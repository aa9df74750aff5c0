// The runs of `experiment pays`: each is trained once, goes on where it stopped, and is tested twice, at its last epoch
// and at the best by validation, on all slices of patients that no run trained on.
import { NumericalError } from "../../engine/index.ts";
import type { ConfigError } from "../../train/config/check.ts";
import type { PartialConfig, TrainConfig } from "../../train/config/config.ts";
import { type Layer, layeredConfig, presetOf } from "../../train/config/presets.ts";
import { type PaysJob, type PaysSizes, paysLength, paysRecipe } from "../../train/pays.ts";
import { classesOf } from "../../metrics/classes.ts";
import { type ValidationSet, diceByCase } from "../../train/validation.ts";
import type { Narrator } from "../narrator.ts";
import { withFeaturesOfFile } from "../run/plan.ts";
import { VolumeSegmenter } from "../../train/volumes/volume-segmenter.ts";
import { trainRun } from "../run/train.ts";
import { Pace } from "./pace.ts";
import type { ExperimentFolder } from "./folder.ts";
import type { PaysData, PaysSets } from "./pays-data.ts";
import { type Surroundings, type TrainedRun, eachJob, trainToEnd } from "./run.ts";

/** A run with its whole configuration, and the ids that it is tested on. */
export interface PlannedPaysJob extends PaysJob {
  readonly config: TrainConfig;
  readonly test: readonly string[];
}

/** What one checkpoint of a run scored. */
export interface PaysScore {
  /** Epochs that it was trained. */
  readonly epochs: number;
  /** Volumetric Dice on the training grid by test case. */
  readonly dice: Readonly<Record<string, number>>;
  /** False where every case has Dice 0 or a mask of one constant. */
  readonly learned: boolean;
}

/** What a run scored at its last epoch, and at the epoch of its lowest validation loss. */
export interface PaysResult {
  readonly last: PaysScore;
  readonly best: PaysScore;
}

export interface PaysSurroundings extends Omit<Surroundings, "data"> {
  readonly data: PaysData;
}

export interface PaysRequest extends PaysSizes {
  /** Steps of each run. */
  readonly steps: number;
  /** Epochs that these are divided into. Default 20. */
  readonly epochs?: number;
  /** The user's fields; a row's own go over them. */
  readonly given: readonly Layer[];
}

/** The jobs with their configurations. Throws what a layer makes of a mistake, CommandError as PaysData.cases. */
export async function planPays(
  jobs: readonly PaysJob[],
  data: PaysData,
  { given, steps, epochs, ...sizes }: PaysRequest,
): Promise<PlannedPaysJob[]> {
  const planned: PlannedPaysJob[] = [];
  for (const job of jobs) {
    const { test, ...cases } = await data.cases(job.seed, job.patients);
    const config = layeredConfig(presetOf(job.row.preset), [
      plain(paysRecipe(sizes)),
      plain(data.fields),
      ...given,
      plain(job.row.fields),
      plain({ optimization: paysLength(steps, epochs), seed: job.seed, cases }),
    ]);
    planned.push({ ...job, test, config: await data.learned(await withFeaturesOfFile(config), job.seed) });
  }
  return planned;
}

const plain = (value: PartialConfig): Layer => ({ value, locate: (error: ConfigError) => error });

export type PaysResults = ReadonlyMap<PlannedPaysJob, PaysResult>;

/**
 * Trains and tests all jobs; `onJob` hears of what was found so far. Numbers that are not finite end a job, not the
 * others: `failed` has those errors. Throws CommandError "interrupted" after Ctrl-C.
 */
export async function runPays(
  jobs: readonly PlannedPaysJob[],
  around: PaysSurroundings,
  onJob: (results: PaysResults) => Promise<void>,
): Promise<{ results: PaysResults; failed: readonly NumericalError[] }> {
  const pace = new Pace(
    jobs.map((job) => job.id),
    {},
    around.processes,
  );
  const run = async (job: PlannedPaysJob): Promise<PaysResult> => {
    const started = performance.now();
    try {
      const { result, isNew } = await runJob(job, around);
      pace.done(job.id, isNew ? (performance.now() - started) / 1000 : undefined);
      return result;
    } catch (error) {
      if (error instanceof NumericalError) pace.done(job.id);
      throw error;
    }
  };
  return eachJob(
    jobs,
    {
      runOf: (job) => around.folder.runPath(job.id),
      nameOf: (job) => job.id,
      says: (job) => `${job.row.name}, ${job.patients} of the student's patients, seed ${job.seed}`,
      run,
      onJob,
    },
    pace,
    around.narrator,
  );
}

/** What is known of jobs whose runs were trained and tested before; nothing is done for the others. */
export async function testedPays(jobs: readonly PlannedPaysJob[], folder: ExperimentFolder): Promise<PaysResults> {
  const results = new Map<PlannedPaysJob, PaysResult>();
  for (const job of jobs) {
    const known = await knownResult(job, folder);
    if (known) results.set(job, known);
  }
  return results;
}

const testFile = ({ id }: PlannedPaysJob): string => `runs/${id}/test.json`;

async function knownResult(job: PlannedPaysJob, folder: ExperimentFolder): Promise<PaysResult | undefined> {
  const known = await folder.read<Stored>(testFile(job));
  const isWhole = known !== undefined && job.test.every((id) => id in known.last.dice);
  return isWhole ? { last: defined(known.last), best: defined(known.best) } : undefined;
}

/** Trains a job's run unless it is done, and tests it unless it was; `isNew` where all of it was trained now. */
async function runJob(job: PlannedPaysJob, around: PaysSurroundings): Promise<{ result: PaysResult; isNew: boolean }> {
  const { data, folder, narrator, open } = around;
  const trained = await trainToEnd(job.id, job.config, around, async (run, from) => {
    const sets = await data.sets(job.config, job.test);
    using device = await open();
    await trainRun(device, { config: job.config, sets, run, narrator }, { ...from, reopen: open });
  });
  const known = await knownResult(job, folder);
  if (known) return { result: known, isNew: trained.isNew };
  const result = await testRun(job, trained, await data.sets(job.config, job.test), around);
  await folder.write(testFile(job), `${JSON.stringify(result, null, 2)}\n`);
  const { last, best } = result;
  narrator.say(`tested: Dice ${meanText(last)} at the last epoch, ${meanText(best)} at epoch ${best.epochs}`);
  return { result, isNew: trained.isNew };
}

/** JSON has null for NaN. */
interface StoredScore extends Omit<PaysScore, "dice"> {
  readonly dice: Readonly<Record<string, number | null>>;
}
type Stored = Record<keyof PaysResult, StoredScore>;

const defined = (stored: StoredScore): PaysScore => ({
  ...stored,
  dice: Object.fromEntries(Object.entries(stored.dice).map(([id, dice]) => [id, dice ?? NaN])),
});

function meanText({ dice, learned }: PaysScore): string {
  const values = Object.values(dice).filter((v) => !Number.isNaN(v));
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  return `${mean.toFixed(3)}${learned ? "" : " (nothing was learned)"}`;
}

async function testRun(
  { config }: PlannedPaysJob,
  { run }: TrainedRun,
  { test }: PaysSets,
  { open, narrator }: { open: PaysSurroundings["open"]; narrator: Narrator },
): Promise<PaysResult> {
  const onDamaged = (message: string): void => narrator.say(`passed over: ${message}`);
  const last = await run.latestCheckpoint(onDamaged);
  const best = await run.bestOrLatest(onDamaged);
  using device = await open();
  const score = async ({ checkpoint }: typeof last): Promise<PaysScore> => {
    using segmenter = await VolumeSegmenter.open(device, config, checkpoint);
    return scoreOf(await segmenter.probabilities(test.images), test, checkpoint.progress.epoch);
  };
  const atLast = await score(last);
  const isSame = best.checkpoint.progress.epoch === last.checkpoint.progress.epoch;
  return { last: atLast, best: isSame ? atLast : await score(best) };
}

/** Scores of probabilities [count, size, size, K] of the slices of a set. */
export function scoreOf(probability: Float32Array, set: ValidationSet, epochs: number): PaysScore {
  const { cases } = diceByCase(probability, set);
  const isZero = Object.values(cases).every((dice) => !(dice > 0));
  return { epochs, dice: cases, learned: !isZero && !isConstant(probability, set) };
}

/** Whether each case's mask is of one class throughout. */
function isConstant(probability: Float32Array, { size, count, origins }: ValidationSet): boolean {
  const each = probability.length / count;
  const classOf = new Map<string, number>();
  for (let s = 0; s < count; s++) {
    const { id } = origins[s]!;
    const classes = classesOf(probability.subarray(s * each, (s + 1) * each), size * size);
    const first = classOf.get(id) ?? classes[0]!;
    classOf.set(id, first);
    if (classes.some((c) => c !== first)) return false;
  }
  return true;
}
