// cmedl export: a trained network for other programs, as an ONNX graph or as a model's file for cmedl/inference.
import type { Command } from "commander";
import { version } from "../package.json";
import { toFloat32 } from "../data/weights/safetensors.ts";
import { type OnnxModel, writeOnnx } from "../models/onnx/file.ts";
import { type Runnable, isModelName, modelNames, networkFor, runnable } from "../models/from-state-dict.ts";
import { exportOnnx } from "../models/onnx/export.ts";
import { foreignNames, fromStateDict } from "../models/pytorch.ts";
import { makeRegime } from "../train/regimes/make.ts";
import { CommandError } from "../node/errors.ts";
import { refuseOverwrite, writeAtomic } from "../node/files.ts";
import { Narrator } from "../node/narrator.ts";
import { RunFolder } from "../node/run/folder.ts";
import { modelFileOf } from "../node/run/model-file.ts";
import { requireField } from "../node/run/read-image.ts";
import { inFile, isFolder, readWeights, segmentorAmong, widthOf } from "../node/run/weights.ts";

interface ExportFlags {
  network?: string;
  model?: string;
  width?: string;
  key?: string;
  prefix?: string;
  size?: string;
  force?: boolean;
  quiet?: boolean;
}

export function register(command: Command): void {
  command
    .argument("<source>", "folder of a run, or a file of weights with --model")
    .argument("<file>", "file to write: .onnx, or .safetensors for loadModel of cmedl/inference")
    .option(
      "--network <name>",
      "which network of the run: SC, SM, GCM, GMC, DC, DM, … (default: the one that segments)",
    )
    .option("--model <name>", `the network that a file of weights is of: ${modelNames.join(", ")}`)
    .option("--width <channels>", "channels of the network at full resolution (default: as the tensors' shapes tell)")
    .option("--key <name>", "where in a .pth file the state dict stands (default: found if there is one)")
    .option("--prefix <text>", "what the names of the network's tensors begin with, to be cut off, e.g. net_G.")
    .option("--size <pixels>", "width and height of the images (default: the run's, or 256)")
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

Examples:
  cmedl export runs/first student.onnx
  cmedl export runs/first student.safetensors
  cmedl export runs/first translator.onnx --network GCM --size 256
  cmedl export unet.pth unet.onnx --model unet`,
    )
    .action(run);
}

async function run(source: string, output: string, flags: ExportFlags): Promise<void> {
  const { force, quiet, model } = flags;
  const width = widthOf(flags.width);
  const asModel = /\.safetensors$/i.test(output);
  if (!asModel && !/\.onnx$/i.test(output))
    throw new CommandError("usage", `${output} is no name for a network; end it in .onnx or .safetensors`);
  if (model !== undefined && !isModelName(model))
    throw new CommandError("usage", `--model ${model} is no network here; choose one of ${modelNames.join(", ")}`);
  const size = flags.size === undefined ? undefined : Number(flags.size);
  if (size !== undefined && !(Number.isInteger(size) && size >= 1 && size <= 4096))
    throw new CommandError("usage", `--size ${flags.size} is no whole number from 1 to 4096`);
  if (!force) await refuseOverwrite(output, "choose another name, or give --force");
  const narrator = new Narrator({ quiet });
  if (asModel) return writeModel(source, output, flags, narrator);
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
  if (!(await isFolder(source)))
    throw new CommandError(
      "usage",
      `${source} is no folder of a run, which alone says of which images its network is; ` +
        "for weights alone use `cmedl convert`",
    );
  const run = await RunFolder.open(source);
  const config = await run.readConfig();
  requireField(config, run);
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

/** The network, and the size of image it is used at. */
async function networkOf(
  source: string,
  { network: asked, model }: ExportFlags,
  byModel: (name: string) => Runnable,
): Promise<{ called: Runnable; name: string; usual: number }> {
  if (model !== undefined) return { called: byModel(model), name: model, usual: 256 };
  if (!(await isFolder(source)))
    throw new CommandError(
      "usage",
      `${source} is a file of weights, which does not say what network they are of; name it by --model`,
    );
  const folder = await RunFolder.open(source);
  const config = await folder.readConfig();
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
