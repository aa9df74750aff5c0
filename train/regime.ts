// What a training loop needs of whatever is trained: networks, optimizers, one traced step.
import type { Module, Tensor } from "../engine/index.ts";
import type { NamedForPyTorch } from "../models/pytorch.ts";
import type { Adam } from "./adam.ts";
import type { Ramp } from "./schedule.ts";
import type { ImagePool } from "./translators/image-pool.ts";

/**
 * xC, xM [N, H, W, 1] in [−1, 1]; yC, yM [N, H, W, 1]: 0 and 1, or class numbers.
 * C is the student's modality and M the teacher's: CT and MR in the paper's main experiment.
 */
export interface Batch {
  xC: Tensor;
  yC: Tensor;
  xM: Tensor;
  yM: Tensor;
}

/** Unpaired images of both modalities. */
export type Images = Pick<Batch, "xC" | "xM">;

/** Losses by name, scalars. */
export type Losses = Record<string, Tensor>;

/** A training step, to be traced: updates networks, gives all losses by name. */
export type Step = (batch: Batch) => Losses;

/** What trains, wherever it stands in a regime. */
export interface Trained extends Module {
  /** What a checkpoint holds, by the paper's symbols. */
  readonly networks: Readonly<Record<string, NamedForPyTorch>>;
  readonly optimizers: readonly Adam[];
  /** Histories of generated images, by name. */
  readonly pools: Readonly<Record<string, ImagePool>>;
}

/** What the networks of a regime make of the same images in the layers that distillation ties, coarse to fine. */
export interface TiedFeatures {
  /** [N, H, W, C] each. */
  readonly student: readonly Tensor[];
  /** Of pseudo M; absent where there is no teacher. */
  readonly teacher?: readonly Tensor[];
}

/** Of one batch, at the weights of the step at hand. */
export interface Measured {
  /** Weighted losses of the student, scalars: its own segmentation, and what makes it follow the teacher. */
  readonly segmentation: Tensor;
  readonly distillation: Tensor;
  /** The student's parameters. */
  readonly parameters: readonly Tensor[];
  /** Tied features [N, H, W, C] of student and teacher. */
  readonly student: readonly Tensor[];
  readonly teacher: readonly Tensor[];
  /** Pseudo images and real ones of the teacher's modality [N, H, W, 1]. */
  readonly pseudo: Tensor;
  readonly real: Tensor;
}

export interface Regime extends Trained {
  /** As the command line calls it. */
  readonly kind: string;
  /** What its steps read of a batch. */
  readonly inputs: readonly (keyof Batch)[];
  /** Weights that start late. */
  readonly ramps: readonly Ramp[];
  /** Steps that take turns: the n-th run does the (n mod length)-th. Most regimes have one. */
  readonly steps: readonly Step[];
  /** What the collapse watch measures, to be traced; absent where nothing is tied. */
  measured?(batch: Batch): Measured;
  /** What is used once trained: images of C [N, H, W, 1] → logits [N, H, W, K]. */
  segment(xC: Tensor): Tensor;
  /**
   * Pictures of images of C [N, H, W, 1] for the eye: pseudo M `pM` and C brought back `rC`, where the regime
   * translates, and `teacher`, the teacher's logits [N, H, W, K] of pseudo M, where it has one.
   */
  pictures(xC: Tensor): Readonly<Record<string, Tensor>>;
  /** What distillation ties, or would tie, of images of C [N, H, W, 1]; absent where a regime shows none. */
  features?(xC: Tensor): TiedFeatures;
}
