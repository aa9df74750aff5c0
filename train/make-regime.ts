// A configuration's networks, losses and optimizers as one regime.
import { UsageError } from "../engine/index.ts";
import { DenseFcn } from "../models/dense-fcn.ts";
import { Mrrn } from "../models/mrrn.ts";
import type { Segmentor } from "../models/segmentor.ts";
import { UNet } from "../models/unet.ts";
import { Cmedl } from "./cmedl.ts";
import { type TrainConfig, outputsOf } from "./config.ts";
import { CtOnly } from "./ct-only.ts";
import type { Regime } from "./regime.ts";

/** Throws UsageError for a regime that is not there yet. */
export function makeRegime(config: TrainConfig): Regime {
  const { seed, data: { size }, networks: { generator, discriminator, features }, losses: { weights, contextual, distillation }, optimization: { rates, betas, amsgrad, weightDecay, pool } } = config;
  const segmentor = (): Segmentor => segmentorOf(config), adam = { betas, amsgrad, weightDecay };
  if (config.regime === "ct-only") return new CtOnly({ seed, segmentor, rates, adam });
  if (config.regime === "cmedl") return new Cmedl({ image: [size, size], seed, segmentor, generator, discriminator, features, weights, contextual, hintNorm: distillation.norm, rates, adam, poolSize: pool });
  throw new UsageError(`the regime ${config.regime} is not built yet; train ct-only or cmedl`);
}

/** The segmentor of a configuration. */
function segmentorOf(config: TrainConfig): Segmentor {
  const { kind, width, hints } = config.networks.segmentor;
  const options = { outputs: outputsOf(config), hints, ...(width === null ? {} : { width }) };
  return kind === "unet" ? new UNet(options) : kind === "dense-fcn" ? new DenseFcn(options) : new Mrrn(options);
}
