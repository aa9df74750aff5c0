// What predict, translate and export are given: the folder of a run, or the zip of a model.
import type { TrainConfig } from "../../train/config/config.ts";
import { isModelZip, readModelZip } from "../../train/model-zip.ts";
import type { RunStatistics } from "../../train/statistics.ts";
import type { TrainedWeights } from "../../train/volumes/trained-regime.ts";
import { isFolder, readBytes } from "../files.ts";
import { RunFolder } from "./folder.ts";
import { requireField } from "./read-image.ts";

export interface TrainedModel {
  readonly path: string;
  readonly config: TrainConfig;
  /** What the training images are like, where that was measured. */
  readonly statistics: RunStatistics | undefined;
  /** The weights that are used, and the file that they are of. `say` hears of checkpoints that can't be read. */
  weights(say: (line: string) => void): Promise<{ readonly weights: TrainedWeights; readonly file: string }>;
}

/**
 * The model of a run's folder, by its best checkpoint, or of a zip. Throws FileError, and DataError where a file is
 * wrong; CommandError where the run was never started.
 */
export async function openTrainedModel(path: string): Promise<TrainedModel> {
  return (await isFolder(path)) ? ofRun(path) : ofZip(path);
}

async function ofRun(path: string): Promise<TrainedModel> {
  const run = await RunFolder.open(path);
  const config = await run.readConfig();
  requireField(config, run);
  return {
    path: run.path,
    config,
    statistics: await run.readStatistics(),
    async weights(say) {
      const { checkpoint, file } = await run.bestOrLatest((message) => say(`passed over: ${message}`));
      return { weights: checkpoint, file };
    },
  };
}

/** Whether a path is a run's folder or a model's zip, by the file's bytes. Throws FileError. */
export const isTrainedModel = async (path: string): Promise<boolean> =>
  (await isFolder(path)) || isModelZip(await readBytes(path), path);

async function ofZip(path: string): Promise<TrainedModel> {
  const { config, statistics, tensors } = readModelZip(await readBytes(path), path);
  return { path, config, statistics, weights: async () => ({ weights: { tensors }, file: path }) };
}
