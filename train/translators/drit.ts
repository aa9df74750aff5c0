// DRIT as a translator (Lee et al. 2018): an image is a content code, which both modalities share, and a style of its
// own. Fig. 1 (b).
//
//   xC xM      images of C and M, unpaired       cC cM   their content codes
//   sC sM      their styles, Gaussians           z       a style drawn from N(0, 1)
//   pM pC      content of the one in the style of the other       rC rM   there and back again
//   Ec Es      encoders of content and style (both modalities)    G       generator
//   DM DC      discriminators of pM, pC          DMz DCz   of images in random styles       Dc   of content codes
import { Module, RandomStream, type Tensor, add, exp, full, mul, randomNormal, total } from "../../engine/index.ts";
import { l1Loss } from "../../losses/elementwise.ts";
import {
  DRIT_VARIATIONAL,
  type VariationalWeights,
  contentAdversarial,
  contentDiscrimination,
  contentReconstruction,
  latentRegression,
  multiScaleAdversarial,
  multiScaleDiscrimination,
  variational,
} from "../../losses/drit.ts";
import {
  ContentDiscriminator,
  MultiScaleDiscriminator,
  type MultiScaleDiscriminatorOptions,
} from "../../models/drit-discriminators.ts";
import {
  ContentEncoder,
  type Domain,
  StyleEncoder,
  type StyleDistribution,
  StyleGenerator,
} from "../../models/drit.ts";

import { Adam, type AdamOptions } from "../adam.ts";
import { type LossWeights, PAPER_WEIGHTS } from "../config/weights.ts";
import type { Images, Losses } from "../regime.ts";
import { type Terms, weigh } from "../terms.ts";
import type { Tie, Translator } from "./translator.ts";

export interface DritTranslatorOptions {
  /** Side of the images: the content discriminator has as many layers as their codes allow, 3 from 212 pixels on. */
  size: number;
  /** Channels at full resolution, 64; residual blocks on a generator's path, 4; length of a style, 8. */
  width?: number;
  blocks?: number;
  styles?: number;
  discriminator?: MultiScaleDiscriminatorOptions;
  weights?: Partial<LossWeights>;
  variational?: VariationalWeights;
  /**
   * Learning rates of encoders and generator, of discriminators: 1e-4 each; the content discriminator's is 0.4 of D,
   * as published.
   */
  rates?: { G?: number; D?: number };
  adam?: Omit<AdamOptions, "rate" | "name">;
}

/**
 * What an iteration draws: N(0, 1) for each style that is sampled, [N, styles]; `noise` in place of the content
 * encoder's own.
 */
export interface Draws {
  sC: Tensor;
  sM: Tensor;
  rC: Tensor;
  rM: Tensor;
  z: Tensor;
  noise?: { cC: Tensor; cM: Tensor; pC: Tensor; pM: Tensor };
}

const C: Domain = "a";
const M: Domain = "b";

/** μ + ε·σ of a Gaussian. */
const sample = ({ mu, logVariance }: StyleDistribution, ε: Tensor): Tensor =>
  add(mu, mul(ε, exp(mul(0.5, logVariance))));

/** DRIT between two modalities: a shared content code and a style each; Fig. 1 (b). */
export class DritTranslator extends Module implements Translator {
  readonly Ec: ContentEncoder;
  readonly Es: StyleEncoder;
  readonly G: StyleGenerator;
  readonly DC: MultiScaleDiscriminator;
  readonly DM: MultiScaleDiscriminator;
  readonly DCz: MultiScaleDiscriminator;
  readonly DMz: MultiScaleDiscriminator;
  readonly Dc: ContentDiscriminator;
  /** What styles are drawn from. */
  readonly random = new RandomStream();
  readonly optimize: { readonly EG: Adam; readonly Es: Adam; readonly D: Adam; readonly Dc: Adam };
  readonly λ: LossWeights;
  readonly between: readonly ((images: Images) => Losses)[];
  readonly pools = {};

  constructor(readonly options: DritTranslatorOptions) {
    super();
    const { size, width = 64, blocks, styles = 8, discriminator = { width }, rates = {}, adam } = options;
    this.λ = { ...PAPER_WEIGHTS, ...options.weights };
    this.Ec = new ContentEncoder({ width });
    this.Es = new StyleEncoder({ width, styles });
    this.G = new StyleGenerator({ width, styles, ...(blocks === undefined ? {} : { blocks }) });
    const critic = (): MultiScaleDiscriminator => new MultiScaleDiscriminator(discriminator);
    this.DC = critic();
    this.DM = critic();
    this.DCz = critic();
    this.DMz = critic();
    this.Dc = new ContentDiscriminator({ channels: 4 * width, layers: contentLayers(size / 4) });
    const of = (name: string, rate: number, networks: readonly Module[], more: Partial<AdamOptions> = {}): Adam =>
      new Adam(
        networks.flatMap((n) => n.parameters()),
        { ...adam, ...more, rate, name },
      );
    const { G: rateG = 1e-4, D: rateD = 1e-4 } = rates;
    this.optimize = {
      EG: of("EG", rateG, [this.Ec, this.G]),
      Es: of("Es", rateG, [this.Es]),
      D: of("D", rateD, [this.DC, this.DM, this.DCz, this.DMz]),
      // Its gradient is clipped to 5 in the published code.
      Dc: of("Dc", 0.4 * rateD, [this.Dc], { clip: adam?.clip ?? 5 }),
    };
    // Two steps of the content discriminator alone before each whole one, as published.
    const content = (images: Images): Losses => this.updateContentDiscriminator(images);
    this.between = this.λ.c === 0 ? [] : [content, content];
  }

  readonly discriminators = ["DC", "DM", "DCz", "DMz", "Dc"];
  get networks() {
    const { Ec, Es, G, DC, DM, DCz, DMz, Dc } = this;
    return { Ec, Es, G, DC, DM, DCz, DMz, Dc };
  }
  get optimizers(): readonly Adam[] {
    return Object.values(this.optimize);
  }

  update(images: Images, tie?: Tie): Losses {
    const { λ, optimize } = this;
    const t = this.translation(images);
    const D = this.discrimination(images, t);
    optimize.D.minimize(total(...Object.values(D)));
    const lossDc = λ.c === 0 ? {} : this.updateContentDiscriminator(images, t.cC, t.cM);
    const encoded = weigh("EG", this.encodedTerms(images, t, tie?.(t.pM)));
    const random = weigh("Z", this.randomTerms(t));
    // Both gradients at the same weights, before either step: the published code steps in between and then uses old
    // activations.
    const { EG, Es } = optimize;
    const byEncoded = EG.gradients(encoded.total);
    const byStyle = Es.gradients(encoded.total);
    const byRandom = EG.gradients(random.total);
    EG.update(byEncoded);
    Es.update(byStyle);
    EG.update(byRandom);
    return { ...D, ...lossDc, ...encoded.losses, ...random.losses };
  }

  /** Content of C in M's style: xM's, or where none is given the styles' mean, 0. */
  toM(xC: Tensor, xM?: Tensor): Tensor {
    return this.#into(M, C, xC, xM);
  }
  toC(xM: Tensor, xC?: Tensor): Tensor {
    return this.#into(C, M, xM, xC);
  }

  #into(to: Domain, from: Domain, x: Tensor, styled?: Tensor): Tensor {
    const content = this.Ec.forward(x, from);
    const style = styled ? this.Es.forward(styled, to).mu : full([x.shape[0]!, this.options.styles ?? 8], 0);
    return this.G.forward(content, style, to);
  }

  /** All translations of an iteration, drawn by the translator's own stream unless `draws` are given. */
  translation({ xC, xM }: Images, draws: Draws = this.#draw(xC.shape[0]!)) {
    const { Ec, Es, G } = this;
    const cC = Ec.forward(xC, C, draws.noise?.cC);
    const cM = Ec.forward(xM, M, draws.noise?.cM);
    const sC = Es.forward(xC, C);
    const sM = Es.forward(xM, M);
    const zC = sample(sC, draws.sC);
    const zM = sample(sM, draws.sM);
    const pC = G.forward(cM, zC, C);
    const pM = G.forward(cC, zM, M);
    const selfC = G.forward(cC, zC, C);
    const selfM = G.forward(cM, zM, M);
    const randomC = G.forward(cM, draws.z, C);
    const randomM = G.forward(cC, draws.z, M);
    // There and back: contents of the translated, styles of the translated.
    const cpC = Ec.forward(pC, C, draws.noise?.pC);
    const cpM = Ec.forward(pM, M, draws.noise?.pM);
    const rC = G.forward(cpM, sample(Es.forward(pC, C), draws.rC), C);
    const rM = G.forward(cpC, sample(Es.forward(pM, M), draws.rM), M);
    return { cC, cM, sC, sM, pC, pM, selfC, selfM, randomC, randomM, cpC, cpM, rC, rM, z: draws.z };
  }

  /** What the image discriminators minimize: each its own fakes, of encoded or of random styles. Fakes are detached. */
  discrimination({ xC, xM }: Images, { pC, pM, randomC, randomM }: ReturnType<DritTranslator["translation"]>) {
    return {
      lossDM: multiScaleDiscrimination(this.DM, xM, pM),
      lossDC: multiScaleDiscrimination(this.DC, xC, pC),
      lossDMz: multiScaleDiscrimination(this.DMz, xM, randomM),
      lossDCz: multiScaleDiscrimination(this.DCz, xC, randomC),
    };
  }

  /** Eq. (13): its terms on encoded styles, with what segmentors add; those on random styles are in `randomTerms`. */
  encodedTerms({ xC, xM }: Images, t: ReturnType<DritTranslator["translation"]>, tied: Terms = {}): Terms {
    const { λ } = this;
    const { variational: weights = DRIT_VARIATIONAL } = this.options;
    return {
      advM: [λ.adv, () => multiScaleAdversarial(this.DM, t.pM)],
      advC: [λ.adv, () => multiScaleAdversarial(this.DC, t.pC)],
      advContent: [λ.c, () => total(contentAdversarial(this.Dc, t.cC), contentAdversarial(this.Dc, t.cM))],
      vaeC: [λ.vae, () => variational(t.sC, t.rC, xC, weights)],
      vaeM: [λ.vae, () => variational(t.sM, t.rM, xM, weights)],
      // Content of the image and of its translation.
      cc: [λ.cc, () => total(contentReconstruction(t.cC, t.cpM), contentReconstruction(t.cM, t.cpC))],
      self: [λ.self, () => total(l1Loss(t.selfC, xC), l1Loss(t.selfM, xM))],
      ...tied,
    };
  }

  /** Those on random styles. */
  randomTerms(t: ReturnType<DritTranslator["translation"]>): Terms {
    return {
      advMz: [this.λ.adv, () => multiScaleAdversarial(this.DMz, t.randomM)],
      advCz: [this.λ.adv, () => multiScaleAdversarial(this.DCz, t.randomC)],
      lr: [
        this.λ.lr,
        () =>
          total(
            latentRegression(this.Es.forward(t.randomC, C).mu, t.z),
            latentRegression(this.Es.forward(t.randomM, M).mu, t.z),
          ),
      ],
    };
  }

  /** One update of the content discriminator, which should tell codes of C from codes of M. */
  updateContentDiscriminator({ xC, xM }: Images, cC = this.Ec.forward(xC, C), cM = this.Ec.forward(xM, M)): Losses {
    const lossDc = contentDiscrimination(this.Dc, cC, cM);
    this.optimize.Dc.minimize(lossDc);
    return { lossDc };
  }

  #draw(n: number): Draws {
    const draw = (): Tensor => randomNormal([n, this.options.styles ?? 8], this.random);
    return { sC: draw(), sM: draw(), rC: draw(), rM: draw(), z: draw() };
  }
}

/** Layers of stride 2 that leave the content discriminator a code of 4 × 4 at least, 3 at most. */
function contentLayers(code: number): number {
  const afterLayer = (side: number): number => Math.floor((side - 5) / 2) + 1;
  let layers = 0;
  for (let side = afterLayer(code); layers < 3 && side >= 4; side = afterLayer(side)) layers++;
  return layers;
}
