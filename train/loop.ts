// The training loop: steps, epochs, validation, checkpoints. Where files go and how progress is shown is the caller's.
import { DISPOSE, type Device, NumericalError, type Pacing, type Program } from "../engine/index.ts";
import type { BatchBuffers, UnpairedBatches } from "../data/batches.ts";
import { type Sign, judgeEpoch, startOfWatch, withVitals } from "./collapse.ts";
import { type Checkpoint, type Progress, restoreCheckpoint, saveCheckpoint, startOfRun } from "./checkpoint.ts";
import { type EpochPictures, type InferenceOptions, InferencePrograms } from "./inference-programs.ts";
import { asRankZero, meanOverRanks } from "./ranks.ts";
import type { Regime } from "./regime.ts";
import { courseAt } from "./schedule.ts";
import { type StepOptions, StepPrograms } from "./step-programs.ts";
import { type Validation, validateSlices } from "./validation.ts";
import { VitalsProgram } from "./vitals.ts";

export type { EpochPictures };

export interface StepReport {
  readonly epoch: number;
  readonly step: number;
  readonly stepsPerEpoch: number;
  /** Steps done since the start of the run. */
  readonly steps: number;
  readonly losses: Readonly<Record<string, number>>;
  /** Norm of each optimizer's gradient, by its name. */
  readonly norms: Readonly<Record<string, number>>;
  readonly ms: number;
}

export interface EpochReport {
  readonly epoch: number;
  readonly steps: number;
  /** Means over the epoch. */
  readonly losses: Readonly<Record<string, number>>;
  /** The part of its weight that each scheduled term had in the last step, 0 to 1. */
  readonly scheduled: Readonly<Record<string, number>>;
  /** On the training grid, loss and volumetric Dice; absent without validation slices. */
  readonly validation?: Validation;
  readonly isBest: boolean;
  /** Signs of a collapse that were not seen before. */
  readonly signs: readonly Sign[];
}

/** A checkpoint and the name of its file. */
export interface SavedCheckpoint {
  readonly checkpoint: Checkpoint;
  readonly file: string;
}

export interface TrainingHooks {
  onStep?(report: StepReport): void | Promise<void>;
  /** Before an epoch's validation, with the number of its slices. */
  onValidation?(slices: number): void;
  /** At an epoch's end, before its checkpoint: what is kept of it here is there where a run goes on behind it. */
  onEpochEnd?(report: EpochReport): void | Promise<void>;
  /** Once the epoch's checkpoint is safe. */
  onEpoch?(report: EpochReport, pictures: EpochPictures | undefined): void | Promise<void>;
  /** Must not resolve before the checkpoint is safe. `isBest`: the epoch just validated is the best so far. */
  save?(bytes: Uint8Array<ArrayBuffer>, progress: Progress, isBest: boolean): Promise<void>;
  /** The latest checkpoint that was saved: from it a step that went bad is found again. */
  latest?(): Promise<SavedCheckpoint | undefined>;
}

export interface TrainingOptions extends StepOptions, InferenceOptions {
  /** Stored in checkpoints. */
  readonly config?: unknown;
  /** Steps between checkpoints within an epoch; at each epoch's end there is always one. */
  readonly saveEvery?: number;
  /** Whether signs of a collapse are looked for, which costs about one step an epoch. */
  readonly watch?: boolean;
  /** Epochs without a lower validation loss after which training stops. */
  readonly patience?: number;
}

/** "stopped": early, for validation got no better. */
export type Outcome = "finished" | "stopped" | "interrupted";

/** A compiled training: `run` trains epoch by epoch, calls the hooks, and saves by them. It touches no file itself. */
export class Training {
  readonly progress: Progress;
  readonly #buffers: readonly [BatchBuffers, BatchBuffers];

  private constructor(
    readonly device: Device,
    readonly regime: Regime,
    readonly batches: UnpairedBatches,
    readonly options: TrainingOptions,
    readonly stepPrograms: StepPrograms,
    readonly inference: InferencePrograms,
    readonly vitals: VitalsProgram | undefined,
    progress: Progress,
  ) {
    this.progress = progress;
    this.#buffers = [batches.buffers(), batches.buffers()];
  }

  /**
   * Compiles the steps and the inference programs, and restores `from` where a run goes on. Throws the reason of
   * `pacing.signal` where it aborts before; nothing is left of the programs then.
   */
  static async create(
    device: Device,
    regime: Regime,
    batches: UnpairedBatches,
    options: TrainingOptions,
    from?: SavedCheckpoint,
    pacing: Pacing = {},
  ): Promise<Training> {
    const made: { dispose(): void }[] = [];
    const kept = <T extends { dispose(): void } | undefined>(part: T): T => {
      if (part) made.push(part);
      return part;
    };
    try {
      const steps = kept(await StepPrograms.compile(device, regime, batches, options, pacing));
      const inference = kept(await InferencePrograms.compile(device, regime, batches.size, options, pacing));
      const vitals = options.watch ? kept(await VitalsProgram.compile(device, regime, batches, pacing)) : undefined;
      if (from) restoreCheckpoint(device, regime, from.checkpoint, from.file);
      const progress = from ? structuredClone(from.checkpoint.progress) : startOfRun();
      return new Training(device, regime, batches, options, steps, inference, vitals, progress);
    } catch (error) {
      for (const part of made) part.dispose();
      throw error;
    }
  }

  /** Counts of the step program; of the last where several take turns. */
  get stats() {
    return this.stepProgram.stats();
  }
  /** The step program; the last where several take turns. */
  get stepProgram(): Program {
    return this.stepPrograms.last;
  }

  /**
   * Trains to the last epoch or an early stop, or until `signal` aborts: then the step at hand is finished and a
   * checkpoint saved. Throws NumericalError, after which the last saved checkpoint is the last good one, and what the
   * GPU reported.
   */
  async run(hooks: TrainingHooks = {}, signal?: AbortSignal): Promise<Outcome> {
    const { progress, options } = this;
    const { stepsPerEpoch } = this.batches;
    while (progress.epoch < options.epochs) {
      if (this.#isDone) return "stopped";
      let batch: BatchBuffers | undefined;
      if (progress.step === 0) batch = await this.#measure();
      while (progress.step < stepsPerEpoch) {
        const { next, stops } = await this.#step(hooks, batch, signal);
        batch = next;
        if (stops) {
          await this.#save(hooks, false);
          return "interrupted";
        }
        if (options.saveEvery && progress.steps % options.saveEvery === 0 && progress.step < stepsPerEpoch)
          await this.#save(hooks, false);
      }
      await this.#endEpoch(hooks);
      // Ranks stop together, after a step.
      if (signal?.aborted && !options.sharing && progress.epoch < options.epochs) return "interrupted";
    }
    return "finished";
  }

  /** Probabilities [count, size, size, K] of slices [count, size, size] in [−1, 1]. */
  async segment(images: Float32Array): Promise<Float32Array> {
    return this.inference.segment(images);
  }

  dispose(): void {
    this.stepPrograms.dispose();
    this.inference.dispose();
    this.vitals?.dispose();
  }
  [DISPOSE](): void {
    this.dispose();
  }

  /** Whether the last epochs were no better than the best one: as many as patience allows. */
  get #isDone(): boolean {
    const { best, epoch, step } = this.progress;
    const { patience } = this.options;
    return patience !== undefined && best !== null && step === 0 && epoch - 1 - best.epoch >= patience;
  }

  /** Measures what the collapse watch needs, on the batch of an epoch's first step; gives that batch. */
  async #measure(): Promise<BatchBuffers | undefined> {
    const { progress, vitals, stepPrograms } = this;
    if (!vitals) return undefined;
    const batch = this.#fill(progress.epoch, 0);
    stepPrograms.prepare(progress);
    progress.watch = withVitals(progress.watch ?? startOfWatch(), await vitals.measure(batch));
    return batch;
  }

  /**
   * One step, on `batch` if it is made already. Gives the batch of the next step, if the epoch has one, and whether
   * training stops: `signal` of any rank did abort.
   */
  async #step(
    hooks: TrainingHooks,
    batch: BatchBuffers | undefined,
    signal: AbortSignal | undefined,
  ): Promise<{ next: BatchBuffers | undefined; stops: boolean }> {
    const { progress, stepPrograms } = this;
    const { sharing } = this.options;
    const { stepsPerEpoch } = this.batches;
    const { epoch, step } = progress;
    const start = performance.now();
    const now = batch ?? this.#fill(epoch, step);
    const running = stepPrograms.start(progress, now);
    // The next batch is made while the GPU works on this one.
    const next = step + 1 < stepsPerEpoch ? this.#fill(epoch, step + 1, now) : undefined;
    const own = await running.read();
    const together = sharing && (await meanOverRanks(sharing.ranks, own, signal?.aborted ?? false));
    const { losses, norms, notFinite } = stepPrograms.judge(together?.means ?? own, progress);
    if (notFinite.length > 0) throw await this.#notFinite(notFinite, hooks);
    for (const [name, loss] of Object.entries(losses)) {
      const [sum, count] = progress.sums[name] ?? [0, 0];
      progress.sums[name] = [sum + loss, count + 1];
    }
    progress.step++;
    progress.steps++;
    const { steps } = progress;
    await hooks.onStep?.({ epoch, step, stepsPerEpoch, steps, losses, norms, ms: performance.now() - start });
    return { next, stops: together?.flag ?? signal?.aborted ?? false };
  }

  /** Makes a batch in buffers other than `avoid`. */
  #fill(epoch: number, step: number, avoid?: BatchBuffers): BatchBuffers {
    const [one, other] = this.#buffers;
    const buffers = one === avoid ? other : one;
    this.batches.fill(epoch, step, buffers);
    return buffers;
  }

  /**
   * The error for a step that went bad. Finds its first bad tensor by doing the run again from the last checkpoint,
   * watched at that step.
   */
  async #notFinite(found: readonly string[], hooks: TrainingHooks): Promise<NumericalError> {
    const { epoch, step } = this.progress;
    const where = `epoch ${epoch + 1}, step ${step + 1}`;
    const mend = "the last checkpoint is good: go on from it with a lower learning rate";
    if (this.options.debugNans || this.options.sharing)
      return new NumericalError(`${where}: ${found.join("; ")}; ${mend}`);
    const first = await this.#findFirst(hooks).catch(() => undefined);
    return new NumericalError(`${where}: ${found.join(", ")}; ${first ? `first, ${first}; ` : ""}${mend}`);
  }

  async #findFirst(hooks: TrainingHooks): Promise<string | undefined> {
    const { device, regime, batches, progress, stepPrograms } = this;
    const from = await hooks.latest?.();
    const at = from ? structuredClone(from.checkpoint.progress) : progress;
    if (from) restoreCheckpoint(device, regime, from.checkpoint, from.file);
    const buffers = batches.buffers();
    for (; at.steps < progress.steps; at.steps++, at.step++) {
      if (at.step === batches.stepsPerEpoch) {
        at.epoch++;
        at.step = 0;
      }
      batches.fill(at.epoch, at.step, buffers);
      await stepPrograms.start(at, buffers).read();
    }
    batches.fill(progress.epoch, progress.step, buffers);
    return stepPrograms.firstNotFinite(progress, buffers);
  }

  async #endEpoch(hooks: TrainingHooks): Promise<void> {
    const { progress, inference } = this;
    const set = this.options.validation;
    const { epoch, steps, best } = progress;
    const losses = Object.fromEntries(Object.entries(progress.sums).map(([name, [sum, n]]) => [name, sum / n]));
    let validation: Validation | undefined;
    if (set && set.count > 0) {
      hooks.onValidation?.(set.count);
      validation = await validateSlices((x) => inference.segment(x), set, inference.segmenter.batch);
    }
    const { sharing } = this.options;
    const isBetter = validation && Number.isFinite(validation.loss) && (!best || validation.loss < best.loss);
    const isBest = sharing ? await asRankZero(sharing.ranks, isBetter ?? false) : (isBetter ?? false);
    if (validation && isBest) progress.best = { epoch, loss: validation.loss, dice: validation.dice.mean };
    const signs = this.#judge(losses, validation);
    const total = this.options.epochs * this.batches.stepsPerEpoch;
    const scheduled = Object.fromEntries(
      this.regime.ramps.map(({ term, course }) => [term, courseAt(course, steps - 1, total)]),
    );
    const pictures = await inference.picture();
    progress.epoch++;
    progress.step = 0;
    progress.sums = {};
    const report = { epoch, steps, losses, scheduled, isBest, signs, ...(validation ? { validation } : {}) };
    await hooks.onEpochEnd?.(report);
    await this.#save(hooks, isBest);
    await hooks.onEpoch?.(report, pictures);
  }

  /** Signs of a collapse in the epoch that ended; none where they are not looked for. */
  #judge(losses: EpochReport["losses"], validation: Validation | undefined): readonly Sign[] {
    const { progress, options } = this;
    if (!options.watch) return [];
    const part = (progress.epoch + 1) / options.epochs;
    const judged = judgeEpoch(progress.watch ?? startOfWatch(), { part, losses, ...validation?.foreground });
    progress.watch = judged.state;
    return judged.signs;
  }

  async #save(hooks: TrainingHooks, isBest: boolean): Promise<void> {
    if (!hooks.save) return;
    const { device, regime, progress, options } = this;
    const bytes = await saveCheckpoint(device, regime, progress, options.config ?? null);
    await hooks.save(bytes, structuredClone(progress), isBest);
  }
}
