// Cross-modality educed distillation: one training step of all the networks of Fig. 1 of the paper. With DRIT as its
// translator it is VAE-CMEDL.
//
//   xC yC    CT images and experts' masks      xM yM   MR images of other patients and their masks
//   pM pC    pseudo MR, pseudo CT
//   SC       student on CT, all that is needed afterwards      SM  teacher on MR and pseudo MR
import { RandomStreams, type Tensor, mul, oneOf, stopGradient } from "../../engine/index.ts";
import { softCrossEntropy } from "../../losses/distillation.ts";
import { type HintNorm, hint } from "../../losses/hint.ts";
import { segmentation } from "../../losses/segmentation.ts";
import type { Segmentation, Segmentor } from "../../models/segmentor.ts";
import type { Adam } from "../adam.ts";
import type { Batch, Losses, Measured, TiedFeatures } from "../regime.ts";
import { type Terms, once, weigh } from "../terms.ts";
import type { Translator } from "../translators/translator.ts";
import { type SegmentorTraining, segmentorAdam } from "./segmentor-training.ts";
import { TranslatorRegime } from "./translator-regime.ts";

/** What distillation ties: features as hints, or outputs softened by a temperature. */
export interface Distillation {
  by?: "hints" | "outputs";
  norm?: HintNorm;
  temperature?: number;
}

export interface CmedlOptions<T extends Translator = Translator> extends SegmentorTraining {
  translator: T;
  distillation?: Distillation;
  /** "student": SC of CT. "teacher": SM of pseudo MR, the paper's pMRI-CMEDL. */
  test?: "student" | "teacher";
}

/**
 * CMEDL: a student on C learns from a teacher on M and pseudo M, by hints and through a translator (Fig. 1). Each step
 * updates translator, discriminators and segmentors.
 */
export class Cmedl<T extends Translator = Translator> extends TranslatorRegime<T> {
  readonly SC: Segmentor;
  readonly SM: Segmentor;
  readonly optimize: { readonly S: Adam };

  constructor(readonly options: CmedlOptions<T>) {
    super(options.kind ?? "cmedl", options.translator, options);
    this.SC = options.segmentor();
    this.SM = options.segmentor();
    this.initialize(new RandomStreams(options.seed ?? 0));
    this.optimize = { S: segmentorAdam([this.SC, this.SM], options) };
  }

  get networks() {
    return { ...this.translator.networks, SC: this.SC, SM: this.SM };
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
  override translate(batch: Batch): Losses {
    return this.translator.update(batch, (pM) => this.tie(batch, pM));
  }

  /** The segmentors' update, on new pseudo images of the translator as it is now. */
  learn(batch: Batch): Losses {
    const { translator, λ } = this;
    const { xC, xM } = batch;
    const pC = λ.seg * λ.segPC !== 0 ? translator.toC(xM, xC) : undefined;
    const { total, losses } = this.distillation(batch, translator.toM(xC, xM), pC);
    this.optimize.S.minimize(total);
    return losses;
  }

  /** What the segmentors add to the translator's total. They judge, and are not moved. */
  tie({ xC, yC }: Pick<Batch, "xC" | "yC">, pM: Tensor): Terms {
    const { SC, SM, λ } = this;
    const { by, norm } = this.options.distillation ?? {};
    const teacher = once(() => SM.forward(pM));
    return {
      // By outputs the teacher is a constant, so there is nothing for the translator in it.
      hint: [
        by === "outputs" ? 0 : λ.hint,
        () => hint(SC.forward(xC).features, teacher().features, norm),
        this.ramp("hint"),
      ],
      segPM: [λ.seg * λ.segPM, () => segmentation(teacher().logits, yC, this.options.loss)],
    };
  }

  /** What student and teacher minimize, given pseudo MR (and pseudo CT), which are detached; the hint moves both. */
  distillation({ xC, yC, xM, yM }: Batch, pM: Tensor, pC?: Tensor) {
    const { SC, SM, λ } = this;
    const { loss } = this.options;
    const student = SC.forward(xC);
    const pseudo = once(() => SM.forward(stopGradient(pM)));
    const real = once(() => SM.forward(xM));
    const { total, losses } = weigh("S", {
      seg: [λ.seg, () => segmentation(student.logits, yC, loss)],
      segPM: [λ.seg * λ.segPM, () => segmentation(pseudo().logits, yC, loss)],
      segRM: [λ.seg * λ.segRM, () => segmentation(real().logits, yM, loss)],
      segPC: [λ.seg * λ.segPC, () => segmentation(SC.forward(stopGradient(pC!)).logits, yM, loss), this.ramp("segPC")],
      ...this.#following(student, pseudo),
    });
    return { total, losses, student, pseudo, real };
  }

  /** The term that makes the student follow the teacher, and the teacher the student. */
  #following(student: Segmentation, teacher: () => Segmentation): Terms {
    const { λ } = this;
    const { by = "hints", norm, temperature } = this.options.distillation ?? {};
    const ramp = this.ramp("hint");
    return oneOf("Cmedl", "distillation.by", by, ["hints", "outputs"]) === "hints"
      ? { hint: [λ.hint, () => hint(student.features, teacher().features, norm), ramp] }
      : { outputs: [λ.hint, () => softCrossEntropy(student.logits, teacher().logits, { temperature }), ramp] };
  }

  measured({ xC, yC, xM }: Batch): Measured {
    const { SC, SM, λ, translator } = this;
    const pseudo = stopGradient(translator.toM(xC, xM));
    const student = SC.forward(xC);
    const teacher = SM.forward(pseudo);
    const [[weight, follow, ramp]] = Object.values(this.#following(student, () => teacher)) as [Terms[string]];
    return {
      segmentation: mul(λ.seg, segmentation(student.logits, yC, this.options.loss)),
      distillation: mul(mul(weight, ramp?.factor() ?? 1), follow()),
      parameters: SC.parameters().map((parameter) => parameter.value),
      student: student.features,
      teacher: teacher.features,
      pseudo,
      real: xM,
    };
  }

  override pictures(xC: Tensor): Readonly<Record<string, Tensor>> {
    const { pM, ...others } = super.pictures(xC);
    return { pM: pM!, ...others, teacher: this.SM.forward(pM!).logits };
  }

  features(xC: Tensor): TiedFeatures {
    return { student: this.SC.forward(xC).features, teacher: this.SM.forward(this.translator.toM(xC)).features };
  }

  segment(xC: Tensor): Tensor {
    const { test = "student" } = this.options;
    return oneOf("Cmedl", "test", test, ["student", "teacher"]) === "teacher"
      ? this.SM.forward(this.translator.toM(xC)).logits
      : this.SC.forward(xC).logits;
  }
}
