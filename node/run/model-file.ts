// A run's segmentor as a model's file, which cmedl/inference reads in a page too.
import { writeModel } from "../../inference/model-file.ts";
import { modelOf } from "../../inference/model.ts";
import type { TrainConfig } from "../../train/config/config.ts";
import { makeRegime } from "../../train/regimes/make.ts";
import { PseudoMr } from "../../train/regimes/pseudo-mr.ts";
import { CommandError } from "../errors.ts";
import { imagesOf } from "./segment.ts";

/**
 * The file of a run's segmentor with the weights `dict`. Throws StateDictError where they are not the configuration's,
 * CommandError where the run segments by more than its segmentor.
 */
export function modelFileOf(config: TrainConfig, dict: Parameters<typeof writeModel>[1]): Uint8Array<ArrayBuffer> {
  if (makeRegime(config) instanceof PseudoMr)
    throw new CommandError(
      "usage",
      `${config.regime} segments what its translator makes of an image: a model's file holds a segmentor alone; ` +
        "write each network by `cmedl convert`",
    );
  const { kind: network } = config.networks.segmentor;
  const statistics = config.optimization.statistics === "batch" ? "image" : "running";
  return writeModel(modelOf({ ...imagesOf(config), network, statistics }, dict), dict);
}
