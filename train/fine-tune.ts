// A trained model fitted to corrected slices: its last stages go on learning, all before them stays as it
// is, norms too, so that few slices suffice.
import { Order } from "../data/batches.ts";
import type { Range } from "../data/intensity.ts";
import { keyOf } from "../data/random.ts";
import { type LoadedCase, type SliceSet, type Slices, imageSlice, maskSlice, sliceSet } from "../data/slices.ts";
import {
  type Device,
  NumericalError,
  type Pacing,
  type Program,
  UsageError,
  type Variable,
  unlessAborted,
} from "../engine/index.ts";
import { type NetworkModel, copyModel } from "../inference/model.ts";
import { type SliceProgram, compileBatch } from "../inference/slice-program.ts";
import { compileSegmenter } from "../inference/slice-segmenter.ts";
import { fieldsOf } from "../inference/volume.ts";
import { type SegmentationLoss, segmentation } from "../losses/segmentation.ts";
import { modulesOf } from "../models/blocks.ts";
import { segmentorRow } from "../models/segmentors.ts";
import { Adam } from "./adam.ts";
import { countSlices } from "./run/sets.ts";
import { validateSlices } from "./validation.ts";

export interface FineTuneOptions extends Pacing {
  /** Updates of the parameters. Default 100. */
  readonly steps?: number;
  /** Learning rate, 1e-3. */
  readonly rate?: number;
  /** Most slices of a step, 4; fewer where there are fewer, or the device can't hold them. */
  readonly batch?: number;
  /** "dice+cross-entropy": a slice from which all was erased teaches too. */
  readonly loss?: SegmentationLoss;
  /** For the order of slices, 0. */
  readonly seed?: number;
  /** Slices that are not learned from: their Dice before and after is reported. */
  readonly leftOut?: Slices;
  onStep?(report: FineTuneStep): void;
}

export interface FineTuneStep {
  /** From 1. */
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
}

export interface FineTuned {
  /** A model of its own; the one that was given is as it was. */
  readonly model: NetworkModel;
  /**
   * Volumetric Dice on the slices that were left out, the mean over cases and structures; absent without such slices.
   */
  readonly dice?: { readonly before: number; readonly after: number };
}

/** The parts of a model that fine-tuning moves: paths of modules ("up.3"), and their parameters. */
export function lastStagesOf({ network, module }: Pick<NetworkModel, "network" | "module">): {
  readonly paths: readonly string[];
  readonly parameters: readonly Variable[];
} {
  const stages = segmentorRow(network).lastStages(module);
  const paths = [...modulesOf(module)].filter(([, part]) => stages.includes(part)).map(([path]) => path);
  return { paths, parameters: stages.flatMap((stage) => stage.parameters()) };
}

/**
 * Axial slices `zs` of a case as the model sees them, each by the fields that cover it: `range` is what values are
 * scaled by, the mask holds class numbers.
 */
export function slicesForModel(
  { id, patient, image, mask }: LoadedCase,
  zs: readonly number[],
  range: Range,
  { size, fieldMm }: Pick<NetworkModel, "size" | "fieldMm">,
): SliceSet {
  const fields = fieldsOf(image, { size, fieldMm });
  const count = zs.length * fields.length;
  const images = new Float32Array(count * size ** 2);
  const masks = new Uint8Array(count * size ** 2);
  const origins = zs.flatMap((z, i) =>
    fields.map((field, f) => {
      const at = (i * fields.length + f) * size ** 2;
      imageSlice(image, z, range, { size, fieldMm }, images, at, field);
      maskSlice({ image, mask }, z, { size, fieldMm }, masks, at, field);
      return { id, patient, z };
    }),
  );
  return sliceSet({ size, count, images, masks, origins });
}

/**
 * Makes a model that fits `slices`: a copy whose last stages (`lastStagesOf`) take `steps` steps of Adam. Norms keep
 * their statistics and nothing is dropped, as when it segments. Throws UsageError where slices are not of the model's
 * size or there are none, DataError where their masks hold a class beyond its structures, NumericalError where the loss
 * is not finite, what the GPU reported, and the reason of `signal` as soon as it aborts: no program is left then.
 * Variables of the copy stay on `device` until that is disposed.
 */
export async function fineTune(
  device: Device,
  model: NetworkModel,
  slices: Slices,
  options: FineTuneOptions = {},
): Promise<FineTuned> {
  const { leftOut, onStep, steps = 100, signal, onProgress, yieldEveryMs } = options;
  for (const { size, count } of leftOut ? [slices, leftOut] : [slices])
    if (size !== model.size || count === 0)
      throw new UsageError(`fineTune: ${count} slices of ${size} × ${size}; the model takes some of ${model.size}`);
  for (const set of leftOut ? [slices, leftOut] : [slices]) countSlices(set, model.labels.length, "fineTune");
  const tuned = await copyModel(model, device);
  const learning = await Learning.compile(device, tuned, slices, options);
  let judge: SliceProgram<"probability"> | undefined;
  try {
    const { size } = tuned;
    const held = { batch: 4, size, signal, onProgress, yieldEveryMs };
    judge = leftOut && (await compileSegmenter(device, (x) => tuned.segment(x), held));
    const dice = async (): Promise<number | undefined> =>
      judge && leftOut && (await validateSlices(judgedBy(judge, signal), leftOut, judge.batch)).dice.mean;
    const before = await dice();
    for (let step = 0; step < steps; step++) {
      const loss = await learning.step(step, signal);
      onStep?.({ step: step + 1, steps, loss });
    }
    const after = await dice();
    const done = await copyModel(tuned, device);
    return before === undefined || after === undefined ? { model: done } : { model: done, dice: { before, after } };
  } finally {
    judge?.dispose();
    learning.program.dispose();
  }
}

const judgedBy =
  (judge: SliceProgram<"probability">, signal: AbortSignal | undefined) =>
  async (images: Float32Array): Promise<Float32Array> =>
    (await judge.run(images, { signal })).probability;

/** The program of a step, and the slices that it is given. */
class Learning {
  readonly #order: Order;
  private constructor(
    readonly slices: Slices,
    readonly batch: number,
    readonly program: Program<"loss">,
    seed: number,
  ) {
    this.#order = new Order(slices.count, keyOf(seed, "fine-tune"));
  }

  static async compile(
    device: Device,
    model: NetworkModel,
    slices: Slices,
    { rate = 1e-3, batch = 4, loss: kind = "dice+cross-entropy", seed = 0, ...options }: FineTuneOptions,
  ): Promise<Learning> {
    const { signal, onProgress, yieldEveryMs } = options;
    const adam = new Adam(lastStagesOf(model).parameters, { rate, name: "fine-tune" });
    const compile = (n: number): Promise<Program<"loss">> => {
      const shape = [n, model.size, model.size, 1];
      return device.compile<"x" | "y", "loss">(
        ({ x, y }) => {
          const loss = segmentation(model.segment(x), y, kind);
          adam.minimize(loss);
          return { loss };
        },
        { x: shape, y: shape },
        { name: "fine-tune", signal, onProgress, yieldEveryMs },
      );
    };
    const held = await compileBatch("fine-tune", Math.min(batch, slices.count), compile);
    return new Learning(slices, held.batch, held.program, seed);
  }

  /** The loss of a step, on its slices. */
  async step(step: number, signal: AbortSignal | undefined): Promise<number> {
    const { slices, batch, program } = this;
    const n = slices.size ** 2;
    const x = new Float32Array(batch * n);
    const y = new Float32Array(batch * n);
    const mask = new Uint8Array(n);
    for (let i = 0; i < batch; i++) {
      const slice = this.#order.at(0, step * batch + i);
      slices.copyImage(slice, x, i * n);
      slices.copyMask(slice, mask);
      y.set(mask, i * n);
    }
    signal?.throwIfAborted();
    program.run({ x, y });
    const loss = (await unlessAborted(program.read(), signal)).loss[0]!;
    if (Number.isFinite(loss)) return loss;
    throw new NumericalError(`fine-tuning, step ${step + 1}: the loss is ${loss}; give a lower rate`);
  }
}
