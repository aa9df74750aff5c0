// Online mutual knowledge distillation (Li et al., AAAI 2020), the paper's comparison [13]: MR is translated into CT,
// one segmentor learns from CT and its masks, the other from pseudo CT and MR's, and each learns from the other's
// outputs on both.
import { RandomStreams, type Tensor, add, mul, stopGradient, total } from "../../engine/index.ts";
import { mutualDistillation } from "../../losses/distillation.ts";
import { segmentation } from "../../losses/segmentation.ts";
import type { Segmentor } from "../../models/segmentor.ts";
import type { Adam } from "../adam.ts";
import type { Batch, Losses, TiedFeatures } from "../regime.ts";
import { weigh } from "../terms.ts";
import type { Translator } from "../translators/translator.ts";
import { type SegmentorTraining, segmentorAdam } from "./segmentor-training.ts";
import { TranslatorRegime } from "./translator-regime.ts";

/** The weight `hint` is that of the mutual distillation. */
export interface MutualOptions extends SegmentorTraining {
  translator: Translator;
  /** T of the outputs, 1. */
  temperature?: number;
}

/** Two segmentors, on C and on M translated to C, that learn from each other's outputs: [13] of Table III. */
export class Mutual extends TranslatorRegime {
  readonly inputs = ["xC", "yC", "xM", "yM"] as const;
  /** The segmentor that CT's masks teach, and the one that MR's masks teach by way of pseudo CT. */
  readonly SC: Segmentor;
  readonly SM: Segmentor;
  readonly optimize: { readonly S: Adam };

  constructor(readonly options: MutualOptions) {
    super(options.kind ?? "mutual", options.translator, options);
    this.SC = options.segmentor();
    this.SM = options.segmentor();
    this.initialize(new RandomStreams(options.seed ?? 0));
    this.optimize = { S: segmentorAdam([this.SC, this.SM], options) };
  }

  get networks() {
    return { ...this.translator.networks, SC: this.SC, SM: this.SM };
  }

  learn({ xC, yC, xM, yM }: Batch): Losses {
    const { translator, SC, SM, λ } = this;
    const { temperature, loss } = this.options;
    const pC = stopGradient(translator.toC(xM, xC));
    // Each segmentor on both images: one call for its own masks, one for what the other thinks.
    const ofC = [SC.forward(xC).logits, SM.forward(xC).logits] as const;
    const ofPC = [SC.forward(pC).logits, SM.forward(pC).logits] as const;
    const { total: lossS, losses } = weigh("S", {
      seg: [λ.seg, () => segmentation(ofC[0], yC, loss)],
      segPC: [λ.seg, () => segmentation(ofPC[1], yM, loss)],
      mutual: [
        λ.hint,
        () => total(mutualDistillation(...ofC, { temperature }), mutualDistillation(...ofPC, { temperature })),
        this.ramp("hint"),
      ],
    });
    this.optimize.S.minimize(lossS);
    return losses;
  }

  /** Both segmentors together: the mean of their logits. */
  segment(xC: Tensor): Tensor {
    return mul(0.5, add(this.SC.forward(xC).logits, this.SM.forward(xC).logits));
  }

  /** Of the segmentor that CT's masks teach. */
  features(xC: Tensor): TiedFeatures {
    return { student: this.SC.forward(xC).features };
  }

  /** CT stays as it is here. */
  override pictures() {
    return {};
  }
}
