// cmedl predict: the student of a run segments a CT image; the mask has the image's geometry.
import type { Command } from "commander";
import { fromLps, toLps } from "../data/orientation.ts";
import { rangeOf } from "../data/intensity.ts";
import { formatNames, formatSuffixes, writableFormat } from "../data/formats/index.ts";
import { outputsOf } from "../train/config/config.ts";
import { readVolume } from "../node/dataset/index.ts";
import { CommandError } from "../node/errors.ts";
import { refuseOverwrite, writeAtomic } from "../node/files.ts";
import { openDevice } from "./open-device.ts";
import { Narrator } from "../node/narrator.ts";
import { RunFolder } from "../node/run/folder.ts";
import { VolumeSegmenter } from "../node/run/segment.ts";

interface PredictFlags {
  output: string;
  force?: boolean;
  statistics?: "running" | "batch";
  threshold?: string;
  device?: string;
  quiet?: boolean;
}

export function register(command: Command): void {
  command
    .argument("<run>", "folder of a training run")
    .argument("<image>", "NIfTI image of the student's modality")
    .requiredOption("-o, --output <mask>", "NIfTI mask to write (.nii or .nii.gz)")
    .option("--force", "overwrite the mask if it exists")
    .option("--threshold <p>", "probability above which a voxel belongs to the mask (0.5); of one structure only")
    .option(
      "--statistics <which>",
      'batch norm by the "running" averages of training, or of each "batch" of four slices (as the run is configured)',
    )
    .option(
      "--device <name>",
      'part of an adapter\'s name, "software" or "swiftshader" (default: CMEDL_DEVICE, else the fastest)',
    )
    .option("-q, --quiet", "say nothing but errors")
    .addHelpText(
      "after",
      "\nThe checkpoint with the lowest validation loss is used. Not for diagnostic use.\n\nExample:\n  cmedl predict runs/first scan.nii.gz -o mask.nii.gz",
    )
    .action(predict);
}

async function predict(runPath: string, imagePath: string, flags: PredictFlags): Promise<void> {
  const { output, force } = flags;
  const threshold = Number(flags.threshold ?? 0.5);
  const format = writableFormat(output);
  if (!format) throw new CommandError("usage", `-o ${output} is no ${formatNames} name; end it in ${formatSuffixes}`);
  if (![undefined, "running", "batch"].includes(flags.statistics))
    throw new CommandError("usage", `--statistics ${String(flags.statistics)} is neither "running" nor "batch"`);
  if (!(threshold > 0 && threshold < 1))
    throw new CommandError("usage", `--threshold ${flags.threshold} is not between 0 and 1`);
  if (!force) await refuseOverwrite(output, "choose another name, or give --force");
  const narrator = new Narrator({ quiet: flags.quiet });
  const run = await RunFolder.open(runPath);
  const config = await run.readConfig();
  const {
    data: { fieldMm, labels, studentIntensity },
  } = config;
  const outputs = outputsOf(config);
  if (outputs > 1 && flags.threshold !== undefined)
    throw new CommandError(
      "usage",
      `--threshold does not go with the run's classes ${labels!.join(", ")}: each voxel gets the most probable`,
    );
  const { checkpoint, file } = await run.bestOrLatest((message) => narrator.say(`passed over: ${message}`));
  const stored = await readVolume(imagePath);
  stored.warnings.forEach((w) => narrator.say(w));
  const image = toLps(stored);
  const range = rangeOf(studentIntensity, image.data, imagePath);
  if (fieldMm === null)
    throw new CommandError(
      "config",
      `${run.path}/config.yaml: data.fieldMm: is null; put back the file that \`cmedl train\` wrote`,
    );

  using device = await openDevice(narrator, flags.device);
  using segmenter = await VolumeSegmenter.open(device, config, checkpoint, flags.statistics);
  const mask = await segmenter.segment(image, range, threshold);

  // The masks' own values again, where the run was given them.
  const values = labels === null ? [0, 1] : [0, ...labels];
  const written = values.some((v) => v > 255) ? Int16Array.from(mask, (c) => values[c]) : mask.map((c) => values[c]);
  await writeAtomic(output, format.write(fromLps(written, stored), stored, output));
  const ml = (voxels: number): string =>
    `${((voxels * image.spacingMm[0] * image.spacingMm[1] * image.spacingMm[2]) / 1000).toFixed(1)} ml`;
  const counts = values.slice(1).map((value, k) => ({ value, voxels: mask.reduce((s, c) => s + +(c === k + 1), 0) }));
  narrator.say(
    `${file}: ${counts.map(({ value, voxels }) => `${outputs > 1 ? `label ${value}: ` : ""}${voxels} voxels, ${ml(voxels)}`).join("; ")}`,
  );
  process.stdout.write(`${output}\n`);
}
