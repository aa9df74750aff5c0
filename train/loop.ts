// The training loop: steps, epochs, validation, checkpoints. Where files go and how progress is shown is the caller's.
import {
  type Device,
  NumericalError,
  type Program,
  type Tensor,
  type Watch,
  autocast,
  firstNotFinite,
  rememberSites,
  watchFinite,
} from "../engine/index.ts";
import type { BatchBuffers, UnpairedBatches } from "../data/batches.ts";
import { augmentedStep } from "./augment.ts";
import { type Checkpoint, type Progress, restoreCheckpoint, saveCheckpoint, startOfRun } from "./checkpoint.ts";
import type { Losses, Regime, Step } from "./regime.ts";
import { linearDecay } from "./schedule.ts";
import {
  type Validation,
  type ValidationSet,
  compileSegmenter,
  probabilities,
  segmentSlices,
  validate,
} from "./validation.ts";

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
  /** On the training grid, loss and volumetric Dice; absent without validation slices. */
  readonly validation?: Validation;
  readonly isBest: boolean;
}

/** Images of a few validation slices, each [size, size]; probabilities [size, size, K] as segment gives them. */
export interface EpochPictures {
  readonly rows: readonly {
    readonly slice: number;
    readonly ct: Float32Array;
    readonly pM?: Float32Array;
    readonly rC?: Float32Array;
    readonly probability: Float32Array;
  }[];
}

export interface TrainingHooks {
  onStep?(report: StepReport): void | Promise<void>;
  /** Before an epoch's validation, with the number of its slices. */
  onValidation?(slices: number): void;
  onEpoch?(report: EpochReport, pictures: EpochPictures | undefined): void | Promise<void>;
  /** Must not resolve before the checkpoint is safe. `isBest`: the epoch just validated is the best so far. */
  save?(bytes: Uint8Array<ArrayBuffer>, progress: Progress, isBest: boolean): Promise<void>;
  /** The latest checkpoint that was saved: from it a step that went bad is found again. */
  latest?(): Promise<{ checkpoint: Checkpoint; file: string } | undefined>;
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
  /** Epoch from which learning rates fall linearly, to 0 after the last. */
  readonly decayFrom?: number;
  /** Epochs without a lower validation loss after which training stops. */
  readonly patience?: number;
  /** "mixed": products in half precision, for which the device needs shader-f16. */
  readonly precision?: "f32" | "mixed";
  /** Whether each step is watched for numbers that are not finite, which costs a pass over every tensor. */
  readonly debugNans?: boolean;
}

/** "stopped": early, for validation got no better. */
export type Outcome = "finished" | "stopped" | "interrupted";

type Values = Readonly<Record<string, ArrayLike<number>>>;
const NORM = "norm ";
const COUNTS = "not finite";

export class Training {
  readonly progress: Progress;
  readonly #steps: ReadonlyMap<Step, Program>;
  readonly #segment: Program<"probability">;
  readonly #pictures: Program | undefined;
  readonly #buffers: readonly [BatchBuffers, BatchBuffers];
  /** What the programs of watched steps watch. */
  readonly #watches: ReadonlyMap<Step, Watch>;

  private constructor(
    readonly device: Device,
    readonly regime: Regime,
    readonly batches: UnpairedBatches,
    readonly options: TrainingOptions,
    progress: Progress,
    programs: {
      steps: ReadonlyMap<Step, Program>;
      watches: ReadonlyMap<Step, Watch>;
      segment: Program<"probability">;
      pictures: Program | undefined;
    },
  ) {
    this.progress = progress;
    this.#steps = programs.steps;
    this.#watches = programs.watches;
    this.#segment = programs.segment;
    this.#pictures = programs.pictures;
    this.#buffers = [batches.buffers(), batches.buffers()];
  }

  /** Compiles the steps and the inference programs, and restores `from` where a run goes on. */
  static async create(
    device: Device,
    regime: Regime,
    batches: UnpairedBatches,
    options: TrainingOptions,
    from?: { checkpoint: Checkpoint; file: string },
  ): Promise<Training> {
    const { size } = batches;
    const steps = new Map<Step, Program>();
    const watches = new Map<Step, Watch>();
    for (const step of new Set(regime.steps))
      steps.set(
        step,
        await compileStep(device, regime, batches, step, options, options.debugNans ? watches : undefined),
      );
    // Where weights have a moving average, it is the average that is judged.
    const segment = (x: Tensor): Tensor => withAverages(regime, () => regime.segment(x));
    const pictured = options.pictured?.length ?? 0;
    const pictures = pictured
      ? await device.compile<"x", string>(
          ({ x }) => ({ probability: probabilities(segment(x)), ...withAverages(regime, () => regime.pictures(x)) }),
          { x: [pictured, size, size, 1] },
          { name: "pictures" },
        )
      : undefined;
    const programs = {
      steps,
      watches,
      segment: await compileSegmenter(device, segment, options.inferenceBatch ?? 8, size),
      pictures,
    };
    if (from) restoreCheckpoint(device, regime, from.checkpoint, from.file);
    return new Training(
      device,
      regime,
      batches,
      options,
      from ? structuredClone(from.checkpoint.progress) : startOfRun(),
      programs,
    );
  }

  /** Counts of the step program; of the last where several take turns. */
  get stats() {
    return this.stepProgram.stats();
  }
  get stepProgram(): Program {
    return this.#steps.get(this.regime.steps.at(-1)!)!;
  }

  /**
   * Trains to the last epoch or an early stop, or until `signal` aborts: then the step at hand is finished and a
   * checkpoint saved. Throws NumericalError, after which the last saved checkpoint is the last good one, and what the
   * GPU reported.
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
      if (this.#isDone) return "stopped";
      while (progress.step < stepsPerEpoch) {
        const { epoch, step } = progress;
        const start = performance.now();
        const now = filled?.epoch === epoch && filled.step === step ? filled : fill(epoch, step);
        const running = this.#start(progress, now.buffers);
        // The next batch is made while the GPU works on this one.
        if (step + 1 < stepsPerEpoch) filled = fill(epoch, step + 1, now.buffers);
        const { losses, norms, found } = this.#judge(await running.read(), progress);
        if (found.length > 0) throw await this.#notFinite(found, hooks);
        for (const [name, v] of Object.entries(losses))
          progress.sums[name] = [(progress.sums[name]?.[0] ?? 0) + v, (progress.sums[name]?.[1] ?? 0) + 1];
        progress.step++;
        progress.steps++;
        await hooks.onStep?.({
          epoch,
          step,
          stepsPerEpoch,
          steps: progress.steps,
          losses,
          norms,
          ms: performance.now() - start,
        });
        if (signal?.aborted) {
          await this.#save(hooks, false);
          return "interrupted";
        }
        if (options.saveEvery && progress.steps % options.saveEvery === 0 && progress.step < stepsPerEpoch)
          await this.#save(hooks, false);
      }
      await this.#endEpoch(hooks);
      if (signal?.aborted) return "interrupted";
    }
    return "finished";
  }

  /** Probabilities [count, size, size, K] of slices [count, size, size] in [−1, 1]. */
  async segment(images: Float32Array): Promise<Float32Array> {
    return segmentSlices(this.#segment, images, this.batches.size, this.options.inferenceBatch ?? 8);
  }

  dispose(): void {
    for (const program of this.#steps.values()) program.dispose();
    this.#segment.dispose();
    this.#pictures?.dispose();
  }
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Whether the last epochs were no better than the best one: as many as patience allows. */
  get #isDone(): boolean {
    const {
      progress: { best, epoch, step },
      options: { patience },
    } = this;
    return patience !== undefined && best !== null && step === 0 && epoch - 1 - best.epoch >= patience;
  }

  /** The step whose turn it is, and its program. */
  #turn(steps: number): { step: Step; program: Program } {
    const step = this.regime.steps[steps % this.regime.steps.length];
    return { step, program: this.#steps.get(step)! };
  }

  #start(progress: Progress, buffers: BatchBuffers): Program {
    const { epochs, decayFrom } = this.options;
    for (const o of this.regime.optimizers)
      o.decay = decayFrom === undefined ? 1 : linearDecay(progress.epoch, decayFrom, epochs - decayFrom);
    const { program } = this.#turn(progress.steps);
    program.run({ ...buffers });
    return program;
  }

  /**
   * What a step gave, and what of it is not finite, in words. An overflow that halves a loss's scale is as it should
   * be.
   */
  #judge(
    values: Values,
    progress: Progress,
  ): { losses: Record<string, number>; norms: Record<string, number>; found: string[] } {
    const numbers = Object.entries(values)
      .filter(([name]) => name !== COUNTS)
      .map(([name, v]) => [name, v[0]] as const);
    const losses = Object.fromEntries(numbers.filter(([name]) => !name.startsWith(NORM)));
    const norms = Object.fromEntries(
      numbers.filter(([name]) => name.startsWith(NORM)).map(([name, v]) => [name.slice(NORM.length), v]),
    );
    const scaled = new Set(this.regime.optimizers.filter((o) => o.options.scaled).map((o) => o.name));
    const found = [
      ...Object.entries(losses)
        .filter(([, v]) => !Number.isFinite(v))
        .map(([name, v]) => `${name} is ${v}`),
      ...Object.entries(norms)
        .filter(([name, v]) => !Number.isFinite(v) && !scaled.has(name))
        .map(([name, v]) => `the gradient of optimizer ${name} has norm ${v}`),
    ];
    const watch = this.#watches.get(this.#turn(progress.steps).step);
    const first = watch && scaled.size === 0 ? firstNotFinite(watch, values[COUNTS]) : undefined;
    return { losses, norms, found: first ? [first, ...found] : found };
  }

  /**
   * The error for a step that went bad. Finds its first bad tensor by doing the run again from the last checkpoint,
   * watched at that step.
   */
  async #notFinite(found: readonly string[], hooks: TrainingHooks): Promise<NumericalError> {
    const { epoch, step } = this.progress;
    const where = `epoch ${epoch + 1}, step ${step + 1}`;
    const mend = "the last checkpoint is good: go on from it with a lower learning rate";
    if (this.options.debugNans) return new NumericalError(`${where}: ${found.join("; ")}; ${mend}`);
    const first = await this.#findFirst(hooks).catch(() => undefined);
    return new NumericalError(`${where}: ${found.join(", ")}; ${first ? `first, ${first}; ` : ""}${mend}`);
  }

  async #findFirst(hooks: TrainingHooks): Promise<string | undefined> {
    const { device, regime, batches, progress } = this;
    const from = await hooks.latest?.();
    const at = from ? structuredClone(from.checkpoint.progress) : progress;
    if (from) restoreCheckpoint(device, regime, from.checkpoint, from.file);
    const buffers = batches.buffers();
    for (; at.steps < progress.steps; at.steps++, at.step++) {
      if (at.step === batches.stepsPerEpoch) [at.epoch, at.step] = [at.epoch + 1, 0];
      batches.fill(at.epoch, at.step, buffers);
      await this.#start(at, buffers).read();
    }
    batches.fill(progress.epoch, progress.step, buffers);
    const { step } = this.#turn(progress.steps);
    const watches = new Map<Step, Watch>();
    using program = await compileStep(device, regime, batches, step, this.options, watches);
    program.run({ ...buffers });
    return firstNotFinite(watches.get(step)!, ((await program.read()) as Values)[COUNTS]);
  }

  async #endEpoch(hooks: TrainingHooks): Promise<void> {
    const {
      progress,
      options: { validation: set },
    } = this;
    const { epoch, steps } = progress;
    const losses = Object.fromEntries(Object.entries(progress.sums).map(([name, [sum, n]]) => [name, sum / n]));
    let validation: Validation | undefined;
    if (set && set.count > 0) {
      hooks.onValidation?.(set.count);
      validation = validate(await this.segment(set.images), set);
    }
    const isBest =
      validation !== undefined &&
      Number.isFinite(validation.loss) &&
      (!progress.best || validation.loss < progress.best.loss);
    if (isBest) progress.best = { epoch, loss: validation!.loss, dice: validation!.dice.mean };
    const pictures = await this.#picture();
    progress.epoch++;
    progress.step = 0;
    progress.sums = {};
    await this.#save(hooks, isBest);
    await hooks.onEpoch?.({ epoch, steps, losses, isBest, ...(validation ? { validation } : {}) }, pictures);
  }

  async #save(hooks: TrainingHooks, isBest: boolean): Promise<void> {
    if (!hooks.save) return;
    await hooks.save(
      await saveCheckpoint(this.device, this.regime, this.progress, this.options.config ?? null),
      structuredClone(this.progress),
      isBest,
    );
  }

  async #picture(): Promise<EpochPictures | undefined> {
    const { pictured, validation } = this.options;
    if (!this.#pictures || !pictured || !validation) return undefined;
    const n = validation.size ** 2;
    const x = new Float32Array(pictured.length * n);
    pictured.forEach((slice, i) => x.set(validation.images.subarray(slice * n, (slice + 1) * n), i * n));
    this.#pictures.run({ x });
    const values: Values = await this.#pictures.read();
    const row = (name: string, i: number): Float32Array | undefined => {
      const all = values[name] as Float32Array | undefined;
      const each = all ? all.length / pictured.length : 0;
      return all?.slice(i * each, (i + 1) * each);
    };
    return {
      rows: pictured.map((slice, i) => ({
        slice,
        ct: x.slice(i * n, (i + 1) * n),
        pM: row("pM", i),
        rC: row("rC", i),
        probability: row("probability", i)!,
      })),
    };
  }
}

/**
 * A step as a program: its losses, the norms of gradients, and where `watches` is given, a watch over all that it
 * computes.
 */
async function compileStep(
  device: Device,
  regime: Regime,
  batches: UnpairedBatches,
  step: Step,
  { precision }: TrainingOptions,
  watches?: Map<Step, Watch>,
): Promise<Program> {
  const augmented = augmentedStep(precision === "mixed" ? (batch) => autocast("f16", () => step(batch)) : step);
  const before = rememberSites(watches !== undefined);
  try {
    return await device.compile(
      (inputs): Losses => {
        for (const o of regime.optimizers) o.norm = undefined;
        const losses = augmented(inputs);
        const norms = Object.fromEntries(regime.optimizers.flatMap((o) => (o.norm ? [[NORM + o.name, o.norm]] : [])));
        if (!watches) return { ...losses, ...norms };
        const watch = watchFinite(Object.values({ ...losses, ...norms }));
        watches.set(step, watch);
        return { ...losses, ...norms, [COUNTS]: watch.counts };
      },
      batches.shapes,
      { mode: "train", name: `${regime.kind} step` },
    );
  } finally {
    rememberSites(before);
  }
}

/** What `f` gives with every optimizer's moving averages in place of its parameters. Within a trace. */
const withAverages = <T>({ optimizers }: Regime, f: () => T): T =>
  optimizers.reduceRight<() => T>((inner, o) => () => o.averaged(inner), f)();
