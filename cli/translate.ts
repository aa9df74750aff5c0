// cmedl translate: an image of the student's modality as the teacher's would show it, as a whole volume.
import type { Command } from "commander";
import { writableFormat, writableNames, writableSuffixes } from "../data/formats/index.ts";
import { fromLps } from "../data/orientation.ts";
import { CommandError } from "../node/errors.ts";
import { refuseOverwrite, writeAtomic } from "../node/files.ts";
import { Narrator } from "../node/narrator.ts";
import { refuseImages } from "../node/run/prediction-files.ts";
import { readImage } from "../node/run/read-image.ts";
import { openTrainedModel } from "../node/run/trained-model.ts";
import { VolumeTranslator, requireTranslator, unitOf } from "../train/volumes/volume-translator.ts";
import { addDeviceFlag, networkOpener } from "./open-device.ts";

interface TranslateFlags {
  output: string;
  force?: boolean;
  device?: string;
  quiet?: boolean;
}

export function register(command: Command): void {
  command
    .argument("<run>", "folder of a training run whose regime translates, such as cmedl, or a model.zip of it")
    .argument("<image>", "image of the student's modality: a file, or the folder of a DICOM series")
    .requiredOption("-o, --output <image>", "NIfTI image to write (.nii or .nii.gz), of 32-bit floats")
    .option("--force", "overwrite the image if it exists, and translate an image unlike those of training");
  addDeviceFlag(command)
    .option("-q, --quiet", "say nothing but errors")
    .addHelpText(
      "after",
      `
The pseudo image lies where the image does, voxel for voxel. Its values are in the teacher's unit where
its images were scaled by a window (HU); where they were scaled by a percentile of each volume, as MR
is, they are from 0 to 1: from the bottom of that range to the percentile. A slice that is larger than
the field of training is translated whole, by fields that overlap and are blended. The checkpoint with
the lowest validation loss is used. DRIT translates in the mean style of the teacher's modality.
Not for diagnostic use.

Example:
  cmedl translate runs/first ct.nii.gz -o pseudo-mr.nii.gz`,
    )
    .action(translate);
}

async function translate(runPath: string, imagePath: string, flags: TranslateFlags): Promise<void> {
  const { output, force } = flags;
  const format = writableFormat(output);
  if (!format)
    throw new CommandError("usage", `-o ${output} is no ${writableNames} name; end it in ${writableSuffixes}`);
  await refuseImages([imagePath], [output]);
  if (!force) await refuseOverwrite(output, "choose another name, or give --force");
  const narrator = new Narrator({ quiet: flags.quiet });
  const model = await openTrainedModel(runPath);
  const { config, statistics } = model;
  requireTranslator(config, model.path);
  const { weights, file } = await model.weights((line) => narrator.say(line));
  const { stored, image, range } = await readImage(imagePath, config, {
    statistics,
    odd: force ? "say" : "refuse",
    narrator,
  });

  using device = await networkOpener(narrator, flags.device)();
  using translator = await VolumeTranslator.open(device, config, weights);
  const pseudo = fromLps(await translator.translate(image, range), stored);
  await writeAtomic(output, format.write(pseudo, stored, output));
  const { teacherIntensity } = config.data;
  const { low, high } = unitOf(teacherIntensity);
  const units = { window: "the teacher's unit", histogram: "the teacher's standard scale" };
  const unit =
    teacherIntensity.kind === "percentile"
      ? `parts of its ${teacherIntensity.percentile} percentile`
      : units[teacherIntensity.kind];
  narrator.say(`${file}: values are from ${low} to ${high}, in ${unit}`);
  process.stdout.write(`${output}\n`);
}
