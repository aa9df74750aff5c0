// Images segmented by a run, one or a folder of them: which file each mask goes to, what is done to a mask, and what is
// said of it.
import { realpath, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { fillHoles, keepLargest } from "../../data/components.ts";
import { printable } from "../../data/errors.ts";
import { withoutSuffix, writableFormat } from "../../data/formats/index.ts";
import type { Range } from "../../data/intensity.ts";
import { fromLps } from "../../data/orientation.ts";
import type { Field } from "../../data/resample.ts";
import { type Volume, voxelVolumeMm3 } from "../../data/volume.ts";
import { type TrainConfig, outputsOf } from "../../train/config/config.ts";
import { scanImages } from "../dataset/index.ts";
import { CommandError } from "../errors.ts";
import { refuseOverwrite, requireWritable } from "../files.ts";
import { type SegmentOptions, type VolumeSegmenter, fieldsOf, maskOf, maskValues } from "./segment.ts";

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
export async function predictionTasks(path: string, output: string): Promise<readonly PredictionTask[]> {
  const isFolder = (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
  const isMany = isFolder && writableFormat(output) === undefined && !/\.dcm$/i.test(output);
  if (isMany) await requireWritable(output);
  const tasks = isMany
    ? (await scanImages(path)).cases.map(({ id, imagePath }) => ({
        image: imagePath,
        mask: join(output, `${id}.nii.gz`),
      }))
    : [{ image: path, mask: output }];
  const images = new Set(await Promise.all(tasks.map(({ image }) => placeOf(image))));
  for (const { mask } of tasks)
    if (images.has(await placeOf(mask)))
      throw new CommandError("usage", `-o ${output}: ${printable(mask)} is an image to segment; name another place`);
  return tasks;
}

/** A file's place behind links, whether it exists or not. */
async function placeOf(path: string): Promise<string> {
  const folder = await realpath(dirname(path)).catch(() => resolve(dirname(path)));
  return realpath(path).catch(() => join(folder, basename(path)));
}

/** The files of a mask's probabilities, one for each structure, beside it. */
export function probabilityFiles(mask: string, config: TrainConfig): readonly string[] {
  const [, ...values] = maskValues(config);
  const stem = withoutSuffix(mask);
  return outputsOf(config) === 1
    ? [`${stem}_probability.nii.gz`]
    : values.map((value) => `${stem}_probability-${value}.nii.gz`);
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

export interface PredictionOptions extends Pick<SegmentOptions, "threshold" | "crop"> {
  /** Whether the structures' probabilities are kept too. */
  readonly probabilities?: boolean;
  /** Parts of each structure that are kept, the largest; all where it is not given. */
  readonly largest?: number | undefined;
  /** Whether holes within axial slices are filled, after that. */
  readonly fillHoles?: boolean;
}

export interface Prediction {
  /** In the stored order, with the masks' own values. */
  readonly mask: ReturnType<typeof maskOf>;
  /** Of each structure, in the stored order: before parts are left out and holes filled. */
  readonly probabilities: readonly Float32Array<ArrayBuffer>[];
  readonly structures: readonly { readonly value: number; readonly voxels: number; readonly ml: number }[];
}

/** Segments `stored`, of which `image` is the Left-Posterior-Superior order, scaled from `range`. */
export async function predictVolume(
  segmenter: VolumeSegmenter,
  stored: Volume,
  { image, range }: { readonly image: Volume; readonly range: Range },
  { probabilities = false, largest, fillHoles: fills = false, ...options }: PredictionOptions = {},
): Promise<Prediction> {
  const { config } = segmenter;
  const [, ...values] = maskValues(config);
  const first = outputsOf(config) === 1 ? 0 : 1; // of several the background has a plane too
  const [nx, ny] = image.shape;
  const maps = probabilities ? values.map(() => new Float32Array(image.data.length)) : [];
  const onSlice = (z: number, planes: readonly Float32Array[]): void =>
    maps.forEach((map, k) => map.set(planes[first + k]!, z * nx * ny));
  let classes = await segmenter.segment(image, range, { ...options, onSlice });
  if (largest !== undefined) classes = keepLargest(classes, image.shape, largest);
  if (fills) classes = fillHoles(classes, image.shape);
  const counts = new Array<number>(values.length + 1).fill(0);
  for (const k of classes) counts[k]!++;
  const voxelMl = voxelVolumeMm3(image.affine) / 1000;
  return {
    mask: maskOf(classes, stored, config),
    probabilities: maps.map((map) => fromLps(map, stored)),
    structures: values.map((value, i) => ({ value, voxels: counts[i + 1]!, ml: counts[i + 1]! * voxelMl })),
  };
}

/** "label 1: 200 voxels, 1.2 ml; label 2: …", without the label of a structure alone. */
export const structuresText = (structures: Prediction["structures"]): string =>
  structures
    .map(({ value, voxels, ml }) => {
      const label = structures.length > 1 ? `label ${value}: ` : "";
      return `${label}${voxels} voxels, ${ml.toFixed(1)} ml`;
    })
    .join("; ");

/** What of each slice is segmented, for the user. */
export function coverageText(
  config: TrainConfig,
  image: Pick<Volume, "shape" | "spacingMm">,
  { crop = false }: Pick<SegmentOptions, "crop">,
): string {
  const [nx, ny] = image.shape;
  const { fieldMm } = config.data;
  const fields = fieldsOf(image, config, { crop });
  const field = `${fieldMm!.toFixed(0)} × ${fieldMm!.toFixed(0)} mm`;
  if (fields.length > 1)
    return `each slice of ${nx} × ${ny} is segmented whole, by ${fields.length} fields of ${field}`;
  const [{ x, y, width, height }] = fields as [Field];
  const along = (start: number, side: number, n: number): number => Math.min(n, start + side) - Math.max(0, start);
  const share = (along(x, width, nx) * along(y, height, ny)) / (nx * ny);
  return share < 1
    ? `only the central ${field} of each slice are segmented, ${(100 * share).toFixed(0)} % of it (--crop)`
    : `each slice lies within one field of ${field}`;
}
