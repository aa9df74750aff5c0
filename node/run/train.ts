// One training run on prepared slices: `train`, `experiment` and `demo` all are this.
import { changesIntensity } from "../../data/augment.ts";
import { UnpairedBatches } from "../../data/batches.ts";
import type { Device } from "../../engine/index.ts";
import { inferBy } from "../../train/inference-programs.ts";
import type { Checkpoint } from "../../train/checkpoint.ts";
import { type TrainConfig, flipsLeftOut, sidesOf } from "../../train/config/config.ts";
import { type EpochReport, type Outcome, Training, type TrainingOptions } from "../../train/loop.ts";
import type { Regime } from "../../train/regime.ts";
import { featuresOf, makeRegime } from "../../train/regimes/make.ts";
import { bytesText } from "../bytes.ts";
import { CommandError } from "../errors.ts";
import { type Narrator, clock } from "../narrator.ts";
import { environmentOf } from "./environment.ts";
import type { RunFolder } from "./folder.ts";
import { type InitialWeights, startFrom } from "./init.ts";
import { listenForInterrupt } from "./interrupt.ts";
import { slicesToPicture } from "./pictures.ts";
import { Reporter } from "./reporter.ts";
import { type RunSets, withPrior } from "./sets.ts";
import { loadVgg } from "./vgg.ts";

export interface RunResult {
  /** The epoch with the lowest validation loss, from 0; null where none was validated. */
  readonly best: { readonly epoch: number; readonly loss: number; readonly dice: number } | null;
  /** Of the epochs that this call trained. */
  readonly epochs: readonly EpochReport[];
  /** Until the first step: compiling. */
  readonly startSeconds: number;
}

export interface TrainRunOptions {
  /** Where a run goes on. */
  readonly from?: { readonly checkpoint: Checkpoint; readonly file: string };
  /** Ends the run as Ctrl-C does. */
  readonly signal?: AbortSignal;
  /** Stop at the first op whose output is not finite, and name it; slow. */
  readonly debugNans?: boolean;
}

/** Validation slices that a picture is made of after each epoch. */
const PICTURED = 3;

/**
 * Trains a run to its end, an early stop, or Ctrl-C (SIGINT, SIGTERM), and keeps all in its folder. Throws CommandError
 * "interrupted" after Ctrl-C once a checkpoint is safe, NumericalError where numbers are not finite, DataError and
 * FileError for the files of VGG weights and of initial ones.
 */
export async function trainRun(
  device: Device,
  config: TrainConfig,
  sets: RunSets,
  run: RunFolder,
  narrator: Narrator,
  { from, signal, debugNans = false }: TrainRunOptions = {},
): Promise<RunResult> {
  const {
    training: compiled,
    batches,
    startSeconds,
    init,
  } = await compile(device, config, sets, narrator, {
    from,
    debugNans,
  });
  using training = compiled;
  const reporter = new Reporter(run, narrator, {
    config,
    validation: sets.validation,
    teacher: sets.teacher,
    stepsPerEpoch: batches.stepsPerEpoch,
    at: { epoch: training.progress.epoch, step: training.progress.step },
  });
  await run.truncateLog(training.progress.steps);
  await reporter.readHistory();

  const interrupt = listenForInterrupt((line) => narrator.say(line));
  const signals = signal ? [signal, interrupt.signal] : [interrupt.signal];
  if (!from) await run.writeStatistics(sets.statistics);
  await run.recordStart(environmentOf(device, init), training.progress.steps);
  await run.setStatus("running", reporter.signs);
  try {
    const outcome = await training.run(reporter.hooks, AbortSignal.any(signals));
    await run.setStatus(outcome, reporter.signs);
    await reporter.writeReport();
    sayOutcome(outcome, training, config, run, narrator);
  } catch (error) {
    if (!(error instanceof CommandError)) {
      await run.setStatus("failed", reporter.signs).catch(() => {});
      await reporter.writeReport();
    }
    throw error;
  } finally {
    interrupt.stop();
    narrator.end();
  }
  return { best: training.progress.best, epochs: reporter.reports, startSeconds };
}

/** What a run would take. */
export interface RunEstimate {
  /** Of the GPU's memory, at the most. */
  readonly bytes: number;
  /** Of the host's memory: the slices that it holds. */
  readonly hostBytes: number;
  readonly secondsPerStep: number;
  readonly stepsPerEpoch: number;
  /** At most. */
  readonly epochs: number;
}

/** Rounds of the regime's steps that an estimate does; the first, which waits for the driver, does not count. */
const ROUNDS = 2;

/**
 * Compiles a run's step as `trainRun` does, does it a few times, and tells what it takes; nothing is kept. Throws as
 * `trainRun`.
 */
export async function dryRun(
  device: Device,
  config: TrainConfig,
  sets: RunSets,
  narrator: Narrator,
): Promise<RunEstimate> {
  const { training: compiled, batches, round } = await compile(device, config, sets, narrator, {});
  using training = compiled;
  const { stepsPerEpoch } = batches;
  const enough = new AbortController();
  const times: number[] = [];
  await training.run(
    {
      onStep: ({ ms }) => {
        times.push(ms);
        if (times.length >= Math.min(ROUNDS * round, stepsPerEpoch)) enough.abort();
      },
    },
    enough.signal,
  );
  const { epochs } = config.optimization;
  const counted = times.length > round ? times.slice(round) : times;
  const secondsPerStep = counted.reduce((sum, ms) => sum + ms, 0) / counted.length / 1000;
  return { bytes: device.counters.peakBytes, hostBytes: sets.bytesInMemory, secondsPerStep, stepsPerEpoch, epochs };
}

/** An estimate in a sentence. */
export function estimateText({ bytes, hostBytes, secondsPerStep, stepsPerEpoch, epochs }: RunEstimate): string {
  const epoch = secondsPerStep * stepsPerEpoch;
  const step = secondsPerStep >= 10 ? clock(secondsPerStep) : `${secondsPerStep.toPrecision(2)} s`;
  const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;
  return (
    `a run takes ${(bytes / 2 ** 20).toFixed(0)} MiB of the GPU's memory, ${bytesText(hostBytes)} of the host's for ` +
    `slices, and here ${step} a step: ${clock(epoch)} for an epoch of ${count(stepsPerEpoch, "step")}, ` +
    `${clock(epoch * epochs)} for ${count(epochs, "epoch")}, and validation beside`
  );
}

interface Compiled {
  readonly training: Training;
  readonly batches: UnpairedBatches;
  /** How many steps of different kinds take turns. */
  readonly round: number;
  readonly startSeconds: number;
  readonly init: InitialWeights | undefined;
}

async function compile(
  device: Device,
  config: TrainConfig,
  sets: RunSets,
  narrator: Narrator,
  { from, debugNans = false }: Pick<TrainRunOptions, "from" | "debugNans">,
): Promise<Compiled> {
  const regime = await regimeOf(withPrior(config, sets));
  // A run that goes on has weights of its own.
  const init = from ? undefined : await startFrom(regime, config, (line) => narrator.say(line));
  const batches = batchesOf(config, sets);
  const why = flipsLeftOut(config);
  if (why !== undefined)
    narrator.say(`slices are not flipped: data.sides ${why}; give pairs of labels, or [] where none has a side`);
  const started = performance.now();
  narrator.say(`compiling ${regime.kind} (${batches.size} × ${batches.size}, batch ${batches.batch}) …`);
  const training = await Training.create(device, regime, batches, optionsOf(config, sets, debugNans), from);
  const startSeconds = (performance.now() - started) / 1000;
  narrator.say(`compiled in ${startSeconds.toFixed(1)} s: ${statsText(training)}`);
  return { training, batches, round: regime.steps.length, startSeconds, init };
}

/** The configuration's regime, its frozen features read from their file. */
async function regimeOf(config: TrainConfig): Promise<Regime> {
  const regime = makeRegime(config);
  const { file } = config.networks.features;
  const vgg = featuresOf(regime);
  if (vgg && file !== null) await loadVgg(vgg, file);
  inferBy(regime, config.optimization.statistics);
  return regime;
}

function batchesOf(config: TrainConfig, sets: RunSets): UnpairedBatches {
  const {
    seed,
    optimization: { batch, steps },
  } = config;
  const augmentation = {
    ...config.augmentation,
    ...(flipsLeftOut(config) === undefined ? { sides: sidesOf(config) } : { flip: 0, sides: [] }),
  };
  const { flip, degrees, scale, elastic } = augmentation;
  const augments = flip || degrees || scale || elastic || changesIntensity(augmentation);
  // A regime without a teacher looks at the student's half of a batch only.
  return new UnpairedBatches(sets.student, sets.teacher ?? sets.student, {
    batch,
    seed,
    ...(steps === null ? {} : { steps }),
    ...(augments ? { augment: augmentation } : {}),
  });
}

function optionsOf(config: TrainConfig, { validation }: RunSets, debugNans: boolean): TrainingOptions {
  const {
    saveEvery,
    optimization: { epochs, decayFrom, patience, precision },
  } = config;
  return {
    epochs,
    config,
    validation,
    pictured: slicesToPicture(validation, PICTURED),
    debugNans,
    precision,
    watch: true,
    ...(saveEvery === null ? {} : { saveEvery }),
    ...(decayFrom === null ? {} : { decayFrom }),
    ...(patience === null ? {} : { patience }),
  };
}

/** "812 dispatches a step, 97 pipelines, 512 MiB". */
function statsText({ stats: { dispatches, pipelines, bytes } }: Training): string {
  return `${dispatches} dispatches a step, ${pipelines} pipelines, ${(bytes / 2 ** 20).toFixed(0)} MiB`;
}

/** Tells why a run ended before its last epoch. Throws CommandError where it was interrupted. */
function sayOutcome(
  outcome: Outcome,
  training: Training,
  config: TrainConfig,
  run: RunFolder,
  narrator: Narrator,
): void {
  if (outcome === "stopped") {
    const { patience } = config.optimization;
    narrator.say(`validation has got no better for ${patience} epochs: stopped early (optimization.patience)`);
  }
  if (outcome === "interrupted") {
    const goOn = `go on with \`cmedl train --resume ${run.path}\``;
    throw new CommandError(
      "interrupted",
      `stopped after step ${training.progress.steps}; everything is saved, ${goOn}`,
    );
  }
}
