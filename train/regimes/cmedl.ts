// Cross-modality educed distillation: one training step of all the networks of Fig. 1 of the paper. With DRIT as its
// translator it is VAE-CMEDL.
//
//   xC yC    CT images, experts' masks      xM yM   MR images of other patients, their masks      pM pC   pseudo MR, pseudo CT
//   SC       student on CT, all that is needed afterwards      SM  teacher on MR and pseudo MR
import { Module, RandomStreams, type Tensor, stopGradient } from "../../engine/index.ts";
import { softCrossEntropy } from "../../losses/distillation.ts";
import { type HintNorm, hint } from "../../losses/hint.ts";
import { segmentation } from "../../losses/segmentation.ts";
import type { Segmentor } from "../../models/segmentor.ts";
import { Adam, type AdamOptions } from "../adam.ts";
import { type LossWeights, PAPER_WEIGHTS } from "../config/config.ts";
import type { Batch, Losses, Regime, Step } from "../regime.ts";
import { type Terms, once, weigh } from "../terms.ts";
import { type Translator, stepsOf } from "../translators/translator.ts";

export interface CmedlOptions<T extends Translator = Translator> {
  translator: T;
  /** Makes student and teacher. */
  segmentor: () => Segmentor;
  seed?: number;
  weights?: Partial<LossWeights>;
  /** What distillation ties: features as hints, or outputs softened by a temperature. */
  distillation?: { by?: "hints" | "outputs"; norm?: HintNorm; temperature?: number };
  /** Learning rate of the segmentors, 2e-4. */
  rate?: number;
  adam?: Omit<AdamOptions, "rate" | "name">;
  /** "student": SC of CT. "teacher": SM of pseudo MR, the paper's pMRI-CMEDL. */
  test?: "student" | "teacher";
  kind?: string;
}

export class Cmedl<T extends Translator = Translator> extends Module implements Regime {
  readonly kind: string;
  readonly translator: T;
  readonly SC: Segmentor;
  readonly SM: Segmentor;
  /** Of both segmentors. */
  readonly optimize: { readonly S: Adam };
  readonly λ: LossWeights;
  readonly steps: readonly Step[];

  constructor(readonly options: CmedlOptions<T>) {
    super();
    const { translator, segmentor, seed = 0, rate = 2e-4, adam, kind = "cmedl" } = options;
    this.kind = kind;
    this.translator = translator;
    this.λ = { ...PAPER_WEIGHTS, ...options.weights };
    this.SC = segmentor();
    this.SM = segmentor();
    this.steps = stepsOf(
      translator,
      (batch) => this.translate(batch),
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
  get inputs(): readonly (keyof Batch)[] {
    const { seg, segRM, segPC } = this.λ;
    return seg * segRM !== 0 || seg * segPC !== 0 ? ["xC", "yC", "xM", "yM"] : ["xC", "yC", "xM"];
  }

  /** One training step, to be traced: the updates in turn, each of its own networks only. All losses by name. */
  step(batch: Batch): Losses {
    return this.steps.at(-1)!(batch);
  }

  /** The translator's update, which its segmentors guide. */
  translate(batch: Batch): Losses {
    return this.translator.update(batch, (pM) => this.tie(batch, pM));
  }

  /** The segmentors' update, on pseudo images made anew by the translator as it is now. */
  learn(batch: Batch): Losses {
    const { translator, λ } = this;
    const { xC, xM } = batch;
    const pC = λ.seg * λ.segPC !== 0 ? translator.toC(xM, xC) : undefined;
    const { losses } = this.distillation(batch, translator.toM(xC, xM), pC);
    this.optimize.S.minimize(losses.lossS);
    return losses;
  }

  /** What the segmentors add to the translator's total. They judge, and are not moved. */
  tie({ xC, yC }: Pick<Batch, "xC" | "yC">, pM: Tensor): Terms {
    const {
      SC,
      SM,
      λ,
      options: { distillation = {} },
    } = this;
    const teacher = once(() => SM.forward(pM));
    return {
      // By outputs the teacher is a constant, so there is nothing for the translator in it.
      hintG: [
        distillation.by === "outputs" ? 0 : λ.hint,
        () => {
          const { features } = SC.forward(xC);
          return hint(features, teacher().features, distillation.norm);
        },
      ],
      segPMG: [λ.seg * λ.segPM, () => segmentation(teacher().logits, yC)],
    };
  }

  /** What student and teacher minimize, given pseudo MR (and pseudo CT), which are detached; the hint moves both. */
  distillation({ xC, yC, xM, yM }: Batch, pM: Tensor, pC?: Tensor) {
    const {
      SC,
      SM,
      λ,
      options: { distillation: { by = "hints", norm, temperature } = {} },
    } = this;
    const student = SC.forward(xC);
    const pseudo = once(() => SM.forward(stopGradient(pM)));
    const real = once(() => SM.forward(xM));
    const losses = weigh("lossS", {
      diceCT: [λ.seg, () => segmentation(student.logits, yC)],
      dicePM: [λ.seg * λ.segPM, () => segmentation(pseudo().logits, yC)],
      diceRM: [λ.seg * λ.segRM, () => segmentation(real().logits, yM)],
      dicePC: [λ.seg * λ.segPC, () => segmentation(SC.forward(stopGradient(pC!)).logits, yM)],
      ...(by === "hints"
        ? { hintS: [λ.hint, () => hint(student.features, pseudo().features, norm)] as const }
        : { distS: [λ.hint, () => softCrossEntropy(student.logits, pseudo().logits, { temperature })] as const }),
    });
    return { losses, student, pseudo, real };
  }

  segment(xC: Tensor): Tensor {
    return this.options.test === "teacher"
      ? this.SM.forward(this.translator.toM(xC)).logits
      : this.SC.forward(xC).logits;
  }

  /** Pseudo MR of CT, and CT brought back. */
  pictures(xC: Tensor) {
    const pM = this.translator.toM(xC);
    return { pM, rC: this.translator.toC(pM) };
  }
}
