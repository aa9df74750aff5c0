// From a configuration to what it trains.
import { DenseFcn } from "../../models/dense-fcn.ts";
import { Mrrn } from "../../models/mrrn.ts";
import type { Segmentor } from "../../models/segmentor.ts";
import { UNet } from "../../models/unet.ts";
import type { Vgg19 } from "../../models/vgg.ts";
import type { AdamOptions } from "../adam.ts";
import { Cmedl } from "./cmedl.ts";
import { type LossWeights, type TrainConfig, outputsOf } from "../config/config.ts";
import { CtOnly } from "./student-only.ts";
import { CycleTranslator } from "../translators/cycle.ts";
import { DritTranslator } from "../translators/drit.ts";
import { Mutual } from "./mutual.ts";
import { PseudoMr } from "./pseudo-mr.ts";
import type { Regime } from "../regime.ts";
import type { Translator } from "../translators/translator.ts";

/** The networks and optimizers of a run. */
export function makeRegime(c: TrainConfig): Regime {
  const { seed } = c;
  const { rates } = c.optimization;
  const adam = adamOf(c);
  const shared = { seed, adam, rate: rates.S, weights: c.losses.weights };
  const segmentor = () => makeSegmentor(c);
  // A translator on its own: neither its contextual loss nor segmentation guide it.
  const alone: LossWeights = { ...c.losses.weights, cx: 0 };
  const cmedl = (translator: Translator, test: "student" | "teacher" = "student"): Regime =>
    new Cmedl({ ...shared, kind: c.regime, translator, segmentor, distillation: c.losses.distillation, test });
  switch (c.regime) {
    case "ct-only":
      return new CtOnly({ ...shared, segmentor });
    case "cmedl":
      return cmedl(cycleTranslator(c));
    case "pmri-cmedl":
      return cmedl(cycleTranslator(c), "teacher");
    case "vae-cmedl":
      return cmedl(dritTranslator(c));
    case "pmri-cycle":
      return new PseudoMr({
        ...shared,
        kind: c.regime,
        translator: cycleTranslator(c, alone),
        segmentor,
        input: "pmri",
      });
    case "pmri-drit":
      return new PseudoMr({ ...shared, kind: c.regime, translator: dritTranslator(c), segmentor, input: "pmri" });
    case "ct+pmri":
    case "weighted-ct+pmri":
      return new PseudoMr({
        ...shared,
        translator: cycleTranslator(c, alone),
        segmentor: () => makeSegmentor(c, 2),
        input: c.regime,
        alpha: c.networks.alpha,
      });
    case "mutual":
      return new Mutual({
        ...shared,
        translator: cycleTranslator(c, alone),
        segmentor,
        temperature: c.losses.distillation.temperature,
      });
  }
}

/** The frozen VGG of a regime's contextual loss, where it has one: weights of a file belong there. */
export const featuresOf = (regime: Regime): Vgg19 | undefined => {
  const { translator } = regime as { translator?: Translator };
  return translator instanceof CycleTranslator ? translator.F : undefined;
};

function adamOf({
  optimization: { betas, amsgrad, weightDecay, clip, accumulate, ema, precision },
}: TrainConfig): Omit<AdamOptions, "rate" | "name"> {
  return {
    betas,
    amsgrad,
    weightDecay,
    accumulate,
    scaled: precision === "mixed",
    ...(clip === null ? {} : { clip }),
    ...(ema === null ? {} : { ema }),
  };
}

function makeSegmentor(c: TrainConfig, inputs = 1): Segmentor {
  const { kind, width, hints } = c.networks.segmentor;
  const options = { inputs, outputs: outputsOf(c), hints, ...(width === null ? {} : { width }) };
  switch (kind) {
    case "unet":
      return new UNet(options);
    // Growth goes with width as in the paper, 12 for 48.
    case "dense-fcn":
      return new DenseFcn({ ...options, ...(width === null ? {} : { growth: Math.max(1, Math.round(width / 4)) }) });
    case "mrrn":
      return new Mrrn(options);
  }
}

function cycleTranslator(c: TrainConfig, weights = c.losses.weights): CycleTranslator {
  const {
    seed,
    data: { size },
    networks,
    losses: { gan, contextual },
    optimization: { rates, pool },
  } = c;
  const { layers, width, taps } = networks.features;
  return new CycleTranslator({
    image: [size, size],
    seed,
    rates,
    weights,
    gan,
    contextual,
    poolSize: pool,
    adam: adamOf(c),
    generator: networks.generator,
    discriminator: networks.discriminator,
    features: { layers, width, taps },
  });
}

function dritTranslator(c: TrainConfig): DritTranslator {
  const { width, blocks, styles } = c.networks.drit;
  return new DritTranslator({
    size: c.data.size,
    width,
    blocks,
    styles,
    rates: c.optimization.rates,
    weights: c.losses.weights,
    adam: adamOf(c),
    discriminator: { width: c.networks.discriminator.width, ...scalesFor(c.data.size) },
  });
}

/**
 * Scales and layers of DRIT's image discriminators: the published 3 and 4 from 64 pixels on, fewer where an image
 * would vanish.
 */
const scalesFor = (size: number): { scales: number; layers: number } =>
  size >= 128 ? { scales: 3, layers: 4 } : size >= 64 ? { scales: 3, layers: 3 } : { scales: 2, layers: 3 };
