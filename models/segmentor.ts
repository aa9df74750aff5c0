// What CMEDL asks of a segmentation network, whichever it is.
import type { Tensor } from "../engine/index.ts";
import type { NamedForPyTorch } from "./pytorch.ts";

/** Logits [N, H, W, K] and the features that distillation ties, coarse to fine. */
export interface Segmentation {
  logits: Tensor;
  features: readonly Tensor[];
}

export interface Segmentor extends NamedForPyTorch {
  /** image [N, H, W, C] → logits at the same resolution. */
  forward(image: Tensor): Segmentation;
}
