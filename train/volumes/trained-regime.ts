// A regime with the weights that it ended with, for use.
import { type NamedForPyTorch, loadStateDict } from "../../models/pytorch.ts";
import { type Checkpoint, keptStateDict } from "../checkpoint.ts";
import type { TrainConfig } from "../config/config.ts";
import { inferBy } from "../inference-programs.ts";
import type { Regime } from "../regime.ts";
import { makeRegime } from "../regimes/make.ts";
import { TranslatorRegime } from "../regimes/translator-regime.ts";

/** The weights of a run: those of a checkpoint, or of a model zip. */
export type TrainedWeights = Pick<Checkpoint, "tensors">;

/** The networks of a regime that are used once it is trained: all but those that only judge images. */
export function networksInUse(regime: Regime): Readonly<Record<string, NamedForPyTorch>> {
  if (!(regime instanceof TranslatorRegime)) return regime.networks;
  const { discriminators } = regime.translator;
  return Object.fromEntries(Object.entries(regime.networks).filter(([name]) => !discriminators.includes(name)));
}

/**
 * A configuration's regime with trained weights in the networks that are used, or with their moving average where they
 * have one; its norms infer by `statistics`. Throws StateDictError where the weights are not the configuration's.
 */
export function trainedRegime(
  config: TrainConfig,
  { tensors }: TrainedWeights,
  statistics = config.optimization.statistics,
): Regime {
  const regime = makeRegime(config);
  inferBy(regime, statistics);
  for (const [name, network] of Object.entries(networksInUse(regime)))
    loadStateDict(network, keptStateDict(tensors, name));
  return regime;
}
