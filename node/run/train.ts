// One training run on prepared slices: `train`, `experiment` and `demo` all are this.
import { type CompileProgress, type Device, DeviceLostError } from "../../engine/index.ts";
import type { Checkpoint } from "../../train/checkpoint.ts";
import { type TrainConfig, flipsLeftOut } from "../../train/config/config.ts";
import { type EpochReport, type Outcome, Training } from "../../train/loop.ts";
import type { Sharing } from "../../train/ranks.ts";
import { featuresOf, makeRegime } from "../../train/regimes/make.ts";
import { timeSteps } from "../../train/run/estimate.ts";
import { trainingParts } from "../../train/run/training-parts.ts";
import type { RunEstimate } from "../../report/estimate.ts";
import { CommandError } from "../errors.ts";
import type { FileError } from "../files.ts";
import { DeviceLosses } from "../gpu/losses.ts";
import type { Bar, Narrator } from "../narrator.ts";
import { environmentOf } from "./environment.ts";
import type { RunFolder } from "./folder.ts";
import { meetRanks } from "./ranks.ts";
import { type InitialWeights, startFrom } from "./init.ts";
import { listenForInterrupt } from "./interrupt.ts";
import { Reporter } from "./reporter.ts";
import type { RunSets } from "./sets.ts";
import { vggWeights } from "./vgg.ts";
import { watchFor } from "./watchdog.ts";

export interface RunResult {
  /** The epoch with the lowest validation loss, from 0; null where none was validated. */
  readonly best: { readonly epoch: number; readonly loss: number; readonly dice: number } | null;
  /** Of the epochs that this call trained. */
  readonly epochs: readonly EpochReport[];
  /** Until the first step: compiling. */
  readonly startSeconds: number;
}

/** What a run is set up with: by what and on what it trains, where it is kept, and who tells of it. */
export interface RunSetup {
  readonly config: TrainConfig;
  readonly sets: RunSets;
  readonly run: RunFolder;
  readonly narrator: Narrator;
}

export interface TrainRunOptions {
  /** Where a run goes on. */
  readonly from?: { readonly checkpoint: Checkpoint; readonly file: string };
  /** Ends the run as Ctrl-C does. */
  readonly signal?: AbortSignal;
  /** Opens another device where this one is lost: the run goes on there by itself, from its last checkpoint. */
  readonly reopen?: () => Promise<Device>;
  /** Stop at the first op whose output is not finite, and name it; slow. */
  readonly debugNans?: boolean;
  /** Where other processes train with this one, which is rank 0; the others call `followRun`. */
  readonly sharing?: Sharing | undefined;
  /** Told once every rank has compiled. */
  readonly onMet?: () => void;
  /** Told of each step, epoch and sign of a collapse, as log.jsonl has them. */
  readonly onEvent?: (event: object) => void;
}

/**
 * Trains a run to its end, an early stop, or Ctrl-C (SIGINT, SIGTERM), and keeps all in its folder. Throws CommandError
 * "interrupted" after Ctrl-C once a checkpoint is safe, NumericalError where numbers are not finite, DataError and
 * FileError for the files of VGG weights and of initial ones, DeviceLostError where `reopen` is absent, or devices are
 * lost again and again without a new checkpoint.
 */
export async function trainRun(device: Device, setup: RunSetup, options: TrainRunOptions = {}): Promise<RunResult> {
  const { run, narrator } = setup;
  const { reopen } = options;
  const losses = new DeviceLosses((line) => narrator.say(line));
  let from = options.from;
  let now = device;
  try {
    for (;;) {
      try {
        return await trainOn(now, setup, { ...options, from });
      } catch (error) {
        if (!reopen || !(error instanceof DeviceLostError)) throw error;
        const at = await run.standing();
        const steps = at?.checkpoint.progress.steps ?? 0;
        if (!losses.allow(error, `from step ${steps + 1}`)) throw error;
        if (now !== device) now.dispose();
        now = await reopen();
        from = at;
      }
    }
  } finally {
    if (now !== device) now.dispose();
  }
}

async function trainOn(
  device: Device,
  setup: RunSetup,
  { debugNans = false, ...options }: TrainRunOptions,
): Promise<RunResult> {
  const { training: compiled, ...made } = await compile(device, setup, { ...options, debugNans });
  using training = compiled;
  return await keepTraining(training, setup, { ...options, ...made });
}

/**
 * Trains what is compiled to its end, an early stop, or Ctrl-C, and keeps all in the run's folder, as `trainRun` does.
 * What processes that were killed left half-written in the folder goes. Throws as `trainRun`.
 */
export async function keepTraining(
  training: Training,
  setup: RunSetup,
  { from, signal, onEvent, reopen, init, startSeconds, sharing }: KeepOptions,
): Promise<RunResult> {
  const { config, sets, run, narrator } = setup;
  watchFor(training.device.gpu);
  await run.sweep();
  const reporter = new Reporter(run, narrator, {
    config,
    validation: sets.validation,
    teacher: sets.teacher,
    stepsPerEpoch: training.batches.stepsPerEpoch,
    at: { epoch: training.progress.epoch, step: training.progress.step },
    onEvent,
  });
  await run.truncateLog(training.progress.steps);
  await reporter.readHistory();

  const interrupt = listenForInterrupt((line) => narrator.say(line), sharing !== undefined);
  const signals = signal ? [signal, interrupt.signal] : [interrupt.signal];
  if (!from) await run.writeStatistics(sets.statistics);
  await run.recordStart(environmentOf(training.device, init), training.progress.steps);
  await run.setStatus("running", reporter.signs);
  let unreported: FileError | undefined;
  try {
    const outcome = await training.run(reporter.hooks, AbortSignal.any(signals));
    // Last the status: what is killed before it goes on, and writes its end again.
    unreported = await reporter.writeReport(outcome);
    await run.setStatus(outcome, reporter.signs);
    sayOutcome(outcome, training, setup);
  } catch (error) {
    if (!(error instanceof CommandError)) {
      await run.setStatus("failed", reporter.signs).catch(() => {});
      // A run that goes on at once needs no report of how it ended.
      if (!(reopen && error instanceof DeviceLostError)) await reporter.writeReport();
    }
    throw error;
  } finally {
    interrupt.stop();
    narrator.end();
  }
  // The run is done and saved, but a disk that failed at last may have failed before.
  if (unreported) throw unreported;
  return { best: training.progress.best, epochs: reporter.reports, startSeconds };
}

/** Of a run that is kept nowhere, or by another process. */
type SetupWithoutFolder = Omit<RunSetup, "run">;

/**
 * Trains beside rank 0, which does the same by `trainRun`: reads its checkpoints, and writes nothing. Throws as
 * `trainRun`.
 */
export async function followRun(
  device: Device,
  setup: SetupWithoutFolder,
  { from, sharing, onMet }: Pick<TrainRunOptions, "from" | "sharing" | "onMet">,
): Promise<void> {
  const { training: compiled } = await compile(device, setup, { from, sharing, onMet });
  using training = compiled;
  const interrupt = listenForInterrupt((line) => setup.narrator.say(line), true);
  try {
    const outcome = await training.run({}, interrupt.signal);
    if (outcome === "interrupted") throw new CommandError("interrupted", "stopped with the other ranks");
  } finally {
    interrupt.stop();
  }
}

/**
 * Compiles a run's step as `trainRun` does, does it a few times, and tells what it takes; nothing is kept. Throws as
 * `trainRun`.
 */
export async function dryRun(device: Device, setup: SetupWithoutFolder, sharing?: Sharing): Promise<RunEstimate> {
  const { training: compiled } = await compile(device, setup, { sharing });
  using training = compiled;
  return { ...(await timeSteps(training)), hostBytes: setup.sets.bytesInMemory };
}

interface Made {
  readonly startSeconds: number;
  readonly init: InitialWeights | undefined;
}
interface Compiled extends Made {
  readonly training: Training;
}
interface KeepOptions extends Made, Omit<TrainRunOptions, "debugNans"> {}

async function compile(
  device: Device,
  { config, sets, narrator }: SetupWithoutFolder,
  { from, debugNans = false, sharing, onMet }: Pick<TrainRunOptions, "from" | "debugNans" | "sharing" | "onMet">,
): Promise<Compiled> {
  const { file } = config.networks.features;
  const needsFile = file !== null && featuresOf(makeRegime(config)) !== undefined;
  const features = needsFile ? await vggWeights(file) : undefined;
  const { regime, batches, options } = trainingParts(config, sets, { features, debugNans, sharing });
  // A run that goes on has weights of its own.
  const init = from ? undefined : await startFrom(regime, config, (line) => narrator.say(line));
  const why = flipsLeftOut(config);
  if (why !== undefined)
    narrator.say(`slices are not flipped: data.sides ${why}; give pairs of labels, or [] where none has a side`);
  const started = performance.now();
  narrator.say(`compiling ${regime.kind} (${batches.size} × ${batches.size}, batch ${batches.batch}) …`);
  const training = await Training.create(device, regime, batches, options, from, {
    onProgress: kernelsBar(narrator),
  });
  const startSeconds = (performance.now() - started) / 1000;
  narrator.say(`compiled in ${startSeconds.toFixed(1)} s: ${statsText(training)}`);
  if (sharing) {
    narrator.say(await meetRanks(training, sharing));
    onMet?.();
  }
  return { training, startSeconds, init };
}

/** Milliseconds after which a compile shows how far it is. */
const SHORT_MS = 3000;

/** A bar for the kernels of a program that a driver takes long to compile. */
function kernelsBar(narrator: Narrator): (progress: CompileProgress) => void {
  let began = performance.now();
  let bar: Bar | undefined;
  return ({ phase, done, total }) => {
    if (phase !== "pipelines" || done === total) {
      bar?.done();
      bar = undefined;
      began = performance.now();
    } else if (bar || performance.now() - began > SHORT_MS) {
      bar ??= narrator.bar("kernels", total, done - 1);
      bar.advance();
    }
  };
}

/** "812 dispatches a step, 97 pipelines, 512 MiB". */
function statsText({ stats: { dispatches, pipelines, bytes } }: Training): string {
  return `${dispatches} dispatches a step, ${pipelines} pipelines, ${(bytes / 2 ** 20).toFixed(0)} MiB`;
}

/** Tells why a run ended before its last epoch. Throws CommandError where it was interrupted. */
function sayOutcome(outcome: Outcome, training: Training, { config, run, narrator }: RunSetup): void {
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
