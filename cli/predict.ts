// cmedl predict: the student of a run segments a CT image; the mask has the image's geometry.
import type { Command } from "commander";
import { fromLps, toLps } from "../data/orientation.ts";
import { rangeOf } from "../data/intensity.ts";
import { writeNifti } from "../data/nifti.ts";
import { imageSlice, placePrediction } from "../data/slices.ts";
import { sigmoid } from "../engine/index.ts";
import { setInferenceStatistics } from "../models/blocks.ts";
import { fromStateDict } from "../models/pytorch.ts";
import { UNet } from "../models/unet.ts";
import { stateDictOf } from "../train/checkpoint.ts";
import { segmentSlices } from "../train/validation.ts";
import { readVolume } from "./dataset.ts";
import { CommandError } from "./exit.ts";
import { refuseOverwrite, writeAtomic } from "./files.ts";
import { openDevice } from "./open-device.ts";
import { Narrator } from "./progress.ts";
import { RunFolder } from "./run-folder.ts";
import { parseConfig } from "./train-config.ts";

interface PredictFlags {
  output: string;
  force?: boolean;
  statistics: "running" | "batch";
  threshold: string;
  device?: string;
  quiet?: boolean;
}

const BATCH = 4;

export function register(command: Command): void {
  command
    .argument("<run>", "folder of a training run")
    .argument("<image>", "NIfTI image of the student's modality")
    .requiredOption("-o, --output <mask>", "NIfTI mask to write (.nii or .nii.gz)")
    .option("--force", "overwrite the mask if it exists")
    .option("--threshold <p>", "probability above which a voxel belongs to the mask", "0.5")
    .option("--statistics <which>", "batch norm by the \"running\" averages of training, or of each \"batch\" of four slices", "running")
    .option("--device <name>", "part of an adapter's name, \"software\" or \"swiftshader\" (default: CMEDL_DEVICE, else the fastest)")
    .option("-q, --quiet", "say nothing but errors")
    .addHelpText("after", "\nThe best checkpoint by validation Dice is used. Not for diagnostic use.\n\nExample:\n  cmedl predict runs/first scan.nii.gz -o mask.nii.gz")
    .action(predict);
}

async function predict(runPath: string, imagePath: string, flags: PredictFlags): Promise<void> {
  const { output, force, statistics } = flags;
  const threshold = Number(flags.threshold);
  if (!/\.nii(\.gz)?$/i.test(output)) throw new CommandError("usage", `-o ${output} is no NIfTI name; end it in .nii or .nii.gz`);
  if (statistics !== "running" && statistics !== "batch") throw new CommandError("usage", `--statistics ${String(statistics)} is neither "running" nor "batch"`);
  if (!(threshold > 0 && threshold < 1)) throw new CommandError("usage", `--threshold ${flags.threshold} is not between 0 and 1`);
  if (!force) await refuseOverwrite(output, "choose another name, or give --force");
  const narrator = new Narrator({ quiet: flags.quiet });
  const run = await RunFolder.open(runPath);
  const config = parseConfig(await run.readConfig(), `${run.path}/config.json`);
  const { checkpoint, file } = await run.bestOrLatest((message) => narrator.say(`passed over: ${message}`));
  const stored = await readVolume(imagePath);
  stored.warnings.forEach((w) => narrator.say(w));
  const image = toLps(stored);
  const range = rangeOf(config.studentIntensity, image.data, imagePath);
  const { grid } = config, depth = image.shape[2], n = grid.size ** 2;
  const slices = new Float32Array(depth * n);
  for (let z = 0; z < depth; z++) imageSlice(image, z, range, grid, slices, z * n);

  using device = await openDevice(narrator, flags.device);
  const student = new UNet({ width: config.width.segmentor });
  setInferenceStatistics(student, statistics);
  for (const [variable, data] of fromStateDict(student, stateDictOf(checkpoint.tensors, "SC"))) variable.setInitial(data);
  using program = await device.compile(({ x }) => ({ probability: sigmoid(student.forward(x).logits) }), { x: [BATCH, grid.size, grid.size, 1] }, { name: "predict" });
  const probability = await segmentSlices(program, slices, grid.size, BATCH);

  const mask = new Uint8Array(image.data.length);
  for (let z = 0; z < depth; z++) placePrediction(probability.subarray(z * n, (z + 1) * n), image, z, grid, mask, threshold);
  await writeAtomic(output, writeNifti(fromLps(mask, stored), stored, { gzip: /\.gz$/i.test(output) }));
  const voxels = mask.reduce((s, v) => s + v, 0);
  const ml = (voxels * image.spacingMm[0] * image.spacingMm[1] * image.spacingMm[2]) / 1000;
  narrator.say(`${file}: ${voxels} voxels, ${ml.toFixed(1)} ml`);
  process.stdout.write(`${output}\n`);
}
