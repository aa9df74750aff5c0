// The steps of a regime as programs: which one's turn it is, what a run of it gave, and whether all of that is finite.
import {
  type Device,
  type ExchangedProgram,
  LimitExceededError,
  type Pacing,
  type Program,
  type Tensor,
  type Watch,
  autocast,
  callers,
  firstNotFinite,
  oneOf,
  rememberSites,
  requireTrace,
  watchFinite,
} from "../engine/index.ts";
import type { BatchBuffers, UnpairedBatches } from "../data/batches.ts";
import { augmentedStep } from "./augment.ts";
import type { Progress } from "./checkpoint.ts";
import { type Sharing, shared, tracedFor } from "./ranks.ts";
import type { Losses, Regime, Step } from "./regime.ts";
import { linearDecay } from "./schedule.ts";

export interface StepOptions {
  readonly epochs: number;
  /** Epoch from which learning rates fall linearly, to 0 after the last. */
  readonly decayFrom?: number;
  /** "mixed": products in half precision, for which the device needs shader-f16. */
  readonly precision?: "f32" | "mixed";
  /** Whether each step is watched for numbers that are not finite, which costs a pass over every tensor. */
  readonly debugNans?: boolean;
  /** Where other processes train with this one: `batches` are then this one's part. */
  readonly sharing?: Sharing;
}

/** A step under way. */
export interface RunningStep {
  /** What its program gave. */
  read(): Promise<Values>;
}

/** What a step gave. */
export interface StepValues {
  readonly losses: Readonly<Record<string, number>>;
  /** Norm of each optimizer's gradient, by its name. */
  readonly norms: Readonly<Record<string, number>>;
  /** What of it is not finite, in words. */
  readonly notFinite: readonly string[];
}

export type Values = Readonly<Record<string, ArrayLike<number>>>;

/** Names of a program's outputs beside the losses: an optimizer's norm behind this prefix, and what a watch counted. */
const NORM = "norm ";
const COUNTS = "not finite";

export class StepPrograms {
  readonly #programs = new Map<Step, Program>();
  /** The same, where each is run together with other ranks. */
  readonly #shared = new Map<Step, ExchangedProgram>();
  /** What the programs of watched steps watch. */
  readonly #watches = new Map<Step, Watch>();

  private constructor(
    readonly device: Device,
    readonly regime: Regime,
    readonly batches: UnpairedBatches,
    readonly options: StepOptions,
  ) {}

  static async compile(
    device: Device,
    regime: Regime,
    batches: UnpairedBatches,
    options: StepOptions,
    pacing: Pacing = {},
  ): Promise<StepPrograms> {
    const all = new StepPrograms(device, regime, batches, options);
    const watches = options.debugNans ? all.#watches : undefined;
    try {
      for (const step of new Set(regime.steps)) {
        const program = await all.#compile(step, watches, pacing);
        all.#programs.set(step, program);
        if (options.sharing) all.#shared.set(step, shared(program, options.sharing));
      }
      return all;
    } catch (error) {
      all.dispose();
      throw error;
    }
  }

  /** The program of the last of the steps that take turns. */
  get last(): Program {
    return this.#programs.get(this.regime.steps.at(-1)!)!;
  }

  /**
   * What the last of the steps sums over ranks, in its order, and how often it waits for that; nothing without ranks.
   */
  get exchanges(): Pick<ExchangedProgram, "sums" | "rounds"> {
    return this.#shared.get(this.regime.steps.at(-1)!) ?? { sums: [], rounds: 0 };
  }

  /** Sets learning rates and scheduled weights as they are at the step of `progress`. */
  prepare(progress: Progress): void {
    const { epochs, decayFrom } = this.options;
    const decay = decayFrom === undefined ? 1 : linearDecay(progress.epoch, decayFrom, epochs - decayFrom);
    for (const optimizer of this.regime.optimizers) optimizer.decay = decay;
    for (const ramp of this.regime.ramps) ramp.moveTo(progress.steps, epochs * this.batches.stepsPerEpoch);
  }

  /** Runs the step whose turn it is. */
  start(progress: Progress, buffers: BatchBuffers): RunningStep {
    this.prepare(progress);
    const step = this.#stepAt(progress);
    const program = this.#programs.get(step)!;
    const together = this.#shared.get(step);
    if (!together) {
      program.run({ ...buffers });
      // While the GPU works on this step, the commands of the next one are encoded.
      this.#programs.get(this.#stepAt({ steps: progress.steps + 1 }))!.encodeAhead();
      return program;
    }
    const done = together.run({ ...buffers });
    done.catch(() => {}); // who reads hears of it
    return { read: () => done.then(() => program.read()) };
  }

  /** What a step gave. An overflow that halves a loss's scale is as it should be. */
  judge(values: Values, progress: Progress): StepValues {
    const losses: Record<string, number> = {};
    const norms: Record<string, number> = {};
    for (const [name, scalar] of Object.entries(values)) {
      if (name.startsWith(NORM)) norms[name.slice(NORM.length)] = scalar[0]!;
      else if (name !== COUNTS) losses[name] = scalar[0]!;
    }
    const scaled = new Set(this.regime.optimizers.filter((o) => o.options.scaled).map((o) => o.name));
    const watch = this.#watches.get(this.#stepAt(progress));
    const first = watch && scaled.size === 0 ? firstNotFinite(watch, values[COUNTS]!) : undefined;
    const notFinite = first ? [first] : [];
    for (const [name, v] of Object.entries(losses)) if (!Number.isFinite(v)) notFinite.push(`${name} is ${v}`);
    for (const [name, v] of Object.entries(norms))
      if (!Number.isFinite(v) && !scaled.has(name)) notFinite.push(`the gradient of optimizer ${name} has norm ${v}`);
    return { losses, norms, notFinite };
  }

  /** Runs the step of `progress` once more, watched: its first tensor that is not finite, in words. */
  async firstNotFinite(progress: Progress, buffers: BatchBuffers): Promise<string | undefined> {
    const step = this.#stepAt(progress);
    const watches = new Map<Step, Watch>();
    using program = await this.#compile(step, watches);
    program.run({ ...buffers });
    const values: Values = await program.read();
    return firstNotFinite(watches.get(step)!, values[COUNTS]!);
  }

  dispose(): void {
    for (const program of this.#shared.values()) program.dispose();
    for (const program of this.#programs.values()) program.dispose();
  }

  #stepAt({ steps }: Pick<Progress, "steps">): Step {
    const turns = this.regime.steps;
    return turns[steps % turns.length]!;
  }

  /**
   * A step as a program: its losses, the norms of gradients, and where `watches` is given, a watch over all that it
   * computes.
   */
  async #compile(step: Step, watches: Map<Step, Watch> | undefined, pacing: Pacing = {}): Promise<Program> {
    const { device, regime, batches } = this;
    const mixed: Step = (batch) => autocast("f16", () => step(batch));
    const { precision = "f32", sharing } = this.options;
    const augmented = augmentedStep(
      oneOf("training", "precision", precision, ["f32", "mixed"]) === "mixed" ? mixed : step,
    );
    const before = rememberSites(watches && callers);
    const traced = (inputs: Readonly<Record<string, Tensor>>): Losses => {
      if (sharing) requireTrace("a shared step").ranks = tracedFor(sharing);
      for (const optimizer of regime.optimizers) optimizer.norm = undefined;
      const given: Losses = { ...augmented(inputs) };
      for (const { name, norm } of regime.optimizers) if (norm) given[NORM + name] = norm;
      if (!watches) return given;
      const watch = watchFinite(Object.values(given));
      watches.set(step, watch);
      return { ...given, [COUNTS]: watch.counts };
    };
    try {
      return await device.compile(traced, batches.shapes, { mode: "train", name: `${regime.kind} step`, ...pacing });
    } catch (error) {
      if (!(error instanceof LimitExceededError)) throw error;
      const many = sharing?.ranks.size ?? 1;
      throw new LimitExceededError(`${error.message}; ${batchThatFits(device, augmented, batches, many)}`);
    } finally {
      rememberSites(before);
    }
  }
}

/**
 * "a batch of 4 fits (optimization.batch)": the first half of a batch of which the device can hold a step, in words;
 * that of `many` ranks together.
 */
function batchThatFits(
  device: Device,
  step: (inputs: Readonly<Record<string, Tensor>>) => Losses,
  { shapes, batch }: UnpairedBatches,
  many: number,
): string {
  for (let n = Math.floor(batch / 2); n >= 1; n = Math.floor(n / 2)) {
    const fewer = Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, shape.with(0, n)]));
    try {
      device.estimate(step, fewer, { mode: "train" });
      return `a batch of ${n * many} fits (optimization.batch)`;
    } catch (error) {
      if (!(error instanceof LimitExceededError)) throw error;
    }
  }
  return "no smaller batch fits: make the images smaller (data.size) or the networks narrower (networks.segmentor.width)";
}
