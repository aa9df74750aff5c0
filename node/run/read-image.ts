// An image as a run takes it: read, in Left-Posterior-Superior order, and held against the images of training.
import type { Volume } from "../../data/volume.ts";
import type { TrainConfig } from "../../train/config/config.ts";
import { readVolume } from "../dataset/index.ts";
import { CommandError } from "../errors.ts";
import type { Narrator } from "../narrator.ts";
import type { RunFolder } from "./folder.ts";
import { prepareVolume } from "../../train/volumes/volume-segmenter.ts";
import { type Oddness, tellOdd } from "./odd-images.ts";
import { type RunStatistics, oddImage } from "../../train/statistics.ts";

export type ReadImage = { readonly stored: Volume } & ReturnType<typeof prepareVolume>;

export interface ReadImageOptions {
  /** What the training images are like, where the run knows. */
  readonly statistics: RunStatistics | undefined;
  /** What is done with an image that is not like them. */
  readonly odd: Oddness;
  readonly narrator: Narrator;
}

/** Throws DataError as readVolume, and where the image is not like those of training and that is to be refused. */
export async function readImage(
  path: string,
  config: TrainConfig,
  { statistics, odd, narrator }: ReadImageOptions,
): Promise<ReadImage> {
  const stored = await readVolume(path);
  for (const warning of stored.warnings) narrator.say(warning);
  const { image, range } = prepareVolume(stored, config, path);
  if (statistics) tellOdd(path, oddImage(image, range, statistics), odd, narrator);
  return { stored, image, range };
}

/** Throws CommandError where a run's configuration has no field, as one that was never started. */
export function requireField({ data }: TrainConfig, run: RunFolder): void {
  if (data.fieldMm !== null) return;
  const problem = "data.fieldMm: is null; put back the file that `cmedl train` wrote";
  throw new CommandError("config", `${run.path}/config.yaml: ${problem}`);
}
