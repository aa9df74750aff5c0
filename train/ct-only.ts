// The baseline: the student alone, on CT, with the same initial values as CMEDL's.
import { Module, RandomStreams, type Tensor } from "../engine/index.ts";
import { segmentation } from "../losses/segmentation.ts";
import type { Segmentor } from "../models/segmentor.ts";
import { Adam } from "./adam.ts";
import { type Batch, type CmedlOptions, type Losses, makeSegmentor } from "./cmedl.ts";
import type { Regime } from "./regime.ts";

export type CtOnlyOptions = Pick<CmedlOptions, "seed" | "segmentor" | "rates" | "adam">;

export class CtOnly extends Module implements Regime {
  readonly kind = "ct-only";
  readonly inputs = ["xC", "yC"] as const;
  readonly pools = {};
  readonly SC: Segmentor;
  readonly optimize: { readonly S: Adam };
  constructor({ seed = 0, segmentor, rates, adam }: CtOnlyOptions = {}) {
    super();
    this.SC = makeSegmentor(segmentor);
    this.initialize(new RandomStreams(seed));
    this.optimize = { S: new Adam(this.SC.parameters(), { ...adam, rate: rates?.S ?? 2e-4, name: "S" }) };
  }

  get networks() { return { SC: this.SC }; }
  get optimizers(): readonly Adam[] { return [this.optimize.S]; }
  get student(): Segmentor { return this.SC; }

  segment(x: Tensor): Tensor {
    return this.SC.forward(x).logits;
  }

  /** One training step, to be traced: diceCT, which is lossS too. */
  step({ xC, yC }: Pick<Batch, "xC" | "yC">): Losses {
    const diceCT = segmentation(this.SC.forward(xC).logits, yC);
    this.optimize.S.minimize(diceCT);
    return { diceCT, lossS: diceCT };
  }

  /** It translates nothing. */
  pictures() {
    return {};
  }
}
