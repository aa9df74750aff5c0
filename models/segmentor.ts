// What CMEDL asks of a segmentation network, whichever it is.
import type { Tensor } from "../engine/index.ts";
import type { NamedForPyTorch } from "./pytorch.ts";

export const HINT_LEVELS = ["low", "mid", "high"] as const;

/**
 * Which features distillation ties, as the paper's ablation (IV-H) names them: those of the first two convolutions, of
 * the bottleneck before any upsampling, or of the last two decoder stages (the paper's choice, and the best).
 */
export type HintLevel = (typeof HINT_LEVELS)[number];

/** Logits [N, H, W, K] and the features that distillation ties, coarse to fine. */
export interface Segmentation {
  logits: Tensor;
  features: readonly Tensor[];
}

export interface Segmentor extends NamedForPyTorch {
  /** image [N, H, W, C] → logits at the same resolution. */
  forward(image: Tensor): Segmentation;
}
