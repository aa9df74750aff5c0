// What CMEDL asks of a segmentation network, whichever it is.
import type { Initializer, Tensor } from "../engine/index.ts";
import type { NamedForPyTorch } from "./pytorch.ts";

/** Names of the levels of features, from the input to the output. */
export const HINT_LEVELS = ["low", "mid", "high"] as const;

/**
 * Which features distillation ties, as the paper's ablation (IV-H) names them: those of the first two convolutions, of
 * the bottleneck before any upsampling, or of the last two decoder stages (the paper's choice, and the best).
 */
export type HintLevel = (typeof HINT_LEVELS)[number];

/** What the two layers of each level, or its one, are called, coarse to fine. */
export const HINT_LAYERS: Readonly<Record<HintLevel, readonly string[]>> = {
  low: ["first convolution", "second convolution"],
  mid: ["bottleneck"],
  high: ["last decoder stage but one", "last decoder stage"],
};

/** Logits [N, H, W, K] and the features that distillation ties, coarse to fine. */
export interface Segmentation {
  logits: Tensor;
  features: readonly Tensor[];
}

/**
 * The bias of a segmentor's last convolution at which every pixel starts at the `prior`: the share of each structure,
 * without the background. A sigmoid's logit for one, logarithms of a softmax's shares for several. Without a prior the
 * bias is drawn as any other, and a mask starts at one half everywhere (RetinaNet's initialisation: Lin et al. 2017,
 * 3.3).
 */
export function priorBias(prior: readonly number[] | undefined): { biasInit?: Initializer } {
  if (!prior) return {};
  const background = 1 - prior.reduce((sum, share) => sum + share, 0);
  const [first = 0] = prior;
  const bias = prior.length === 1 ? [Math.log(first / background)] : [background, ...prior].map(Math.log);
  return { biasInit: () => Float32Array.from(bias) };
}

export interface Segmentor extends NamedForPyTorch {
  /** image [N, H, W, C] → logits at the same resolution. */
  forward(image: Tensor): Segmentation;
}
