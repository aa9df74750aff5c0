// The baseline: the student alone, on its own modality, with the same initial values as CMEDL's. CT only, MRI only,
// T1 only, T2 only.
import { Module, RandomStreams, type Tensor } from "../../engine/index.ts";
import { segmentation } from "../../losses/segmentation.ts";
import type { Segmentor } from "../../models/segmentor.ts";
import type { Adam } from "../adam.ts";
import type { Batch, Losses, Regime, Step, TiedFeatures } from "../regime.ts";
import { logged } from "../terms.ts";
import { type SegmentorTraining, segmentorAdam } from "./segmentor-training.ts";

/** Its only term has no weight. */
export type StudentOnlyOptions = Omit<SegmentorTraining, "weights">;

/** The segmentor alone, on its own modality: the baseline. */
export class StudentOnly extends Module implements Regime {
  readonly kind: string;
  readonly inputs = ["xC", "yC"] as const;
  readonly pools = {};
  readonly ramps = [];
  readonly SC: Segmentor;
  readonly optimize: { readonly S: Adam };
  readonly steps: readonly Step[];
  constructor(readonly options: StudentOnlyOptions) {
    super();
    const { segmentor, seed = 0, kind = "ct-only" } = options;
    this.kind = kind;
    this.SC = segmentor();
    this.steps = [(batch) => this.step(batch)];
    this.initialize(new RandomStreams(seed));
    this.optimize = { S: segmentorAdam([this.SC], options) };
  }

  get networks() {
    return { SC: this.SC };
  }
  get optimizers(): readonly Adam[] {
    return [this.optimize.S];
  }

  /** One training step, to be traced: the segmentation loss, which is the total too. */
  step({ xC, yC }: Pick<Batch, "xC" | "yC">): Losses {
    const seg = segmentation(this.SC.forward(xC).logits, yC, this.options.loss);
    this.optimize.S.minimize(seg);
    return logged("S", { seg }, seg);
  }

  segment(xC: Tensor): Tensor {
    return this.SC.forward(xC).logits;
  }

  features(xC: Tensor): TiedFeatures {
    return { student: this.SC.forward(xC).features };
  }

  /** It translates nothing. */
  pictures() {
    return {};
  }
}
