// CycleGAN as a translator (Zhu et al. 2017), with the contextual loss of the paper. Fig. 1 (a).
//
//   xC xM    images of C and M, unpaired
//   pM pC    pseudo M of xC, pseudo C of xM      rC rM    there and back again
//   GCM GMC  translators      DM DC  discriminators      F  frozen VGG19
import { Module, RandomStreams, type Tensor, UsageError, total } from "../../engine/index.ts";
import { type GanLoss, adversarial, discrimination } from "../../losses/adversarial.ts";
import { type ContextualOptions, contextual } from "../../losses/contextual.ts";
import { cycle, identity } from "../../losses/cycle.ts";
import { PatchDiscriminator, type PatchDiscriminatorOptions } from "../../models/patch-discriminator.ts";
import { ResnetGenerator, type ResnetGeneratorOptions } from "../../models/resnet-generator.ts";
import { Vgg19, type VggOptions } from "../../models/vgg.ts";
import { Adam, type AdamOptions } from "../adam.ts";
import { type LossWeights, PAPER_WEIGHTS } from "../config/weights.ts";
import { ImagePool } from "./image-pool.ts";
import type { Images, Losses } from "../regime.ts";
import { once, weigh } from "../terms.ts";
import type { Tie, Translator } from "./translator.ts";

export interface CycleTranslatorOptions {
  /** Height and width of the images, as the image pools hold them. */
  image: readonly [H: number, W: number];
  /** For what the image pools draw. */
  seed?: number;
  generator?: ResnetGeneratorOptions;
  discriminator?: PatchDiscriminatorOptions;
  features?: VggOptions;
  weights?: Partial<LossWeights>;
  gan?: GanLoss;
  contextual?: ContextualOptions;
  /** Learning rates of translators and discriminators: 1e-4 each. */
  rates?: { G?: number; D?: number };
  adam?: Omit<AdamOptions, "rate" | "name">;
  /** Generated images that each discriminator's history holds, 50; 0 for none. */
  poolSize?: number;
}

/** CycleGAN between two modalities, with the contextual loss; Fig. 1 (a). */
export class CycleTranslator extends Module implements Translator {
  readonly GCM: ResnetGenerator;
  readonly GMC: ResnetGenerator;
  readonly DM: PatchDiscriminator;
  readonly DC: PatchDiscriminator;
  /** Where the contextual loss has a weight. */
  readonly F?: Vgg19;
  readonly poolM: ImagePool;
  readonly poolC: ImagePool;
  /** One optimizer each for both translators and for both discriminators. */
  readonly optimize: { readonly G: Adam; readonly D: Adam };
  readonly λ: LossWeights;
  readonly options: CycleTranslatorOptions;
  readonly between = [];

  constructor(options: CycleTranslatorOptions) {
    super();
    const { image, seed = 0, rates = {}, adam, poolSize = 50 } = options;
    if (image.some((n) => n % 4 !== 0))
      throw new UsageError(
        `images of ${image.join(" × ")} do not come back from the generators at their size; ` +
          "make both sides multiples of 4",
      );
    const streams = new RandomStreams(seed);
    this.options = options;
    this.λ = { ...PAPER_WEIGHTS, ...options.weights };
    this.GCM = new ResnetGenerator(options.generator);
    this.GMC = new ResnetGenerator(options.generator);
    this.DM = new PatchDiscriminator(options.discriminator);
    this.DC = new PatchDiscriminator(options.discriminator);
    if (this.λ.cx !== 0) this.F = new Vgg19(options.features);
    this.poolM = new ImagePool(poolSize, [...image, 1], streams.key("pool", "M"));
    this.poolC = new ImagePool(poolSize, [...image, 1], streams.key("pool", "C"));
    this.optimize = {
      G: new Adam([...this.GCM.parameters(), ...this.GMC.parameters()], { ...adam, rate: rates.G ?? 1e-4, name: "G" }),
      D: new Adam([...this.DM.parameters(), ...this.DC.parameters()], { ...adam, rate: rates.D ?? 1e-4, name: "D" }),
    };
  }

  readonly discriminators = ["DM", "DC"];
  get networks() {
    const { GCM, GMC, DM, DC } = this;
    return { GCM, GMC, DM, DC };
  }
  get optimizers(): readonly Adam[] {
    return Object.values(this.optimize);
  }
  get pools() {
    return { poolM: this.poolM, poolC: this.poolC };
  }

  update(images: Images, tie?: Tie): Losses {
    const G = this.translation(images, tie);
    this.optimize.G.minimize(G.total);
    if (this.λ.adv === 0) return G.losses;
    const D = this.discrimination(images, this.poolM.exchange(G.pM), this.poolC.exchange(G.pC));
    this.optimize.D.minimize(total(D.lossDM, D.lossDC));
    return { ...G.losses, ...D };
  }

  toM(xC: Tensor): Tensor {
    return this.GCM.forward(xC);
  }
  toC(xM: Tensor): Tensor {
    return this.GMC.forward(xM);
  }

  /**
   * What the translators minimize: with what `tie` adds, the total of Eq. (7). Discriminators judge, and are not
   * moved.
   */
  translation({ xC, xM }: Images, tie?: Tie) {
    const { GCM, GMC, DM, DC, F, λ } = this;
    const { gan, contextual: options } = this.options;
    const pM = GCM.forward(xC);
    const pC = GMC.forward(xM);
    const rC = once(() => GMC.forward(pM));
    const rM = once(() => GCM.forward(pC));
    const { total, losses } = weigh("G", {
      advM: [λ.adv, () => adversarial(DM, pM, gan)],
      advC: [λ.adv, () => adversarial(DC, pC, gan)],
      cycC: [λ.cyc, () => cycle(rC(), xC)],
      cycM: [λ.cyc, () => cycle(rM(), xM)],
      cx: [λ.cx, () => contextual(F!.forward(pM), F!.forward(xM), options)],
      ...tie?.(pM),
      idM: [λ.identity, () => identity(GCM.forward(xM), xM)],
      idC: [λ.identity, () => identity(GMC.forward(xC), xC)],
    });
    return { total, losses, pM, pC, rC, rM };
  }

  /** What the discriminators minimize, given fakes (fresh or from a pool), which are detached. */
  discrimination({ xC, xM }: Images, pM: Tensor, pC: Tensor) {
    const { gan } = this.options;
    return { lossDM: discrimination(this.DM, xM, pM, gan), lossDC: discrimination(this.DC, xC, pC, gan) };
  }
}
