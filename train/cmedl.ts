// Cross-modality educed distillation: one training step of all the networks of Fig. 1 of the paper.
//
//   xC yC    CT images, experts' masks      xM yM   MR images of other patients, their masks
//   pM pC    pseudo MR, pseudo CT           rC rM   there and back again
//   GCM GMC  translators      DM DC  discriminators      F  frozen VGG19
//   SC       student on CT, all that is needed afterwards      SM  teacher on MR and pseudo MR
import { Module, RandomStreams, type Tensor, UsageError, stopGradient, total, weightedSum } from "../engine/index.ts";
import { adversarial, discrimination } from "../losses/adversarial.ts";
import { type ContextualOptions, contextual } from "../losses/contextual.ts";
import { cycle, identity } from "../losses/cycle.ts";
import { type HintNorm, hint } from "../losses/hint.ts";
import { segmentation } from "../losses/segmentation.ts";
import { PatchDiscriminator, type PatchDiscriminatorOptions } from "../models/patch-discriminator.ts";
import { ResnetGenerator, type ResnetGeneratorOptions } from "../models/resnet-generator.ts";
import type { Segmentor } from "../models/segmentor.ts";
import { UNet, type UNetOptions } from "../models/unet.ts";
import { Vgg19, type VggOptions } from "../models/vgg.ts";
import { Adam, type AdamOptions } from "./adam.ts";
import { type LossWeights, PAPER_WEIGHTS } from "./config.ts";
import { ImagePool } from "./image-pool.ts";
import type { Regime } from "./regime.ts";

export interface CmedlOptions {
  /** Height and width of the images, as the image pools hold them. */
  image: readonly [H: number, W: number];
  seed?: number;
  generator?: ResnetGeneratorOptions;
  discriminator?: PatchDiscriminatorOptions;
  segmentor?: UNetOptions | (() => Segmentor);
  features?: VggOptions;
  weights?: Partial<LossWeights>;
  contextual?: ContextualOptions;
  hintNorm?: HintNorm;
  /** Learning rates of translators, discriminators and segmentors: 1e-4, 1e-4, 2e-4. */
  rates?: { G?: number; D?: number; S?: number };
  adam?: Omit<AdamOptions, "rate" | "name">;
  /** Generated images that each discriminator's history holds, 50; 0 for none. */
  poolSize?: number;
}

/** xC, xM [N, H, W, 1] in [−1, 1]; yC, yM [N, H, W, 1]: 0 and 1, or class numbers. */
export interface Batch {
  xC: Tensor;
  yC: Tensor;
  xM: Tensor;
  yM: Tensor;
}

/** Losses by name, scalars. */
export type Losses = Record<string, Tensor>;

export class Cmedl extends Module implements Regime {
  readonly kind = "cmedl";
  get inputs(): readonly (keyof Batch)[] { return this.λ.segRM ? ["xC", "yC", "xM", "yM"] : ["xC", "yC", "xM"]; }
  readonly GCM: ResnetGenerator;
  readonly GMC: ResnetGenerator;
  readonly DM: PatchDiscriminator;
  readonly DC: PatchDiscriminator;
  readonly SC: Segmentor;
  readonly SM: Segmentor;
  readonly F: Vgg19;
  readonly poolM: ImagePool;
  readonly poolC: ImagePool;
  /** One optimizer each for both translators, both discriminators and both segmentors. */
  readonly optimize: { readonly G: Adam; readonly D: Adam; readonly S: Adam };
  readonly λ: LossWeights;
  readonly options: CmedlOptions;

  constructor(options: CmedlOptions) {
    super();
    const { image, seed = 0, rates = {}, adam, poolSize = 50 } = options;
    if (image.some((n) => n % 4 !== 0)) throw new UsageError(`images of ${image.join(" × ")} do not come back from the generators at their size; make both sides multiples of 4`);
    const streams = new RandomStreams(seed);
    this.options = options;
    this.λ = { ...PAPER_WEIGHTS, ...options.weights };
    this.GCM = new ResnetGenerator(options.generator);
    this.GMC = new ResnetGenerator(options.generator);
    this.DM = new PatchDiscriminator(options.discriminator);
    this.DC = new PatchDiscriminator(options.discriminator);
    this.SC = makeSegmentor(options.segmentor);
    this.SM = makeSegmentor(options.segmentor);
    this.F = new Vgg19(options.features);
    this.poolM = new ImagePool(poolSize, [...image, 1], streams.key("pool", "M"));
    this.poolC = new ImagePool(poolSize, [...image, 1], streams.key("pool", "C"));
    this.initialize(streams);
    const over = (name: string, rate: number, ...networks: Module[]): Adam => new Adam(networks.flatMap((n) => n.parameters()), { ...adam, rate, name });
    this.optimize = {
      G: over("G", rates.G ?? 1e-4, this.GCM, this.GMC),
      D: over("D", rates.D ?? 1e-4, this.DM, this.DC),
      S: over("S", rates.S ?? 2e-4, this.SC, this.SM),
    };
  }

  get networks() {
    const { GCM, GMC, DM, DC, SC, SM } = this;
    return { GCM, GMC, DM, DC, SC, SM };
  }
  get optimizers(): readonly Adam[] { return Object.values(this.optimize); }
  get pools() { return { poolM: this.poolM, poolC: this.poolC }; }
  get student(): Segmentor { return this.SC; }

  segment(x: Tensor): Tensor {
    return this.SC.forward(x).logits;
  }

  /** One training step, to be traced: three updates in turn, each of its own networks only. All losses by name. */
  step(batch: Batch): Losses {
    const G = this.translation(batch);
    this.optimize.G.minimize(G.losses.lossG);
    const D = this.λ.adv ? this.discrimination(batch, this.poolM.exchange(G.pM), this.poolC.exchange(G.pC)) : undefined;
    if (D) this.optimize.D.minimize(total(D.lossDM, D.lossDC));
    // Pseudo MR anew, by the translator just updated.
    const S = this.distillation(batch, this.GCM.forward(batch.xC));
    this.optimize.S.minimize(S.losses.lossS);
    return { ...G.losses, ...D, ...S.losses };
  }

  /** Pseudo MR of CT, and CT brought back. */
  pictures(xC: Tensor) {
    const pM = this.GCM.forward(xC);
    return { pM, rC: this.GMC.forward(pM) };
  }

  /** What the translators minimize: the total of Eq. (7). Segmentors and discriminators judge, and are not moved. */
  translation({ xC, yC, xM }: Omit<Batch, "yM">) {
    const { GCM, GMC, DM, DC, SC, SM, F, λ, options } = this;
    const pM = GCM.forward(xC), pC = GMC.forward(xM);
    const rC = once(() => GMC.forward(pM)), rM = once(() => GCM.forward(pC));
    const student = once(() => SC.forward(xC)), teacher = once(() => SM.forward(pM));
    const losses = weigh("lossG", {
      advM: [λ.adv, () => adversarial(DM, pM)],
      advC: [λ.adv, () => adversarial(DC, pC)],
      cycC: [λ.cyc, () => cycle(rC(), xC)],
      cycM: [λ.cyc, () => cycle(rM(), xM)],
      cx: [λ.cx, () => contextual(F.forward(pM), F.forward(xM), options.contextual)],
      hintG: [λ.hint, () => hint(student().features, teacher().features, options.hintNorm)],
      segPMG: [λ.seg * λ.segPM, () => segmentation(teacher().logits, yC)],
      idM: [λ.identity, () => identity(GCM.forward(xM), xM)],
      idC: [λ.identity, () => identity(GMC.forward(xC), xC)],
    });
    return { losses, pM, pC, rC, rM };
  }

  /** What the discriminators minimize, given fakes (fresh or from a pool), which are detached. */
  discrimination({ xC, xM }: Pick<Batch, "xC" | "xM">, pM: Tensor, pC: Tensor) {
    return { lossDM: discrimination(this.DM, xM, pM), lossDC: discrimination(this.DC, xC, pC) };
  }

  /** What student and teacher minimize, given pseudo MR, which is detached; the hint moves both. */
  distillation({ xC, yC, xM, yM }: Batch, pM: Tensor) {
    const { SC, SM, λ, options } = this;
    const student = SC.forward(xC), pseudo = SM.forward(stopGradient(pM)), real = SM.forward(xM);
    const losses = weigh("lossS", {
      diceCT: [λ.seg, () => segmentation(student.logits, yC)],
      dicePM: [λ.seg * λ.segPM, () => segmentation(pseudo.logits, yC)],
      diceRM: [λ.seg * λ.segRM, () => segmentation(real.logits, yM)],
      hintS: [λ.hint, () => hint(student.features, pseudo.features, options.hintNorm)],
    });
    return { losses, student, pseudo, real };
  }
}

/** The segmentor that options name: U-Net, unless a function makes another. */
export const makeSegmentor = (segmentor: CmedlOptions["segmentor"]): Segmentor => (typeof segmentor === "function" ? segmentor() : new UNet(segmentor));

/** The terms whose weight is not 0, and their weighted sum under the name `sum`. */
function weigh(sum: string, terms: Record<string, readonly [weight: number, term: () => Tensor]>): Losses {
  const weighted = Object.entries(terms).filter(([, [weight]]) => weight !== 0).map(([name, [weight, term]]) => [name, weight, term()] as const);
  if (weighted.length === 0) throw new UsageError(`every term of ${sum} has weight 0; give one of ${Object.keys(terms).join(", ")} a weight`);
  return {
    ...Object.fromEntries(weighted.map(([name, , term]) => [name, term])),
    [sum]: weightedSum(weighted.map(([, weight, term]) => [weight, term])),
  };
}

/** f, run at its first call only. */
function once<T extends object>(f: () => T): () => T {
  let value: T | undefined;
  return () => (value ??= f());
}
