// cmedl predict: the student of a run segments CT images; a mask has its image's geometry, as NIfTI or DICOM.
import { basename } from "node:path";
import type { Command } from "commander";
import { CmedlError } from "../errors/cmedl-error.ts";
import { writableSuffixes } from "../data/formats/index.ts";
import { writeNifti } from "../data/formats/nifti.ts";
import { outputsOf } from "../train/config/config.ts";
import { CommandError } from "../node/errors.ts";
import { writeAtomic } from "../node/files.ts";
import { type MaskWriter, maskWriter } from "./mask-writer.ts";
import { addDeviceFlag, openDevice } from "./open-device.ts";
import { Narrator } from "../node/narrator.ts";
import { RunFolder } from "../node/run/folder.ts";
import { type PredictionOptions, coverageText, predictVolume, structuresText } from "../node/run/predict.ts";
import {
  type PredictionTask,
  predictionTasks,
  probabilityFiles,
  refuseOldMasks,
} from "../node/run/prediction-files.ts";
import { type ReadImage, readImage, requireField } from "../node/run/read-image.ts";
import { VolumeSegmenter } from "../node/run/segment.ts";

interface PredictFlags {
  output: string;
  format?: string;
  force?: boolean;
  statistics?: "running" | "batch";
  threshold?: string;
  crop?: boolean;
  probabilities?: boolean;
  largest?: string;
  fillHoles?: boolean;
  device?: string;
  quiet?: boolean;
}

export function register(command: Command): void {
  command
    .argument("<run>", "folder of a training run")
    .argument("<image>", "image of the student's modality: a file, a DICOM series' folder, or a folder of images")
    .requiredOption(
      "-o, --output <mask>",
      `mask to write (${writableSuffixes}, or .dcm with --format), or a folder of them`,
    )
    .option("--format <kind>", "nifti, rtstruct or seg (default: nifti); the last two of a DICOM series alone")
    .option("--force", "overwrite masks that exist, and segment images unlike those of training")
    .option("--threshold <p>", "probability above which a voxel belongs to the mask (0.5); of one structure only")
    .option("--crop", "segment only the field of training round the centre of each slice; the rest is 0")
    .option("--probabilities", "write each structure's probabilities too: MASK_probability.nii.gz, as 32-bit floats")
    .option("--largest <n>", "keep the n largest parts of each structure (all)")
    .option("--fill-holes", "fill holes of each structure within axial slices")
    .option(
      "--statistics <which>",
      'batch norm by the "running" averages of training, or of each "batch" of four slices (as the run is configured)',
    );
  addDeviceFlag(command)
    .option("-q, --quiet", "say nothing but errors")
    .addHelpText(
      "after",
      `
The checkpoint with the lowest validation loss is used. A slice that is larger than the field of
training is segmented whole, by fields that overlap and are blended. An image whose values are not
like those of the training images (MR for CT, HU + 1024) is refused, unless --force.
Of a folder, read as \`cmedl train\` reads one, each image is segmented, and its mask written as CASE.nii.gz
into the folder of -o. An image that fails is named at the end (exit code 3); the others go on.
Parts are connected by sides, edges and corners of voxels; what is left out becomes background. Holes are
filled afterwards. Probabilities are those before both; of several structures there is a file for each
label, MASK_probability-LABEL.nii.gz.
Not for diagnostic use.

Examples:
  cmedl predict runs/first scan.nii.gz -o mask.nii.gz
  cmedl predict runs/first scan.nii.gz -o mask.nii.gz --largest 1 --fill-holes --probabilities
  cmedl predict runs/first data/ct -o masks
  cmedl predict runs/first CT-FOLDER -o tumour.dcm --format rtstruct`,
    )
    .action(predict);
}

async function predict(runPath: string, imagePath: string, flags: PredictFlags): Promise<void> {
  const { output, force = false, probabilities = false } = flags;
  const options = optionsOf(flags);
  const tasks = await predictionTasks(imagePath, output);
  const kind = flags.format ?? "nifti";
  const writers = await Promise.all(tasks.map(({ image, mask }) => maskWriter(mask, kind, image)));
  const narrator = new Narrator({ quiet: flags.quiet });
  const run = await RunFolder.open(runPath);
  const config = await run.readConfig();
  if (!force) await refuseOldMasks(tasks, config, probabilities);
  if (outputsOf(config) > 1 && flags.threshold !== undefined)
    throw new CommandError(
      "usage",
      `--threshold does not go with the run's classes ${config.data.labels!.join(", ")}: ` +
        "each voxel gets the most probable",
    );
  const { checkpoint, file } = await run.bestOrLatest((message) => narrator.say(`passed over: ${message}`));
  requireField(config, run);
  const statistics = await run.readStatistics();
  const odd = force ? "say" : "refuse";
  const read = ({ image }: PredictionTask): Promise<ReadImage> =>
    readImage(image, config, { statistics, odd, narrator });
  const [only, ...others] = tasks;
  // A single image that can't be used is refused before a GPU is looked for.
  const first = only && others.length === 0 ? await read(only) : undefined;

  using device = await openDevice(narrator, flags.device);
  using segmenter = await VolumeSegmenter.open(device, config, checkpoint, flags.statistics);
  narrator.say(`weights of ${file}`);
  const description = `cmedl ${basename(run.path)}`;
  const failed: string[] = [];
  const bar = others.length > 0 ? narrator.bar("segmenting", tasks.length) : undefined;
  for (const [i, task] of tasks.entries()) {
    try {
      const image = first ?? (await read(task));
      await predictOne(segmenter, task, image, writers[i]!, { ...options, description }, narrator);
      process.stdout.write(`${task.mask}\n`);
    } catch (error) {
      if (first || !(error instanceof CmedlError && ["data", "file"].includes(error.code))) throw error;
      failed.push(task.image);
      narrator.say(`failed: ${error.message}`);
    }
    bar?.advance();
  }
  bar?.done();
  narrator.end();
  if (failed.length > 0)
    throw new CommandError("data", `${failed.length} of ${tasks.length} images failed: ${failed.join(", ")}`);
}

/** What the flags say of the segmentation. Throws CommandError. */
function optionsOf({
  threshold = "0.5",
  statistics,
  largest,
  crop,
  probabilities,
  fillHoles,
}: PredictFlags): PredictionOptions {
  if (![undefined, "running", "batch"].includes(statistics))
    throw new CommandError("usage", `--statistics ${String(statistics)} is neither "running" nor "batch"`);
  if (!(Number(threshold) > 0 && Number(threshold) < 1))
    throw new CommandError("usage", `--threshold ${threshold} is not between 0 and 1`);
  const parts = largest === undefined ? undefined : Number(largest);
  if (parts !== undefined && !(Number.isSafeInteger(parts) && parts > 0))
    throw new CommandError("usage", `--largest ${largest} is no whole number above 0`);
  return {
    threshold: Number(threshold),
    ...(crop && { crop }),
    ...(probabilities && { probabilities }),
    ...(fillHoles && { fillHoles }),
    largest: parts,
  };
}

async function predictOne(
  segmenter: VolumeSegmenter,
  { mask: output }: PredictionTask,
  { stored, ...prepared }: ReadImage,
  write: MaskWriter,
  { description, ...options }: PredictionOptions & { readonly description: string },
  narrator: Narrator,
): Promise<void> {
  const { config } = segmenter;
  narrator.say(coverageText(config, prepared.image, options));
  const { mask, probabilities, structures } = await predictVolume(segmenter, stored, prepared, options);
  const files = probabilityFiles(output, config);
  for (const [i, map] of probabilities.entries()) await writeAtomic(files[i]!, writeNifti(map, stored));
  await writeAtomic(output, await write(mask, stored, config, description));
  narrator.say(`${output}: ${structuresText(structures)}`);
}
