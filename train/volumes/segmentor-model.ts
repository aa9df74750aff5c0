// A configuration's segmentor as a model by itself, which can be kept in a file and trained further.
import { type NetworkModel, modelOf } from "../../inference/model.ts";
import type { ForeignTensor } from "../../models/pytorch.ts";
import type { TrainConfig } from "../config/config.ts";
import { makeRegime } from "../regimes/make.ts";
import { PseudoMr } from "../regimes/pseudo-mr.ts";
import { imagesOf } from "./volume-segmenter.ts";

/** Whether a configuration's masks are its segmentor's alone, not that of what a translator makes of the image. */
export const segmentsAlone = (config: TrainConfig): boolean => !(makeRegime(config) instanceof PseudoMr);

/** The model of a segmentor with the weights `dict`. Throws StateDictError where they are not the configuration's. */
export function segmentorModel(config: TrainConfig, dict: ReadonlyMap<string, ForeignTensor>): NetworkModel {
  const { kind: network } = config.networks.segmentor;
  const statistics = config.optimization.statistics === "batch" ? "image" : "running";
  return modelOf({ ...imagesOf(config), network, statistics }, dict);
}
