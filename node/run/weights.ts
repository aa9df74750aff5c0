// Weights in whatever form a user has them: PyTorch's .pth or .pt, safetensors, a checkpoint of ours, a run's folder.
import { stat } from "node:fs/promises";
import { DataError } from "../../data/errors.ts";
import { readWeightFile } from "../../data/weights/index.ts";
import type { SafetensorsTensor } from "../../data/weights/safetensors.ts";
import { readCheckpoint } from "../../train/checkpoint.ts";
import { CommandError } from "../errors.ts";
import { readBytes } from "../files.ts";
import { RunFolder } from "./folder.ts";

export interface Weights {
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>;
  /** What they were taken from, for the narration. */
  readonly from: string;
}

export interface WeightsOptions {
  /** Where in a .pth file the state dict stands. */
  key?: string;
  /** Which network of a checkpoint or run. */
  network?: string;
}

/** Whether the path is a folder, and so a run. */
export async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

/**
 * The tensors of a file or of the best checkpoint of a run, under their own names but for a "module." that
 * DataParallel puts before all. Throws DataError, FileError, and CommandError for a network that a checkpoint does
 * not hold.
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
  const { tensors, key, metadata } = readWeightFile(bytes, path, options.key);
  if (!metadata.get("format")?.startsWith("cmedl-checkpoint"))
    return { tensors: withoutModule(tensors), from: key ? `${path}, ${key}` : path };
  await readCheckpoint(bytes, path); // verifies its digest
  const others = ["optimizer", "pool", "average"];
  const names = [...new Set([...tensors.keys()].map((n) => n.split(".", 1)[0]!))].filter((n) => !others.includes(n));
  const network = options.network ?? segmentorAmong(names);
  if (!names.includes(network))
    throw new CommandError("usage", `${path} holds no network ${network}; choose one of ${names.join(", ")}`);
  // Where weights have a moving average, that is what was validated.
  const average = `average.${network}.`;
  const prefix = [...tensors.keys()].some((n) => n.startsWith(average)) ? average : `${network}.`;
  return {
    tensors: new Map([...tensors].filter(([n]) => n.startsWith(prefix)).map(([n, t]) => [n.slice(prefix.length), t])),
    from: `${path}, ${prefix.slice(0, -1)}`,
  };
}

/** The network of a run that segments: its student, or the one segmentor of pseudo MR. */
export const segmentorAmong = (names: readonly string[]): string => (names.includes("SC") ? "SC" : "S");

function withoutModule(tensors: ReadonlyMap<string, SafetensorsTensor>): ReadonlyMap<string, SafetensorsTensor> {
  const prefix = "module.";
  return tensors.size > 0 && [...tensors.keys()].every((n) => n.startsWith(prefix))
    ? new Map([...tensors].map(([n, t]) => [n.slice(prefix.length), t]))
    : tensors;
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
