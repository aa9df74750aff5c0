// Online mutual knowledge distillation (Li et al., AAAI 2020), the paper's comparison [13]: MR is translated into CT,
// one segmentor learns from CT and its masks, the other from pseudo CT and MR's, and each learns from the other's
// outputs on both.
import { Module, RandomStreams, type Tensor, add, mul, stopGradient, total } from "../../engine/index.ts";
import { mutualDistillation } from "../../losses/distillation.ts";
import { segmentation } from "../../losses/segmentation.ts";
import type { Segmentor } from "../../models/segmentor.ts";
import { Adam, type AdamOptions } from "../adam.ts";
import { type LossWeights, PAPER_WEIGHTS } from "../config/config.ts";
import type { Batch, Losses, Regime, Step } from "../regime.ts";
import { weigh } from "../terms.ts";
import { type Translator, stepsOf } from "../translators/translator.ts";

export interface MutualOptions {
  translator: Translator;
  segmentor: () => Segmentor;
  seed?: number;
  /** `hint` weighs the mutual distillation. */
  weights?: Partial<LossWeights>;
  temperature?: number;
  rate?: number;
  adam?: Omit<AdamOptions, "rate" | "name">;
}

export class Mutual extends Module implements Regime {
  readonly kind = "mutual";
  readonly inputs = ["xC", "yC", "xM", "yM"] as const;
  readonly translator: Translator;
  /** The segmentor that CT's masks teach, and the one that MR's teach by way of pseudo CT. */
  readonly SC: Segmentor;
  readonly SM: Segmentor;
  readonly optimize: { readonly S: Adam };
  readonly λ: LossWeights;
  readonly steps: readonly Step[];

  constructor(readonly options: MutualOptions) {
    super();
    const { translator, segmentor, seed = 0, rate = 2e-4, adam } = options;
    this.translator = translator;
    this.λ = { ...PAPER_WEIGHTS, ...options.weights };
    this.SC = segmentor();
    this.SM = segmentor();
    this.steps = stepsOf(
      translator,
      (batch) => translator.update(batch),
      (batch) => this.learn(batch),
    );
    this.initialize(new RandomStreams(seed));
    this.optimize = { S: new Adam([...this.SC.parameters(), ...this.SM.parameters()], { ...adam, rate, name: "S" }) };
  }

  get networks() {
    return { ...this.translator.networks, SC: this.SC, SM: this.SM };
  }
  get optimizers(): readonly Adam[] {
    return [...this.translator.optimizers, this.optimize.S];
  }
  get pools() {
    return this.translator.pools;
  }

  /** The segmentors' update. */
  learn({ xC, yC, xM, yM }: Batch): Losses {
    const {
      translator,
      SC,
      SM,
      λ,
      options: { temperature },
    } = this;
    const pC = stopGradient(translator.toC(xM, xC));
    // Each segmentor on both images: one call for its own masks, one for what the other thinks.
    const ofC = [SC.forward(xC).logits, SM.forward(xC).logits] as const;
    const ofPC = [SC.forward(pC).logits, SM.forward(pC).logits] as const;
    const losses = weigh("lossS", {
      diceCT: [λ.seg, () => segmentation(ofC[0], yC)],
      dicePC: [λ.seg, () => segmentation(ofPC[1], yM)],
      mutual: [
        λ.hint,
        () => total(mutualDistillation(...ofC, { temperature }), mutualDistillation(...ofPC, { temperature })),
      ],
    });
    this.optimize.S.minimize(losses.lossS);
    return losses;
  }

  /** Both segmentors together: the mean of their logits. */
  segment(xC: Tensor): Tensor {
    return mul(0.5, add(this.SC.forward(xC).logits, this.SM.forward(xC).logits));
  }

  /** CT stays as it is here. */
  pictures() {
    return {};
  }
}
