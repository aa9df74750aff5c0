// The baseline: the student alone, on its own modality, with the same initial values as CMEDL's. CT only, MRI only,
// T1 only, T2 only.
import { Module, RandomStreams, type Tensor } from "../../engine/index.ts";
import { segmentation } from "../../losses/segmentation.ts";
import type { Segmentor } from "../../models/segmentor.ts";
import { Adam, type AdamOptions } from "../adam.ts";
import type { Batch, Losses, Regime, Step } from "../regime.ts";

export interface CtOnlyOptions {
  segmentor: () => Segmentor;
  seed?: number;
  /** Learning rate, 2e-4. */
  rate?: number;
  adam?: Omit<AdamOptions, "rate" | "name">;
}

export class CtOnly extends Module implements Regime {
  readonly kind = "ct-only";
  readonly inputs = ["xC", "yC"] as const;
  readonly pools = {};
  readonly SC: Segmentor;
  readonly optimize: { readonly S: Adam };
  readonly steps: readonly Step[];
  constructor({ segmentor, seed = 0, rate = 2e-4, adam }: CtOnlyOptions) {
    super();
    this.SC = segmentor();
    this.steps = [(batch) => this.step(batch)];
    this.initialize(new RandomStreams(seed));
    this.optimize = { S: new Adam(this.SC.parameters(), { ...adam, rate, name: "S" }) };
  }

  get networks() {
    return { SC: this.SC };
  }
  get optimizers(): readonly Adam[] {
    return [this.optimize.S];
  }

  /** One training step, to be traced: diceCT, which is lossS too. */
  step({ xC, yC }: Pick<Batch, "xC" | "yC">): Losses {
    const diceCT = segmentation(this.SC.forward(xC).logits, yC);
    this.optimize.S.minimize(diceCT);
    return { diceCT, lossS: diceCT };
  }

  segment(xC: Tensor): Tensor {
    return this.SC.forward(xC).logits;
  }

  /** It translates nothing. */
  pictures() {
    return {};
  }
}
