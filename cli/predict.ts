// cmedl predict: the student of a run segments a CT image; the mask has the image's geometry, as NIfTI or DICOM.
import { basename } from "node:path";
import type { Command } from "commander";
import { type Segment, maskObjects, writeMaskObject } from "../data/formats/dicom-out.ts";
import { writableFormat, writableNames, writableSuffixes } from "../data/formats/index.ts";
import type { Field } from "../data/resample.ts";
import { type Volume, voxelVolumeMm3 } from "../data/volume.ts";
import { type TrainConfig, outputsOf } from "../train/config/config.ts";
import { version } from "../package.json";
import { readSeries, readVolume } from "../node/dataset/index.ts";
import { CommandError } from "../node/errors.ts";
import { refuseOverwrite, writeAtomic } from "../node/files.ts";
import { addDeviceFlag, openDevice } from "./open-device.ts";
import { Narrator } from "../node/narrator.ts";
import { RunFolder } from "../node/run/folder.ts";
import { VolumeSegmenter, fieldsOf, maskOf, maskValues, prepareVolume } from "../node/run/segment.ts";
import { oddImage, tell } from "../node/run/statistics.ts";

interface PredictFlags {
  output: string;
  format?: string;
  force?: boolean;
  statistics?: "running" | "batch";
  threshold?: string;
  crop?: boolean;
  device?: string;
  quiet?: boolean;
}

export function register(command: Command): void {
  command
    .argument("<run>", "folder of a training run")
    .argument("<image>", "image of the student's modality: a file, or the folder of a DICOM series")
    .requiredOption("-o, --output <mask>", `mask to write (${writableSuffixes}, or .dcm with --format)`)
    .option("--format <kind>", `nifti, rtstruct or seg (default: nifti); the last two of a DICOM series alone`)
    .option("--force", "overwrite the mask if it exists, and segment an image unlike those of training")
    .option("--threshold <p>", "probability above which a voxel belongs to the mask (0.5); of one structure only")
    .option("--crop", "segment only the field of training round the centre of each slice; the rest is 0")
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
Not for diagnostic use.

Example:
  cmedl predict runs/first scan.nii.gz -o mask.nii.gz
  cmedl predict runs/first CT-FOLDER -o tumour.dcm --format rtstruct`,
    )
    .action(predict);
}

async function predict(runPath: string, imagePath: string, flags: PredictFlags): Promise<void> {
  const { output, force } = flags;
  const threshold = Number(flags.threshold ?? 0.5);
  const write = maskWriter(output, flags.format ?? "nifti", imagePath);
  if (![undefined, "running", "batch"].includes(flags.statistics))
    throw new CommandError("usage", `--statistics ${String(flags.statistics)} is neither "running" nor "batch"`);
  if (!(threshold > 0 && threshold < 1))
    throw new CommandError("usage", `--threshold ${flags.threshold} is not between 0 and 1`);
  if (!force) await refuseOverwrite(output, "choose another name, or give --force");
  const narrator = new Narrator({ quiet: flags.quiet });
  const run = await RunFolder.open(runPath);
  const config = await run.readConfig();
  const isMulticlass = outputsOf(config) > 1;
  if (isMulticlass && flags.threshold !== undefined)
    throw new CommandError(
      "usage",
      `--threshold does not go with the run's classes ${config.data.labels!.join(", ")}: ` +
        "each voxel gets the most probable",
    );
  const { checkpoint, file } = await run.bestOrLatest((message) => narrator.say(`passed over: ${message}`));
  const stored = await readVolume(imagePath);
  stored.warnings.forEach((w) => narrator.say(w));
  const { image, range } = prepareVolume(stored, config, imagePath);
  const statistics = await run.readStatistics();
  if (statistics) tell(oddImage(image, range, imagePath, statistics), force ? "say" : "refuse", narrator);
  if (config.data.fieldMm === null)
    throw new CommandError(
      "config",
      `${run.path}/config.yaml: data.fieldMm: is null; put back the file that \`cmedl train\` wrote`,
    );

  using device = await openDevice(narrator, flags.device);
  using segmenter = await VolumeSegmenter.open(device, config, checkpoint, flags.statistics);
  narrator.say(coverage(config, image, flags));
  const classes = await segmenter.segment(image, range, { threshold, crop: flags.crop });

  const mask = maskOf(classes, stored, config);
  await writeAtomic(output, await write(mask, stored, config, `cmedl ${basename(run.path)}`));
  const voxelMl = voxelVolumeMm3(image.affine) / 1000;
  const structures = maskValues(config)
    .slice(1)
    .map((value, i) => {
      const voxels = classes.reduce((count, k) => count + +(k === i + 1), 0);
      const label = isMulticlass ? `label ${value}: ` : "";
      return `${label}${voxels} voxels, ${(voxels * voxelMl).toFixed(1)} ml`;
    });
  narrator.say(`${file}: ${structures.join("; ")}`);
  process.stdout.write(`${output}\n`);
}

/** A mask in the order of `stored` as the bytes of a file; `description` names what made it. */
type MaskWriter = (
  mask: ReturnType<typeof maskOf>,
  stored: Volume,
  config: TrainConfig,
  description: string,
) => Promise<Uint8Array>;

/** How a mask is written as `kind` to a file of that name. Throws CommandError where the two do not go together. */
function maskWriter(output: string, kind: string, imagePath: string): MaskWriter {
  if (kind === "nifti") {
    const format = writableFormat(output);
    if (format) return async (mask, stored) => format.write(mask, stored, output);
    const mend = /\.dcm$/i.test(output) ? "give --format rtstruct or seg, or end" : "end";
    throw new CommandError("usage", `-o ${output} is no ${writableNames} name; ${mend} it in ${writableSuffixes}`);
  }
  const object = maskObjects.find((o) => o === kind);
  if (!object) throw new CommandError("usage", `--format ${kind} is none of nifti, ${maskObjects.join(", ")}`);
  if (!/\.dcm$/i.test(output)) throw new CommandError("usage", `-o ${output} is no DICOM name; end it in .dcm`);
  // What the series lacks is found before the work is done.
  const series = readSeries(imagePath);
  series.catch(() => {});
  return async (mask, _, config, description) =>
    writeMaskObject(object, mask, await series, segmentsOf(config), { version, description, date: new Date() });
}

const colours = [
  [230, 25, 75],
  [60, 180, 75],
  [0, 130, 200],
  [255, 225, 25],
  [145, 30, 180],
  [70, 240, 240],
] as const;

/** The structures of a configuration's masks. */
const segmentsOf = (config: TrainConfig): Segment[] =>
  maskValues(config)
    .slice(1)
    .map((value, i) => ({
      name: outputsOf(config) > 1 ? `label ${value}` : "tumour",
      value,
      rgb: colours[i % colours.length]!,
    }));

/** What of each slice is segmented, for the user. */
function coverage(
  config: TrainConfig,
  image: Pick<Volume, "shape" | "spacingMm">,
  { crop = false }: PredictFlags,
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
