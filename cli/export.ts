// cmedl export: a trained network for other programs, as an ONNX graph or as a model's file for cmedl/inference; all of
// a run that is used, as a zip.
import type { Command } from "commander";
import { version } from "../package.json";
import { toFloat32 } from "../data/weights/safetensors.ts";
import { type OnnxModel, writeOnnx } from "../models/onnx/file.ts";
import { type Runnable, isModelName, modelNames, networkFor, runnable } from "../models/from-state-dict.ts";
import { exportOnnx } from "../models/onnx/export.ts";
import { foreignNames, fromStateDict } from "../models/pytorch.ts";
import { makeRegime } from "../train/regimes/make.ts";
import { bytesText } from "../report/quantities.ts";
import { CommandError } from "../node/errors.ts";
import { isFolder, refuseOverwrite, writeAtomic } from "../node/files.ts";
import { Narrator } from "../node/narrator.ts";
import { modelFileOf } from "../node/run/model-file.ts";
import { zipOfRun } from "../node/run/models-below.ts";
import { isTrainedModel, openTrainedModel } from "../node/run/trained-model.ts";
import { inFile, readWeights, segmentorAmong, widthOf } from "../node/run/weights.ts";
import { wholeNumber } from "./whole-number.ts";

interface ExportFlags {
  network?: string;
  model?: string;
  width?: string;
  key?: string;
  prefix?: string;
  size?: string;
  licence?: string;
  force?: boolean;
  quiet?: boolean;
}

export function register(command: Command): void {
  command
    .argument("<source>", "folder of a run, a model.zip, or a file of weights with --model")
    .argument(
      "<file>",
      "file to write: .onnx, .safetensors for loadModel of cmedl/inference, or .zip of the whole model",
    )
    .option(
      "--network <name>",
      "which network of the run or zip: SC, SM, GCM, GMC, DC, DM, … (default: the one that segments)",
    )
    .option("--model <name>", `the network that a file of weights is of: ${modelNames.join(", ")}`)
    .option("--width <channels>", "channels of the network at full resolution (default: as the tensors' shapes tell)")
    .option("--key <name>", "where in a .pth file the state dict stands (default: found if there is one)")
    .option("--prefix <text>", "what the names of the network's tensors begin with, to be cut off, e.g. net_G.")
    .option("--size <pixels>", "width and height of the images (default: the run's, or 256)")
    .option("--licence <text>", "what a .zip's card says of how the model may be used (default: not stated)")
    .option("--force", "overwrite the output if it exists")
    .option("-q, --quiet", "say nothing but errors")
    .addHelpText(
      "after",
      `
Inputs and outputs are [N, C, H, W]; the batch N is free where the network allows it. Images are in
[-1, 1] as the run prepared them; a segmentor gives logits. The operators are the standard ones of
opset 18; weights keep PyTorch's names.

A .safetensors file holds the segmentor of a run and what it needs to know of images: size, field,
window, and the structures' values. A page reads it by loadModel and segmentVolume of cmedl/inference,
PyTorch as any state dict.

A .zip holds what is used of a run: config.json (without paths and the ids of cases), weights.safetensors
(segmentors and translators of the best checkpoint), statistics.json and card.md. \`cmedl predict\` and
\`cmedl translate\` take it in place of the run's folder, as this command does for the other two kinds of file,
a page by readModelZip of cmedl/train.

Examples:
  cmedl export runs/first student.onnx
  cmedl export runs/first student.safetensors
  cmedl export runs/first model.zip --licence "CC BY 4.0"
  cmedl export model.zip student.onnx
  cmedl export runs/first translator.onnx --network GCM --size 256
  cmedl export unet.pth unet.onnx --model unet`,
    )
    .action(run);
}

async function run(source: string, output: string, flags: ExportFlags): Promise<void> {
  const { force, quiet, model } = flags;
  const width = widthOf(flags.width);
  const kind = /\.(onnx|safetensors|zip)$/i.exec(output)?.[1]?.toLowerCase();
  if (kind === undefined)
    throw new CommandError("usage", `${output} is no name for a network; end it in .onnx, .safetensors or .zip`);
  if (model !== undefined && !isModelName(model))
    throw new CommandError("usage", `--model ${model} is no network here; choose one of ${modelNames.join(", ")}`);
  const size = flags.size === undefined ? undefined : wholeNumber("--size", flags.size, 1, 4096);
  if (!force) await refuseOverwrite(output, "choose another name, or give --force");
  const narrator = new Narrator({ quiet });
  if (kind === "safetensors") return writeModel(source, output, flags, narrator);
  if (kind === "zip") return writeZip(source, output, flags, narrator);
  if (flags.licence !== undefined) throw new CommandError("usage", "--licence goes with a .zip, whose card says it");
  const { key, network, prefix } = flags;
  const { tensors, from } = await readWeights(source, { key, network, prefix, model }, (text) => narrator.say(text));
  const dict = new Map([...tensors].map(([name, t]) => [name, { shape: t.shape, data: toFloat32(t) }]));
  const { called, name, usual } = await networkOf(source, flags, (wanted) =>
    inFile(source, () => networkFor(wanted, dict, width)),
  );
  const onnx = inFile(source, () => onnxOf(called, dict, size ?? usual, name));
  await writeAtomic(output, writeOnnx(onnx, { name: "cmedl", version }));
  const shown = (values: OnnxModel["inputs"]): string =>
    values.map((v) => `${v.name} [${v.shape.join(", ")}]`).join(", ");
  narrator.say(`${from}: ${onnx.nodes.length} nodes, ${shown(onnx.inputs)} → ${shown(onnx.outputs)}`);
  process.stdout.write(`${output}\n`);
}

/** Writes the segmentor of a run as a model's file. */
async function writeModel(source: string, output: string, flags: ExportFlags, narrator: Narrator): Promise<void> {
  const { quiet: _, force: __, ...others } = flags;
  const [odd] = Object.keys(others);
  if (odd !== undefined)
    throw new CommandError("usage", `--${odd} does not go with a .safetensors file, which is of the run's segmentor`);
  if (!(await isTrainedModel(source))) throw noModel(source);
  const { config } = await openTrainedModel(source);
  const { tensors, from } = await readWeights(source, {}, (text) => narrator.say(text));
  const dict = new Map(
    [...tensors].map(([name, t]) => [name, { shape: t.shape, data: Float32Array.from(toFloat32(t)) }]),
  );
  await writeAtomic(
    output,
    inFile(source, () => modelFileOf(config, dict)),
  );
  narrator.say(`${from}: ${config.networks.segmentor.kind}, ${dict.size} tensors`);
  process.stdout.write(`${output}\n`);
}

/** Writes all of a run that is used as a zip. */
async function writeZip(source: string, output: string, flags: ExportFlags, narrator: Narrator): Promise<void> {
  const { quiet: _, force: __, licence, ...others } = flags;
  const [odd] = Object.keys(others);
  if (odd !== undefined)
    throw new CommandError("usage", `--${odd} does not go with a .zip, which is of all that is used of the run`);
  if (!(await isFolder(source))) {
    if (!(await isTrainedModel(source))) throw noModel(source);
    throw new CommandError("usage", `${source} is a model's zip already: copy it, or name the folder of its run`);
  }
  const onDamaged = (message: string): void => narrator.say(`passed over: ${message}`);
  const { zip, regime, file } = await zipOfRun(source, { licence, onDamaged });
  await writeAtomic(output, zip);
  narrator.say(`${file}: ${regime}, ${bytesText(zip.length)}; not for diagnostic use`);
  process.stdout.write(`${output}\n`);
}

const noModel = (source: string): CommandError =>
  new CommandError(
    "usage",
    `${source} is no folder of a run and no model's zip, which alone say of which images their network is; ` +
      "for weights alone use `cmedl convert`",
  );

/** The network, and the size of image it is used at. */
async function networkOf(
  source: string,
  { network: asked, model }: ExportFlags,
  byModel: (name: string) => Runnable,
): Promise<{ called: Runnable; name: string; usual: number }> {
  if (model !== undefined) return { called: byModel(model), name: model, usual: 256 };
  if (!(await isTrainedModel(source)))
    throw new CommandError(
      "usage",
      `${source} is a file of weights, which does not say what network they are of; name it by --model`,
    );
  const { config } = await openTrainedModel(source);
  const networks = makeRegime(config).networks;
  const name = asked ?? segmentorAmong(Object.keys(networks));
  const network = Object.hasOwn(networks, name) ? networks[name] : undefined;
  if (!network)
    throw new CommandError(
      "usage",
      `the run trains no network ${name}; choose one of ${Object.keys(networks).join(", ")}`,
    );
  return { called: runnable(network), name, usual: config.data.size };
}

function onnxOf(
  { network, inputs, forward }: Runnable,
  dict: ReadonlyMap<string, { shape: readonly number[]; data: Float32Array }>,
  size: number,
  name: string,
): OnnxModel {
  const values = fromStateDict(network, dict);
  const names = new Map(foreignNames(network).map((f) => [f.variable, f.name]));
  try {
    return exportOnnx(forward, inputs(size), { name, names, values: (v) => values.get(v) ?? v.initialData() });
  } catch (error) {
    if (!["shape", "onnx"].includes((error as { code?: string }).code ?? "")) throw error;
    throw new CommandError("usage", `${name} at ${size} × ${size}: ${(error as Error).message}`, { cause: error });
  }
}
