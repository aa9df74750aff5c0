// What a training loop needs of whatever is trained: networks, optimizers, one traced step.
import type { Module, Tensor } from "../engine/index.ts";
import type { NamedForPyTorch } from "../models/pytorch.ts";
import type { Segmentor } from "../models/segmentor.ts";
import type { Adam } from "./adam.ts";
import type { Batch, Losses } from "./cmedl.ts";
import type { ImagePool } from "./image-pool.ts";

export interface Regime extends Module {
  /** As the command line calls it. */
  readonly kind: string;
  /** What is trained, by the paper's symbols. */
  readonly networks: Readonly<Record<string, NamedForPyTorch>>;
  readonly optimizers: readonly Adam[];
  /** Histories of generated images, by name. */
  readonly pools: Readonly<Record<string, ImagePool>>;
  /** The segmentor that is used once trained. */
  readonly student: Segmentor;
  /** What its step reads. */
  readonly inputs: readonly (keyof Batch)[];
  /** Logits [N, H, W, K] of images of the student's modality. */
  segment(x: Tensor): Tensor;
  /** One training step, to be traced: updates all networks, gives all losses by name. */
  step(batch: Batch): Losses;
  /** Pictures of CT slices [N, H, W, 1] for the eye: pseudo MR `pM` and CT cycled back `rC`, where the regime translates. */
  pictures(xC: Tensor): Readonly<Record<string, Tensor>>;
}
