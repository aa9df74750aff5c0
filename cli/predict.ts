// cmedl predict: the student of a run segments CT images; a mask has its image's geometry, as NIfTI or DICOM.
import { basename } from "node:path";
import { type Command, Option } from "commander";
import { CmedlError } from "../errors/cmedl-error.ts";
import { writableSuffixes } from "../data/formats/index.ts";
import { writeNifti } from "../data/formats/nifti.ts";
import { passedOverText } from "../data/layouts/passed-over.ts";
import { DISPOSE } from "../engine/index.ts";
import { type TrainConfig, outputsOf } from "../train/config/config.ts";
import { CommandError } from "../node/errors.ts";
import { DeviceLosses } from "../node/gpu/losses.ts";
import { writeAtomic } from "../node/files.ts";
import { type MaskWriter, maskWriter } from "./mask-writer.ts";
import { addDeviceFlag, networkOpener } from "./open-device.ts";
import { Narrator } from "../node/narrator.ts";
import {
  type Prediction,
  type PredictionOptions,
  coverageText,
  predictVolume,
  structuresText,
} from "../train/volumes/prediction.ts";
import {
  type PredictionTask,
  predictionTasks,
  probabilityFiles,
  refuseOldMasks,
  withoutMasks,
} from "../node/run/prediction-files.ts";
import { PredictionManifest } from "../node/run/prediction-manifest.ts";
import { type ReadImage, readImage } from "../node/run/read-image.ts";
import { ofShard, parseShard } from "../node/run/shard.ts";
import { openTrainedModel } from "../node/run/trained-model.ts";
import { VolumeSegmenter } from "../train/volumes/volume-segmenter.ts";
import { wholeNumber } from "./whole-number.ts";

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
  shard?: string;
  resume?: boolean;
  device?: string;
  quiet?: boolean;
}

export function register(command: Command): void {
  command
    .argument("<run>", "folder of a training run, or a model.zip of `cmedl export`")
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
    .option("--shard <i/n>", "of a folder's images only the i-th of n parts, which may run at once")
    .addOption(
      new Option("--resume", "keep the masks that exist, and segment the images that have none").conflicts("force"),
    )
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
What became of each stands in predictions.jsonl there, of a part in predictions-I-of-N.jsonl. A mask
is written whole or not at all: --resume goes on where a run was ended, with --force nothing is kept.
Parts are connected by sides, edges and corners of voxels; what is left out becomes background. Holes are
filled afterwards. Probabilities are those before both; of several structures there is a file for each
label, MASK_probability-LABEL.nii.gz.
Not for diagnostic use.

Examples:
  cmedl predict runs/first scan.nii.gz -o mask.nii.gz
  cmedl predict runs/first scan.nii.gz -o mask.nii.gz --largest 1 --fill-holes --probabilities
  cmedl predict runs/first data/ct -o masks
  cmedl predict runs/first archive -o masks --shard 3/16 --resume
  cmedl predict model.zip scan.nii.gz -o mask.nii.gz
  cmedl predict runs/first CT-FOLDER -o tumour.dcm --format rtstruct`,
    )
    .action(predict);
}

async function predict(runPath: string, imagePath: string, flags: PredictFlags): Promise<void> {
  const { output, format = "nifti", force = false, probabilities = false } = flags;
  const options = optionsOf(flags);
  const shard = flags.shard === undefined ? undefined : parseShard(flags.shard);
  const { tasks: all, isMany, passedOver } = await predictionTasks(imagePath, output);
  if (!isMany && (shard || flags.resume))
    throw new CommandError("usage", "--shard and --resume are of a folder of images, and -o names a folder of masks");
  const narrator = new Narrator({ quiet: flags.quiet });
  const say = (line: string): void => narrator.say(line);
  const model = await openTrainedModel(runPath);
  const { config, statistics } = model;
  const part = shard ? ofShard(all, shard) : all;
  const tasks = flags.resume ? await withoutMasks(part, config, probabilities) : part;
  if (passedOver.length > 0) say(`warning: ${imagePath}: ${passedOverText(passedOver)}`);
  if (isMany) say(countText(tasks.length, part.length, all.length));
  const writers = await Promise.all(tasks.map(({ image, mask }) => maskWriter(mask, format, image)));
  if (!force) await refuseOldMasks(tasks, config, probabilities);
  refuseThreshold(config, flags);
  const { weights, file } = await model.weights(say);
  if (tasks.length === 0) return;
  const read = ({ image }: PredictionTask): Promise<ReadImage> =>
    readImage(image, config, { statistics, odd: force ? "say" : "refuse", narrator });
  // A single image that can't be used is refused before a GPU is looked for.
  const first = isMany ? undefined : await read(tasks[0]!);

  const open = networkOpener(narrator, flags.device);
  using segmenter = await ReopenedSegmenter.open(
    async () => VolumeSegmenter.open(await open(), config, weights, { statistics: flags.statistics }),
    say,
  );
  say(`weights of ${file}`);
  const description = `cmedl ${basename(model.path)}`;
  const segment = (i: number, image: ReadImage): Promise<Prediction["structures"]> =>
    segmenter.use(`from ${tasks[i]!.image}`, (own) =>
      predictOne(own, tasks[i]!, image, writers[i]!, { ...options, description }, narrator),
    );
  if (first) {
    await segment(0, first);
    process.stdout.write(`${output}\n`);
    narrator.end();
  } else {
    const manifest = new PredictionManifest(output, shard);
    await segmentAll(tasks, async (i) => segment(i, await read(tasks[i]!)), manifest, model.path, narrator);
  }
}

/**
 * Segments the images of a folder by `segment`, and records in the manifest what became of each. Throws CommandError at
 * the end where some failed for their data or files, and at once what else ends the command.
 */
async function segmentAll(
  tasks: readonly PredictionTask[],
  segment: (i: number) => Promise<Prediction["structures"]>,
  manifest: PredictionManifest,
  model: string,
  narrator: Narrator,
): Promise<void> {
  const failed: string[] = [];
  const bar = narrator.bar("segmenting", tasks.length);
  for (const [i, task] of tasks.entries()) {
    const started = performance.now();
    try {
      const structures = await segment(i);
      const seconds = (performance.now() - started) / 1000;
      await manifest.add({ ...task, time: now(), model, seconds, structures });
      process.stdout.write(`${task.mask}\n`);
    } catch (error) {
      if (!(error instanceof CmedlError && ["data", "file"].includes(error.code))) throw error;
      failed.push(task.image);
      await manifest.add({ image: task.image, time: now(), failed: error.message });
      narrator.say(`failed: ${error.message}`);
    }
    bar.advance();
  }
  bar.done();
  narrator.end();
  if (failed.length > 0)
    throw new CommandError("data", `${failed.length} of ${tasks.length} images failed: ${failed.join(", ")}`);
}

/** A segmenter that is opened again, on another device, where its own is lost. */
class ReopenedSegmenter {
  readonly #losses: DeviceLosses;
  #segmenter: VolumeSegmenter;

  private constructor(
    readonly open: () => Promise<VolumeSegmenter>,
    segmenter: VolumeSegmenter,
    say: (line: string) => void,
  ) {
    this.#segmenter = segmenter;
    this.#losses = new DeviceLosses(say);
  }

  static async open(open: () => Promise<VolumeSegmenter>, say: (line: string) => void): Promise<ReopenedSegmenter> {
    return new ReopenedSegmenter(open, await open(), say);
  }

  /**
   * What `work` gives, on another device where this one is lost. Throws DeviceLostError where that goes on at `place`.
   */
  async use<T>(place: string, work: (segmenter: VolumeSegmenter) => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work(this.#segmenter);
      } catch (error) {
        if (!this.#losses.allow(error, place)) throw error;
        this.#segmenter.device.dispose();
        this.#segmenter = await this.open();
      }
    }
  }

  [DISPOSE](): void {
    this.#segmenter.device.dispose();
  }
}

/** Throws CommandError where a threshold is given to classes. */
function refuseThreshold(config: TrainConfig, { threshold }: PredictFlags): void {
  if (outputsOf(config) > 1 && threshold !== undefined)
    throw new CommandError(
      "usage",
      `--threshold does not go with the run's classes ${config.data.labels!.join(", ")}: ` +
        "each voxel gets the most probable",
    );
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
  return {
    threshold: Number(threshold),
    ...(crop && { crop }),
    ...(probabilities && { probabilities }),
    ...(fillHoles && { fillHoles }),
    largest: largest === undefined ? undefined : wholeNumber("--largest", largest),
  };
}

const now = (): string => new Date().toISOString();

/** How many images are segmented, of a part and of all. */
function countText(left: number, part: number, all: number): string {
  const of = part < all ? `, of ${part} in this part of ${all}` : "";
  const there = left < part ? `; ${part - left} have their masks` : "";
  return `${left} image${left === 1 ? "" : "s"} to segment${of}${there}`;
}

async function predictOne(
  segmenter: VolumeSegmenter,
  { mask: output }: PredictionTask,
  { stored, ...prepared }: ReadImage,
  write: MaskWriter,
  { description, ...options }: PredictionOptions & { readonly description: string },
  narrator: Narrator,
): Promise<Prediction["structures"]> {
  const { config } = segmenter;
  narrator.say(coverageText(config, prepared.image, options));
  const { mask, probabilities, structures } = await predictVolume(segmenter, stored, prepared, options);
  const files = probabilityFiles(output, config);
  for (const [i, map] of probabilities.entries()) await writeAtomic(files[i]!, writeNifti(map, stored));
  await writeAtomic(output, await write(mask, stored, config, description));
  narrator.say(`${output}: ${structuresText(structures)}`);
  return structures;
}
