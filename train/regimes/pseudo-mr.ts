// Segmentation of CT by way of pseudo MR, the paper's Table II and III: the translator is trained without
// segmentation, and no hints are given.
import { Module, RandomStreams, type Tensor, concat, stopGradient } from "../../engine/index.ts";
import { segmentation } from "../../losses/segmentation.ts";
import { AlphaNetwork, type AlphaNetworkOptions, weightedInput } from "../../models/resnet18.ts";
import type { NamedForPyTorch } from "../../models/pytorch.ts";
import type { Segmentor } from "../../models/segmentor.ts";
import { Adam, type AdamOptions } from "../adam.ts";
import { type LossWeights, PAPER_WEIGHTS } from "../config/config.ts";
import type { Batch, Losses, Regime, Step } from "../regime.ts";
import { type Terms, weigh } from "../terms.ts";
import { type Translator, stepsOf } from "../translators/translator.ts";

export interface PseudoMrOptions {
  /** Contextual loss is for CMEDL's: give it the weight 0. */
  translator: Translator;
  /** Makes the segmentor: of one channel for "pmri", of two for the others. */
  segmentor: () => Segmentor;
  /** What the segmentor sees: pseudo MR alone; CT and pseudo MR as two channels; both weighted by α of the image. */
  input: "pmri" | "ct+pmri" | "weighted-ct+pmri";
  alpha?: AlphaNetworkOptions;
  seed?: number;
  weights?: Partial<LossWeights>;
  /** Learning rate of the segmentor (and of the α-network), 2e-4. */
  rate?: number;
  adam?: Omit<AdamOptions, "rate" | "name">;
  kind?: string;
}

export class PseudoMr extends Module implements Regime {
  readonly kind: string;
  readonly translator: Translator;
  readonly S: Segmentor;
  /** α of CT and pseudo MR, where they are weighted. */
  readonly A?: AlphaNetwork;
  readonly optimize: { readonly S: Adam };
  readonly λ: LossWeights;
  readonly steps: readonly Step[];

  constructor(readonly options: PseudoMrOptions) {
    super();
    const { translator, segmentor, input, alpha, seed = 0, rate = 2e-4, adam, kind = input } = options;
    this.kind = kind;
    this.translator = translator;
    this.λ = { ...PAPER_WEIGHTS, ...options.weights };
    this.S = segmentor();
    if (input === "weighted-ct+pmri") this.A = new AlphaNetwork(alpha);
    this.steps = stepsOf(
      translator,
      (batch) => translator.update(batch),
      (batch) => this.learn(batch),
    );
    this.initialize(new RandomStreams(seed));
    this.optimize = {
      S: new Adam([...this.S.parameters(), ...(this.A?.parameters() ?? [])], { ...adam, rate, name: "S" }),
    };
  }

  get networks(): Readonly<Record<string, NamedForPyTorch>> {
    return { ...this.translator.networks, S: this.S, ...(this.A ? { A: this.A } : {}) };
  }
  get optimizers(): readonly Adam[] {
    return [...this.translator.optimizers, this.optimize.S];
  }
  get pools() {
    return this.translator.pools;
  }
  /** Real MR teaches a segmentor of MR too. */
  get inputs(): readonly (keyof Batch)[] {
    return this.#learnsRealMr ? ["xC", "yC", "xM", "yM"] : ["xC", "yC", "xM"];
  }
  get #learnsRealMr(): boolean {
    return this.options.input === "pmri" && this.λ.seg * this.λ.segRM !== 0;
  }

  /** The segmentor's update, on pseudo MR of the translator as it is now. */
  learn({ xC, yC, xM, yM }: Batch): Losses {
    const { translator, λ, S } = this;
    const pM = stopGradient(translator.toM(xC, xM));
    const terms: Terms = {
      dicePM: [λ.seg, () => segmentation(this.#logits(xC, pM), yC)],
      diceRM: [this.#learnsRealMr ? λ.seg * λ.segRM : 0, () => segmentation(S.forward(xM).logits, yM)],
    };
    const losses = weigh("lossS", terms);
    this.optimize.S.minimize(losses.lossS);
    return losses;
  }

  segment(xC: Tensor): Tensor {
    return this.#logits(xC, this.translator.toM(xC));
  }

  pictures(xC: Tensor) {
    const pM = this.translator.toM(xC);
    return { pM, rC: this.translator.toC(pM) };
  }

  #logits(xC: Tensor, pM: Tensor): Tensor {
    const { input } = this.options;
    if (input === "pmri") return this.S.forward(pM).logits;
    const both = concat([xC, pM], 3);
    return this.S.forward(this.A ? weightedInput(xC, pM, this.A.forward(both)) : both).logits;
  }
}
