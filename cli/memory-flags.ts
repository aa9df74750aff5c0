// Flags that say where prepared slices are kept, and how many bytes of them in memory. They shape no result, and so are
// no fields of a configuration.
import type { Command } from "commander";
import { parseBytes } from "../node/bytes.ts";
import { SliceCache } from "../node/dataset/index.ts";
import { CommandError } from "../node/errors.ts";
import type { RunSetsOptions } from "../node/run/sets.ts";

export interface MemoryFlags {
  readonly cache?: string;
  readonly maxMemory?: string;
}

export const addCacheFlag = (command: Command): Command =>
  command.option(
    "--cache <folder>",
    "keep prepared slices there: a case whose files and settings are the same is not prepared again",
  );

export const addMemoryFlags = (command: Command): Command =>
  addCacheFlag(command).option(
    "--max-memory <bytes>",
    "most memory for slices, such as 2GB or 512MiB: larger sets are read from the cache, slice by slice (all in memory)",
  );

/**
 * The cache of slices that come from folders; undefined where none is named. Throws CommandError where the data are
 * phantoms, FileError where it can't be written.
 */
export async function cacheOf(cache: string | undefined, data: string | undefined): Promise<SliceCache | undefined> {
  if (cache === undefined) return undefined;
  if (data === "phantom")
    throw new CommandError("usage", `--cache ${cache}: phantoms are made on the spot and not kept; leave it out`);
  return SliceCache.open(cache);
}

/**
 * What the flags say. `folder` is the cache's where --max-memory needs one and none is named. Throws CommandError,
 * FileError where the cache can't be written.
 */
export async function memoryOptions(
  { cache, maxMemory }: MemoryFlags,
  folder: string | undefined,
): Promise<Pick<RunSetsOptions, "cache" | "maxBytes">> {
  if (maxMemory === undefined) return { cache: cache === undefined ? undefined : await SliceCache.open(cache) };
  const maxBytes = parseBytes(maxMemory);
  if (maxBytes === undefined)
    throw new CommandError("usage", `--max-memory ${maxMemory}: give a number of bytes, such as 2GB or 512MiB`);
  const path = cache ?? folder;
  if (path === undefined)
    throw new CommandError("usage", "--max-memory needs a folder for slices here: name one with --cache");
  return { cache: await SliceCache.open(path), maxBytes };
}
