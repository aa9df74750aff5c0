// From a configuration to what it trains.
import type { Segmentor } from "../../models/segmentor.ts";
import type { Vgg } from "../../models/vgg.ts";
import { segmentorRow } from "../../models/zoo.ts";
import type { AdamOptions } from "../adam.ts";
import { type LossWeights, type TrainConfig, outputsOf } from "../config/config.ts";
import type { Regime } from "../regime.ts";
import { CycleTranslator } from "../translators/cycle.ts";
import { DritTranslator } from "../translators/drit.ts";
import { regimeRow } from "./registry.ts";
import { TranslatorRegime } from "./translator-regime.ts";

/** The networks and optimizers of a run. */
export function makeRegime(c: TrainConfig): Regime {
  const segmentor = (inputs: number): Segmentor => makeSegmentor(c, inputs);
  return regimeRow(c.regime).make({
    shared: {
      kind: c.regime,
      seed: c.seed,
      adam: adamOf(c),
      rate: c.optimization.rates.S,
      weights: c.losses.weights,
      segmentor: () => segmentor(1),
    },
    segmentor,
    cycleGan: (weights) => cycleTranslator(c, { ...c.losses.weights, ...weights }),
    drit: () => dritTranslator(c),
    distillation: c.losses.distillation,
    alpha: c.networks.alpha,
  });
}

/** The frozen VGG of a regime's contextual loss, where it has one: weights of a file belong there. */
export const featuresOf = (regime: Regime): Vgg | undefined =>
  regime instanceof TranslatorRegime && regime.translator instanceof CycleTranslator ? regime.translator.F : undefined;

function adamOf({ optimization }: TrainConfig): Omit<AdamOptions, "rate" | "name"> {
  const { betas, amsgrad, weightDecay, clip, accumulate, ema, precision } = optimization;
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

function makeSegmentor(c: TrainConfig, inputs: number): Segmentor {
  const { kind, width, hints } = c.networks.segmentor;
  return segmentorRow(kind).make({ inputs, outputs: outputsOf(c), hints, ...(width === null ? {} : { width }) });
}

function cycleTranslator(c: TrainConfig, weights: LossWeights): CycleTranslator {
  const { size } = c.data;
  const { generator, discriminator, features } = c.networks;
  const { layers, width, taps } = features;
  return new CycleTranslator({
    image: [size, size],
    seed: c.seed,
    rates: c.optimization.rates,
    weights,
    gan: c.losses.gan,
    contextual: c.losses.contextual,
    poolSize: c.optimization.pool,
    adam: adamOf(c),
    generator,
    discriminator,
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
 * Scales and layers of DRIT's image discriminators: the published 3 and 4 from 128 pixels on, fewer where an image
 * would vanish.
 */
function scalesFor(size: number): { scales: number; layers: number } {
  if (size >= 128) return { scales: 3, layers: 4 };
  return size >= 64 ? { scales: 3, layers: 3 } : { scales: 2, layers: 3 };
}
