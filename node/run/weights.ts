// Weights in whatever form a user has them: PyTorch's .pth or .pt, safetensors, a checkpoint of ours, a run's folder, a
// model's zip.
import { DataError, printable } from "../../data/errors.ts";
import { readWeightFile } from "../../data/weights/index.ts";
import type { SafetensorsTensor } from "../../data/weights/safetensors.ts";
import { readCheckpoint } from "../../train/checkpoint.ts";
import { isModelZip, readModelZip } from "../../train/model-zip.ts";
import { CommandError } from "../errors.ts";
import { isFolder, readBytes } from "../files.ts";
import { RunFolder } from "./folder.ts";
import { hasKnownNames, under, unwrapped } from "./wrapped-names.ts";

export interface Weights {
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>;
  /** What they were taken from, for the narration. */
  readonly from: string;
  /** What a file of weights says of itself; empty where they are of a run, a checkpoint or a zip. */
  readonly metadata: ReadonlyMap<string, string>;
}

export interface WeightsOptions {
  /** Where in a .pth file the state dict stands. */
  key?: string;
  /** Which network of a checkpoint or run. */
  network?: string;
  /** What the names of the wanted tensors begin with; it is cut, and the other tensors are left out. */
  prefix?: string;
  /** The network that the weights are for, where that is known: it tells what of a name is a wrapper's. */
  model?: string;
}

/**
 * The tensors of a file, of a model's zip, or of the best checkpoint of a run, under their own names but for what
 * wrappers put before them (`unwrapped`). `say` hears what was cut or left unread. Throws DataError, FileError, and
 * CommandError for a network that a checkpoint or zip does not hold.
 */
export async function readWeights(
  path: string,
  options: WeightsOptions = {},
  say: (text: string) => void = () => {},
): Promise<Weights> {
  if (await isFolder(path)) {
    const run = await RunFolder.open(path);
    const { file } = await run.bestOrLatest((message) => say(`passed over: ${message}`));
    return readWeights(file, options, say);
  }
  const bytes = await readBytes(path);
  if (isModelZip(bytes, path)) {
    const { tensors } = readModelZip(bytes, path);
    const network = networkAmong(tensors.keys(), options.network, path);
    const typed = [...tensors].map(([name, { shape, data }]): [string, SafetensorsTensor] => [
      name,
      { dtype: "F32", shape, data: Float32Array.from(data) },
    ]);
    return { tensors: under(new Map(typed), `${network}.`), from: `${path}, ${network}`, metadata: new Map() };
  }
  const { tensors, key, metadata, unread } = readWeightFile(bytes, path, options.key);
  if (unread.length) say(`${path}: left unread, and nothing was run: ${printable(unread.join(", "))}`);
  if (!metadata.get("format")?.startsWith("cmedl-checkpoint")) {
    const { tensors: named, cut } = plainNames(path, tensors, options);
    if (cut) say(`${path}: names are read without ${cut}`);
    return { tensors: named, from: key ? `${path}, ${key}` : path, metadata };
  }
  await readCheckpoint(bytes, path); // verifies its digest
  const network = networkAmong(tensors.keys(), options.network, path);
  // Where weights have a moving average, that is what was validated.
  const average = `average.${network}.`;
  const prefix = [...tensors.keys()].some((n) => n.startsWith(average)) ? average : `${network}.`;
  return {
    tensors: new Map([...tensors].filter(([n]) => n.startsWith(prefix)).map(([n, t]) => [n.slice(prefix.length), t])),
    from: `${path}, ${prefix.slice(0, -1)}`,
    metadata: new Map(),
  };
}

/** The network that is asked for, else the one that segments, among tensors' names. Throws CommandError. */
function networkAmong(tensors: Iterable<string>, asked: string | undefined, path: string): string {
  const others = ["optimizer", "pool", "average"];
  const names = [...new Set([...tensors].map((n) => n.split(".", 1)[0]!))].filter((n) => !others.includes(n));
  const network = asked ?? segmentorAmong(names);
  if (!names.includes(network))
    throw new CommandError("usage", `${path} holds no network ${network}; choose one of ${names.join(", ")}`);
  return network;
}

/** The network of a run that segments: its student, or the one segmentor of pseudo MR. */
export const segmentorAmong = (names: readonly string[]): string => (names.includes("SC") ? "SC" : "S");

/** The tensors under the names that a network has: what --prefix says is cut, else what wrappers are known for. */
function plainNames(
  path: string,
  tensors: Weights["tensors"],
  { prefix, model }: WeightsOptions,
): { tensors: Weights["tensors"]; cut: string } {
  if (prefix === undefined) return unwrapped(tensors, (named) => hasKnownNames(named, model));
  const found = under(tensors, prefix);
  if (found.size > 0) return { tensors: found, cut: prefix };
  const names = printable([...tensors.keys()].slice(0, 3).join(", "));
  throw new DataError(path, "tensors", `no name begins with ${prefix}: ${names} …`, "give another --prefix");
}

/** A width given on the command line. */
export function widthOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const width = Number(text);
  if (!Number.isInteger(width) || width < 1) throw new CommandError("usage", `--width ${text} is no whole number ≥ 1`);
  return width;
}

/** Says which file a mistake in its weights is in. */
export function inFile<T>(path: string, f: () => T): T {
  try {
    return f();
  } catch (error) {
    if ((error as { code?: string }).code !== "state-dict") throw error;
    throw new DataError(
      path,
      "tensors",
      (error as Error).message,
      "check --model, or give the state dict of that network",
      { cause: error },
    );
  }
}
