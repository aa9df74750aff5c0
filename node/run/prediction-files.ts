// Which files a prediction reads and writes.
import { realpath } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { printable } from "../../data/errors.ts";
import { withoutSuffix, writableFormat } from "../../data/formats/index.ts";
import { type TrainConfig, outputsOf } from "../../train/config/config.ts";
import { scanImages } from "../dataset/index.ts";
import { CommandError } from "../errors.ts";
import { exists, isFolder, refuseOverwrite, requireWritable } from "../files.ts";
import { maskValues } from "../../train/volumes/volume-segmenter.ts";

/** An image, and the file of its mask. */
export interface PredictionTask {
  readonly image: string;
  readonly mask: string;
}

/**
 * The images that `path` names with their masks' files: an image alone with `output` itself; the images of a folder,
 * where `output` is no image's name, each with the file of its case below `output`. Throws CommandError where an image
 * would be overwritten, DataError where the folder holds none, FileError where `output` can't be written to.
 */
export async function predictionTasks(
  path: string,
  output: string,
): Promise<{
  readonly tasks: readonly PredictionTask[];
  readonly isMany: boolean;
  /** Files and folders that no image is read of, where images are expected there. */
  readonly passedOver: readonly string[];
}> {
  const isMany = (await isFolder(path)) && writableFormat(output) === undefined && !/\.dcm$/i.test(output);
  if (isMany) await requireWritable(output);
  const { cases, passedOver } = isMany ? await scanImages(path) : { cases: undefined, passedOver: [] };
  const tasks = cases?.map(({ id, imagePath }) => ({ image: imagePath, mask: join(output, `${id}.nii.gz`) })) ?? [
    { image: path, mask: output },
  ];
  await refuseImages(
    tasks.map(({ image }) => image),
    tasks.map(({ mask }) => mask),
  );
  return { tasks, isMany, passedOver };
}

/** Throws CommandError where a file that would be written is an image that is read: no --force goes that far. */
export async function refuseImages(images: readonly string[], written: readonly string[]): Promise<void> {
  const places = new Set(await Promise.all(images.map(placeOf)));
  for (const file of written)
    if (places.has(await placeOf(file)))
      throw new CommandError("usage", `-o: ${printable(file)} is an image that is read; name another place`);
}

/** A file's place behind links, whether it exists or not. */
async function placeOf(path: string): Promise<string> {
  const folder = await realpath(dirname(path)).catch(() => resolve(dirname(path)));
  return realpath(path).catch(() => join(folder, basename(path)));
}

/** The files of a mask's probabilities, one for each structure, beside it. */
export function probabilityFiles(mask: string, config: TrainConfig): readonly string[] {
  const values = maskValues(config);
  const stem = withoutSuffix(mask);
  return outputsOf(config) === 1
    ? [`${stem}_probability.nii.gz`]
    : values.map((value) => `${stem}_probability-${value}.nii.gz`);
}

/**
 * The images whose masks, and probabilities where they are wanted, are not all there. A file that is there is whole.
 */
export async function withoutMasks(
  tasks: readonly PredictionTask[],
  config: TrainConfig,
  probabilities: boolean,
): Promise<PredictionTask[]> {
  const missing: PredictionTask[] = [];
  for (const task of tasks) {
    const files = [task.mask, ...(probabilities ? probabilityFiles(task.mask, config) : [])];
    const there = await Promise.all(files.map(exists));
    if (there.includes(false)) missing.push(task);
  }
  return missing;
}

/** Throws FileError where a file that would be written exists. */
export async function refuseOldMasks(
  tasks: readonly PredictionTask[],
  config: TrainConfig,
  probabilities: boolean,
): Promise<void> {
  for (const { mask } of tasks)
    for (const file of [mask, ...(probabilities ? probabilityFiles(mask, config) : [])])
      await refuseOverwrite(file, "choose another name, or give --force");
}
