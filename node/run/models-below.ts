// The trained models below a folder: runs that have a checkpoint, and model zips; each as a zip.
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { CommandError } from "../errors.ts";
import { isModelZip, writeModelZip } from "../../train/model-zip.ts";
import { version } from "../../package.json";
import { fileError, readBytes } from "../files.ts";
import { RunFolder } from "./folder.ts";
import { requireField } from "./read-image.ts";
import { inFile } from "./weights.ts";

/** How far below the folder models are looked for: experiments keep theirs in EXPERIMENT/runs/RUN. */
const DEPTH = 4;

/**
 * Paths below a folder, with "/" between, of its runs that have a checkpoint and of its model zips, sorted. Throws
 * FileError.
 */
export async function modelsBelow(folder: string): Promise<string[]> {
  const found: string[] = [];
  const visit = async (within: readonly string[]): Promise<void> => {
    const here = join(folder, ...within);
    const entries = await readdir(here, { withFileTypes: true }).catch((cause: unknown) => {
      throw fileError(here, cause);
    });
    if (within.length > 0 && entries.some(({ name }) => name === "config.yaml")) {
      if (await hasCheckpoint(here)) found.push(within.join("/"));
      return;
    }
    for (const entry of entries) {
      const path = [...within, entry.name];
      if (entry.isDirectory() && path.length <= DEPTH) await visit(path);
      else if (entry.isFile() && /\.zip$/i.test(entry.name) && (await isZipOfModel(join(here, entry.name))))
        found.push(path.join("/"));
    }
  };
  await visit([]);
  return found.sort();
}

const hasCheckpoint = async (run: string): Promise<boolean> =>
  (await readdir(join(run, "checkpoints")).catch(() => [])).some((name) => name.endsWith(".safetensors"));

const isZipOfModel = async (path: string): Promise<boolean> => {
  const bytes = await readBytes(path);
  try {
    return isModelZip(bytes, path);
  } catch {
    return false; // A damaged zip is none.
  }
};

/**
 * The zip of one of the models that `modelsBelow` found. Throws FileError, DataError, and CommandError where it is
 * none.
 */
export async function modelBelow(folder: string, name: string): Promise<Uint8Array<ArrayBuffer>> {
  if (!(await modelsBelow(folder)).includes(name))
    throw new CommandError("usage", `${name} is no model below ${folder}; load the page again`);
  const path = join(folder, ...name.split("/"));
  return /\.zip$/i.test(basename(path)) ? readBytes(path) : (await zipOfRun(path)).zip;
}

/**
 * The zip of a run, by its best checkpoint; `licence` is for its card, `onDamaged` hears of checkpoints that can't be
 * read. Throws FileError and DataError, CommandError where the run was never started.
 */
export async function zipOfRun(
  path: string,
  { licence, onDamaged }: { licence?: string | undefined; onDamaged?: (message: string) => void } = {},
): Promise<{ zip: Uint8Array<ArrayBuffer>; regime: string; file: string }> {
  const run = await RunFolder.open(path);
  const config = await run.readConfig();
  requireField(config, run);
  const { checkpoint, file } = await run.bestOrLatest(onDamaged);
  const facts = { config, statistics: await run.readStatistics(), version, licence };
  return { zip: inFile(file, () => writeModelZip({ ...facts, checkpoint })), regime: config.regime, file };
}
