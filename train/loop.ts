// The training loop: steps, epochs, validation, checkpoints. Where files go and how progress is shown is the caller's.
import { type Device, NumericalError, type Program } from "../engine/index.ts";
import type { BatchBuffers, UnpairedBatches } from "../data/batches.ts";
import { type Checkpoint, type Progress, restoreCheckpoint, saveCheckpoint, startOfRun } from "./checkpoint.ts";
import type { Regime } from "./regime.ts";
import { type ValidationDice, type ValidationSet, diceByCase, probabilities, segmentSlices } from "./validation.ts";

export interface StepReport {
  readonly epoch: number;
  readonly step: number;
  readonly stepsPerEpoch: number;
  /** Steps done since the start of the run. */
  readonly steps: number;
  readonly losses: Readonly<Record<string, number>>;
  readonly ms: number;
}

export interface EpochReport {
  readonly epoch: number;
  readonly steps: number;
  /** Means over the epoch. */
  readonly losses: Readonly<Record<string, number>>;
  /** On the training grid; absent without validation. */
  readonly dice?: ValidationDice;
  readonly isBest: boolean;
}

/** Images of a few validation slices, each [size, size]; probabilities [size, size, K] as segment gives them. */
export interface EpochPictures {
  readonly rows: readonly { readonly slice: number; readonly ct: Float32Array; readonly pM?: Float32Array; readonly rC?: Float32Array; readonly probability: Float32Array }[];
}

export interface TrainingHooks {
  onStep?(report: StepReport): void | Promise<void>;
  /** Before an epoch's validation, with the number of its slices. */
  onValidation?(slices: number): void;
  onEpoch?(report: EpochReport, pictures: EpochPictures | undefined): void | Promise<void>;
  /** Must not resolve before the checkpoint is safe. `isBest`: the epoch just validated is the best so far. */
  save?(bytes: Uint8Array<ArrayBuffer>, progress: Progress, isBest: boolean): Promise<void>;
}

export interface TrainingOptions {
  readonly epochs: number;
  /** Stored in checkpoints. */
  readonly config?: unknown;
  readonly validation?: ValidationSet;
  /** Slices of the validation set to make pictures of after each epoch. */
  readonly pictured?: readonly number[];
  /** Slices per inference run. Default 8. */
  readonly inferenceBatch?: number;
  /** Steps between checkpoints within an epoch; at each epoch's end there is always one. */
  readonly saveEvery?: number;
  /** Finds the op that first gives a value that is not finite. */
  readonly debugNans?: boolean;
}

export type Outcome = "finished" | "interrupted";

export class Training {
  readonly progress: Progress;
  readonly #step: Program;
  readonly #segment: Program<"probability">;
  readonly #pictures: Program | undefined;
  readonly #buffers: readonly [BatchBuffers, BatchBuffers];

  private constructor(readonly device: Device, readonly regime: Regime, readonly batches: UnpairedBatches, readonly options: TrainingOptions, progress: Progress,
    programs: { step: Program; segment: Program<"probability">; pictures: Program | undefined }) {
    this.progress = progress;
    this.#step = programs.step;
    this.#segment = programs.segment;
    this.#pictures = programs.pictures;
    this.#buffers = [batches.buffers(), batches.buffers()];
  }

  /** Compiles the step and the inference programs, and restores `from` where a run goes on. */
  static async create(device: Device, regime: Regime, batches: UnpairedBatches, options: TrainingOptions, from?: { checkpoint: Checkpoint; file: string }): Promise<Training> {
    const { size, batch } = batches;
    const image = [batch, size, size, 1];
    const step = await device.compile((inputs) => regime.step(inputs), { xC: image, yC: image, xM: image, yM: image }, { mode: "train", name: `${regime.kind} step` });
    const n = options.inferenceBatch ?? 8;
    const segment = await device.compile(({ x }) => ({ probability: probabilities(regime.segment(x)) }), { x: [n, size, size, 1] }, { name: "segment" });
    const pictured = options.pictured?.length ?? 0;
    const pictures = pictured
      ? await device.compile<"x", string>(({ x }) => ({ probability: probabilities(regime.segment(x)), ...regime.pictures(x) }), { x: [pictured, size, size, 1] }, { name: "pictures" })
      : undefined;
    if (from) restoreCheckpoint(device, regime, from.checkpoint, from.file);
    const progress = from ? structuredClone(from.checkpoint.progress) : startOfRun();
    return new Training(device, regime, batches, options, progress, { step, segment, pictures });
  }

  /** Counts of the step program. */
  get stats() { return this.#step.stats(); }
  get stepProgram(): Program { return this.#step; }

  /**
   * Trains to the last epoch, or until `signal` aborts: then the step at hand is finished and a checkpoint saved.
   * Throws NumericalError, after which the last saved checkpoint is the last good one, and what the GPU reported.
   */
  async run(hooks: TrainingHooks = {}, signal?: AbortSignal): Promise<Outcome> {
    const { progress, batches, options } = this;
    const { stepsPerEpoch } = batches;
    let filled: { epoch: number; step: number; buffers: BatchBuffers } | undefined;
    const fill = (epoch: number, step: number, avoid?: BatchBuffers): NonNullable<typeof filled> => {
      const buffers = this.#buffers.find((b) => b !== avoid)!;
      batches.fill(epoch, step, buffers);
      return { epoch, step, buffers };
    };
    while (progress.epoch < options.epochs) {
      while (progress.step < stepsPerEpoch) {
        const { epoch, step } = progress;
        const start = performance.now();
        const now = filled?.epoch === epoch && filled.step === step ? filled : fill(epoch, step);
        this.#step.run({ ...now.buffers });
        // The next batch is made while the GPU works on this one.
        if (step + 1 < stepsPerEpoch) filled = fill(epoch, step + 1, now.buffers);
        const losses = scalars(await this.#step.read());
        this.#requireFinite(losses, epoch, step);
        for (const [name, v] of Object.entries(losses)) progress.sums[name] = (progress.sums[name] ?? 0) + v;
        progress.step++;
        progress.steps++;
        await hooks.onStep?.({ epoch, step, stepsPerEpoch, steps: progress.steps, losses, ms: performance.now() - start });
        if (signal?.aborted) {
          await this.#save(hooks, false);
          return "interrupted";
        }
        if (options.saveEvery && progress.steps % options.saveEvery === 0 && progress.step < stepsPerEpoch) await this.#save(hooks, false);
      }
      await this.#endEpoch(hooks);
      if (signal?.aborted) return "interrupted";
    }
    return "finished";
  }

  /** Probabilities [count, size, size, K] of slices [count, size, size] in [−1, 1]. */
  async segment(images: Float32Array): Promise<Float32Array> {
    const { size } = this.batches;
    return segmentSlices(this.#segment, images, size, this.options.inferenceBatch ?? 8);
  }

  dispose(): void {
    this.#step.dispose();
    this.#segment.dispose();
    this.#pictures?.dispose();
  }
  [Symbol.dispose](): void { this.dispose(); }

  async #endEpoch(hooks: TrainingHooks): Promise<void> {
    const { progress, options: { validation } } = this;
    const { epoch, steps } = progress;
    const losses = Object.fromEntries(Object.entries(progress.sums).map(([name, sum]) => [name, sum / this.batches.stepsPerEpoch]));
    let dice: EpochReport["dice"];
    if (validation && validation.count > 0) {
      hooks.onValidation?.(validation.count);
      dice = diceByCase(await this.segment(validation.images), validation);
    }
    const isBest = dice !== undefined && Number.isFinite(dice.mean) && (!progress.best || dice.mean > progress.best.dice);
    if (isBest) progress.best = { epoch, dice: dice!.mean };
    const pictures = await this.#picture();
    progress.epoch++;
    progress.step = 0;
    progress.sums = {};
    await this.#save(hooks, isBest);
    await hooks.onEpoch?.({ epoch, steps, losses, dice, isBest }, pictures);
  }

  async #save(hooks: TrainingHooks, isBest: boolean): Promise<void> {
    if (!hooks.save) return;
    await hooks.save(await saveCheckpoint(this.device, this.regime, this.progress, this.options.config ?? null), structuredClone(this.progress), isBest);
  }

  async #picture(): Promise<EpochPictures | undefined> {
    const { pictured, validation } = this.options;
    if (!this.#pictures || !pictured || !validation) return undefined;
    const n = validation.size ** 2;
    const x = new Float32Array(pictured.length * n);
    pictured.forEach((slice, i) => x.set(validation.images.subarray(slice * n, (slice + 1) * n), i * n));
    this.#pictures.run({ x });
    const values: Record<string, ArrayLike<number>> = await this.#pictures.read();
    const row = (name: string, i: number): Float32Array | undefined => {
      const all = values[name] as Float32Array | undefined, each = (all?.length ?? 0) / pictured.length;
      return all?.slice(i * each, (i + 1) * each);
    };
    return { rows: pictured.map((slice, i) => ({ slice, ct: x.slice(i * n, (i + 1) * n), pM: row("pM", i), rC: row("rC", i), probability: row("probability", i)! })) };
  }

  #requireFinite(losses: Readonly<Record<string, number>>, epoch: number, step: number): void {
    const bad = Object.entries(losses).filter(([, v]) => !Number.isFinite(v));
    if (bad.length === 0) return;
    throw new NumericalError(`epoch ${epoch + 1}, step ${step + 1}: ${bad.map(([name, v]) => `${name} is ${v}`).join(", ")}; the last checkpoint is good: go on from it with a lower learning rate`);
  }
}

const scalars = (values: Readonly<Record<string, ArrayLike<number>>>): Record<string, number> => Object.fromEntries(Object.entries(values).map(([name, v]) => [name, v[0]]));
