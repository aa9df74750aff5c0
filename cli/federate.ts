// cmedl federate average: the weights of several sites as one file, which each site starts its next round from.
import type { Command } from "commander";
import { type SiteWeights, averageWeights } from "../data/weights/average.ts";
import { writeSafetensors } from "../data/weights/safetensors.ts";
import { CommandError } from "../node/errors.ts";
import { isFolder, refuseOverwrite, writeAtomic } from "../node/files.ts";
import { Narrator } from "../node/narrator.ts";
import { RunFolder } from "../node/run/folder.ts";
import { readWeights } from "../node/run/weights.ts";

interface AverageFlags {
  output: string;
  weights?: string;
  network?: string;
  force?: boolean;
  quiet?: boolean;
}

export function register(command: Command): void {
  command
    .command("average")
    .description("Average the weights of sites, each by its share: federated averaging.")
    .argument("<site...>", "a run's folder, a .safetensors file, a checkpoint or a model.zip of each site")
    .requiredOption("-o, --output <file>", "the .safetensors file to write")
    .option(
      "--weights <numbers>",
      "how much each site counts, as 120,80; or `cases`: by the number of cases that its run trains on (default: alike)",
    )
    .option("--network <name>", "which network of runs: SC, SM, GCM, … (default: the one that segments)")
    .option("--force", "overwrite the output if it exists")
    .option("-q, --quiet", "say nothing but errors")
    .addHelpText(
      "after",
      `
Of a run it takes the best checkpoint, as \`cmedl train --init\` does. All sites must have the same
tensors. The mean is summed in 64 bits and written in the type that the tensors have; running
statistics of norms are averaged too. Whole numbers have no mean: they must be equal, but for
num_batches_tracked, of which the largest stays. Metadata stay where all sites have the same.

Examples:
  cmedl train --student SITE-A --preset ct-only --out a1 --set optimization.proximal=0.01
  cmedl federate average a1 b1 --weights cases -o round1.safetensors
  cmedl train --student SITE-A --preset ct-only --out a2 --init round1.safetensors`,
    )
    .action(average);
}

async function average(paths: readonly string[], flags: AverageFlags): Promise<void> {
  const { output, network, force, quiet } = flags;
  if (!/\.safetensors$/i.test(output))
    throw new CommandError("usage", `--output ${output} is no name for weights; end it in .safetensors`);
  const shares = await sharesOf(paths, flags.weights);
  if (!force) await refuseOverwrite(output, "choose another name, or give --force");
  const narrator = new Narrator({ quiet });
  const all = shares.reduce((n, share) => n + share, 0);
  const sites: SiteWeights[] = [];
  for (const [i, path] of paths.entries()) {
    // Names stay as they are: other programs read the file by them.
    const read = await readWeights(path, { network, prefix: "" }, (text) => narrator.say(text));
    const weight = shares[i]!;
    narrator.say(`${read.from}: ${read.tensors.size} tensors, ${((100 * weight) / all).toFixed(1)} % of the mean`);
    sites.push({ file: path, tensors: read.tensors, metadata: read.metadata, weight });
  }
  const [first, ...others] = sites as [SiteWeights, ...SiteWeights[]];
  const { tensors, metadata } = averageWeights([first, ...others]);
  const lost = [...new Set(sites.flatMap((site) => [...site.metadata.keys()]))].filter((key) => !metadata.has(key));
  if (lost.length > 0) narrator.say(`metadata left out, for sites differ in it: ${lost.join(", ")}`);
  await writeAtomic(output, writeSafetensors(tensors, metadata));
  process.stdout.write(`${output}\n`);
}

/** How much each site counts. Throws CommandError where --weights does not say it of each. */
async function sharesOf(paths: readonly string[], text: string | undefined): Promise<readonly number[]> {
  if (text === undefined) return paths.map(() => 1);
  if (text === "cases") return Promise.all(paths.map(casesOf));
  const numbers = text.split(",").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
  const bad = numbers.findIndex((n) => !(Number.isFinite(n) && n > 0));
  if (bad >= 0)
    throw new CommandError(
      "usage",
      `--weights ${text}: number ${bad + 1} is none above 0; give one for each site, as 120,80, or cases`,
    );
  if (numbers.length !== paths.length)
    throw new CommandError(
      "usage",
      `--weights ${text} has ${numbers.length} numbers for ${paths.length} sites; give one for each, in their order`,
    );
  return numbers;
}

/** How many cases train the student of a run. */
async function casesOf(path: string): Promise<number> {
  if (!(await isFolder(path)))
    throw new CommandError(
      "usage",
      `${path} is no run, so it does not say how many cases trained it; give numbers: --weights 120,80`,
    );
  const { studentTrain } = (await (await RunFolder.open(path)).readConfig()).cases;
  if (studentTrain.length === 0)
    throw new CommandError("usage", `${path}: its config.yaml names no case that trains; give numbers by --weights`);
  return studentTrain.length;
}
