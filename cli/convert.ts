// cmedl convert: weights from PyTorch's files, safetensors, checkpoints or runs to a plain state dict, checked
// against a network.
import type { Command } from "commander";
import { type TensorToWrite, toFloat32, writeSafetensors } from "../data/weights/safetensors.ts";
import { writePth } from "../data/weights/pth-write.ts";
import { isModelName, modelNames, networkFor } from "../models/from-state-dict.ts";
import { fromStateDict, toStateDict } from "../models/pytorch.ts";
import { CommandError } from "../node/errors.ts";
import { refuseOverwrite, writeAtomic } from "../node/files.ts";
import { Narrator } from "../node/narrator.ts";
import { inFile, readWeights, widthOf } from "../node/run/weights.ts";

interface ConvertFlags {
  model?: string;
  width?: string;
  key?: string;
  network?: string;
  prefix?: string;
  force?: boolean;
  quiet?: boolean;
}

export function register(command: Command): void {
  command
    .argument("<in>", "a .pth or .pt file, a .safetensors file, a checkpoint, a model.zip, or the folder of a run")
    .argument("<out>", "file to write: .safetensors, or .pth for torch.load")
    .option(
      "--model <name>",
      `check that they are the weights of this network: ${modelNames.join(", ")} (generator and patchgan will do too)`,
    )
    .option("--width <channels>", "channels of the network at full resolution (default: as the tensors' shapes tell)")
    .option(
      "--key <name>",
      "where in a .pth file the state dict stands, e.g. model.generator (default: found if there is one)",
    )
    .option(
      "--network <name>",
      "which network of a checkpoint, run or model.zip: SC, SM, GCM, GMC, DC, DM, … (default: the one that segments)",
    )
    .option(
      "--prefix <text>",
      "what the names of the wanted tensors begin with, to be cut off, e.g. net_G. (default: module., _orig_mod. and " +
        "Lightning's model. are)",
    )
    .option("--force", "overwrite the output if it exists")
    .option("-q, --quiet", "say nothing but errors")
    .addHelpText(
      "after",
      `
Names and layouts are those of the reference networks in PyTorch, on both sides. With --model the
file must hold every tensor of the network with its shape, and no others; values are written as f32.
Without it tensors are copied as they are. Pickles are read without running anything in them; what
they hold beside tensors is left unread.

Examples:
  cmedl convert unet.pth unet.safetensors --model unet    a state dict of the reference U-Net
  cmedl convert vgg19-dcbb9e9d.pth vgg19.safetensors --model vgg19
  cmedl convert runs/first student.safetensors            the student, for load_state_dict
  cmedl convert runs/first translator.pth --network GCM
  cmedl convert model.zip student.pth`,
    )
    .action(convert);
}

async function convert(input: string, output: string, flags: ConvertFlags): Promise<void> {
  const { model, key, network, prefix, force, quiet } = flags;
  const width = widthOf(flags.width);
  const pickled = /\.(pth|pt)$/i.test(output);
  if (!pickled && !/\.safetensors$/i.test(output))
    throw new CommandError("usage", `${output} is no name for weights; end it in .safetensors or .pth`);
  if (model !== undefined && !isModelName(model))
    throw new CommandError("usage", `--model ${model} is no network here; choose one of ${modelNames.join(", ")}`);
  if (width !== undefined && model === undefined)
    throw new CommandError("usage", "--width belongs to a network; name it by --model");
  if (!force) await refuseOverwrite(output, "choose another name, or give --force");
  const narrator = new Narrator({ quiet });
  const { tensors, from } = await readWeights(input, { key, network, prefix, model }, (text) => narrator.say(text));
  const written = model === undefined ? tensors : checked(input, model, tensors, width);
  const left = [...tensors.keys()].filter((n) => !written.has(n));
  const values = [...written.values()].reduce((n, t) => n + t.data.length, 0);
  await writeAtomic(output, pickled ? writePth(written) : writeSafetensors(written));
  narrator.say(`${from}: ${written.size} tensors, ${values} values${leftOutText(left)}`);
  process.stdout.write(`${output}\n`);
}

/** "; 4 left out that the network has no use for (a, b, c …)", or nothing. */
function leftOutText(names: readonly string[]): string {
  if (names.length === 0) return "";
  const shown = `${names.slice(0, 3).join(", ")}${names.length > 3 ? " …" : ""}`;
  return `; ${names.length} left out that the network has no use for (${shown})`;
}

/** The state dict through the network and back: complete, of the right shapes, finite, f32. */
function checked(
  file: string,
  model: string,
  tensors: Awaited<ReturnType<typeof readWeights>>["tensors"],
  width: number | undefined,
): ReadonlyMap<string, TensorToWrite> {
  return inFile(file, () => {
    const dict = new Map([...tensors].map(([name, t]) => [name, { shape: t.shape, data: toFloat32(t) }]));
    const { network } = networkFor(model, dict, width);
    const values = fromStateDict(network, dict);
    return new Map(
      [...toStateDict(network, (v) => values.get(v)!)].map(([name, t]) => [
        name,
        { shape: t.shape, data: t.data as Float32Array<ArrayBuffer> },
      ]),
    );
  });
}
