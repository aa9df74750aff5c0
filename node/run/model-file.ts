// A run's segmentor as a model's file, which cmedl/inference reads in a page too.
import { writeModel } from "../../inference/model-file.ts";
import type { TrainConfig } from "../../train/config/config.ts";
import { segmentorModel, segmentsAlone } from "../../train/volumes/segmentor-model.ts";
import { CommandError } from "../errors.ts";

/**
 * The file of a run's segmentor with the weights `dict`. Throws StateDictError where they are not the configuration's,
 * CommandError where the run segments by more than its segmentor.
 */
export function modelFileOf(config: TrainConfig, dict: Parameters<typeof writeModel>[1]): Uint8Array<ArrayBuffer> {
  if (!segmentsAlone(config))
    throw new CommandError(
      "usage",
      `${config.regime} segments what its translator makes of an image: a model's file holds a segmentor alone; ` +
        "write a model zip, or each network by `cmedl convert`",
    );
  return writeModel(segmentorModel(config, dict), dict);
}
