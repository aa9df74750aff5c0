// Segmentation of CT by way of pseudo MR, the paper's Table II and III: the translator is trained without
// segmentation, and no hints are given.
import { RandomStreams, type Tensor, concat, stopGradient } from "../../engine/index.ts";
import { segmentation } from "../../losses/segmentation.ts";
import { AlphaNetwork, type AlphaNetworkOptions, weightedInput } from "../../models/resnet18.ts";
import type { NamedForPyTorch } from "../../models/pytorch.ts";
import type { Segmentation, Segmentor } from "../../models/segmentor.ts";
import type { Adam } from "../adam.ts";
import type { Batch, Losses, TiedFeatures } from "../regime.ts";
import { weigh } from "../terms.ts";
import type { Translator } from "../translators/translator.ts";
import { type SegmentorTraining, segmentorAdam } from "./segmentor-training.ts";
import { TranslatorRegime } from "./translator-regime.ts";

/** The segmentor takes one channel for the input "pmri", two for the others. */
export interface PseudoMrOptions extends SegmentorTraining {
  /** Contextual loss is for CMEDL's: give it the weight 0. */
  translator: Translator;
  /** What the segmentor sees: pseudo MR alone; CT and pseudo MR as two channels; both weighted by α of the image. */
  input: "pmri" | "ct+pmri" | "weighted-ct+pmri";
  alpha?: AlphaNetworkOptions;
}

/** A segmentor on pseudo M of C, alone or beside C; the translator is trained without it: Tables II and III. */
export class PseudoMr extends TranslatorRegime {
  readonly S: Segmentor;
  /** α of CT and pseudo MR, where they are weighted. */
  readonly A?: AlphaNetwork;
  readonly optimize: { readonly S: Adam };

  constructor(readonly options: PseudoMrOptions) {
    const { translator, segmentor, input, alpha, seed = 0, kind = input } = options;
    super(kind, translator, options);
    this.S = segmentor();
    if (input === "weighted-ct+pmri") this.A = new AlphaNetwork(alpha);
    this.initialize(new RandomStreams(seed));
    this.optimize = { S: segmentorAdam(this.A ? [this.S, this.A] : [this.S], options) };
  }

  get networks(): Readonly<Record<string, NamedForPyTorch>> {
    return { ...this.translator.networks, S: this.S, ...(this.A ? { A: this.A } : {}) };
  }
  /** Real MR teaches a segmentor of MR too. */
  get inputs(): readonly (keyof Batch)[] {
    return this.#learnsRealMr ? ["xC", "yC", "xM", "yM"] : ["xC", "yC", "xM"];
  }
  get #learnsRealMr(): boolean {
    return this.options.input === "pmri" && this.λ.seg * this.λ.segRM !== 0;
  }

  /** On pseudo MR, which is detached. */
  learn({ xC, yC, xM, yM }: Batch): Losses {
    const { translator, λ, S } = this;
    const { loss } = this.options;
    const pM = stopGradient(translator.toM(xC, xM));
    const { total, losses } = weigh("S", {
      segPM: [λ.seg, () => segmentation(this.#segmented(xC, pM).logits, yC, loss)],
      segRM: [this.#learnsRealMr ? λ.seg * λ.segRM : 0, () => segmentation(S.forward(xM).logits, yM, loss)],
    });
    this.optimize.S.minimize(total);
    return losses;
  }

  segment(xC: Tensor): Tensor {
    return this.#segmented(xC, this.translator.toM(xC)).logits;
  }

  features(xC: Tensor): TiedFeatures {
    return { student: this.#segmented(xC, this.translator.toM(xC)).features };
  }

  #segmented(xC: Tensor, pM: Tensor): Segmentation {
    const { input } = this.options;
    if (input === "pmri") return this.S.forward(pM);
    const both = concat([xC, pM], 3);
    return this.S.forward(this.A ? weightedInput(xC, pM, this.A.forward(both)) : both);
  }
}
