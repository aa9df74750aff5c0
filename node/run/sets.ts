// The slices of a run from files, by the ids of its configuration: in memory, or on disk where they are larger than may
// be.
import { freemem } from "node:os";
import { type Slices, bytesOfSlices } from "../../data/slices.ts";
import { DISPOSE } from "../../engine/index.ts";
import type { TrainConfig } from "../../train/config/config.ts";
import { type SetToRead, type TrainingSets, type TrainingSources, makeSets } from "../../train/run/sets.ts";
import type { RunStatistics } from "../../train/statistics.ts";
import { bytesText } from "../../report/quantities.ts";
import { CachedSlices, type SliceCache, type SliceLoadOptions } from "../dataset/index.ts";
import { CommandError } from "../errors.ts";
import type { Narrator } from "../narrator.ts";
import { type Oddness, tellOdd } from "./odd-images.ts";
import type { Source } from "./source.ts";

/** What a run trains on and is validated by: in memory, or on disk where it is larger than may be. */
export interface RunSets extends TrainingSets {
  /** Of the slices that are in memory. */
  readonly bytesInMemory: number;
  /** Closes the files of slices that stay on disk, which can't be read then. */
  [DISPOSE](): void;
}

export type RunSources = TrainingSources<Source>;

export interface RunSetsOptions {
  /** What is done with images that are plainly not what they are taken for. Default "refuse". */
  readonly odd?: Oddness;
  /** What the run's images were like when it began, which is then what they are compared with. */
  readonly before?: RunStatistics | undefined;
  /** Where prepared slices are kept for the next time. */
  readonly cache?: SliceCache | undefined;
  /** The most bytes of slices in memory: sets of more stay in the cache, and are read slice by slice. */
  readonly maxBytes?: number | undefined;
}

/**
 * Reads the cases that `config.cases` names, one volume in memory at a time. Throws CommandError where `maxBytes` is
 * given without a cache; DataError where a case is gone, a file is wrong, every mask is empty, student and teacher call
 * a label that is wanted by two names, or images are plainly not in the unit that they are taken for; FileError where
 * the cache can't be written.
 */
export async function loadRunSets(
  config: TrainConfig,
  sources: RunSources,
  narrator: Narrator,
  { odd = "refuse", before, cache, maxBytes }: RunSetsOptions = {},
): Promise<RunSets> {
  if (maxBytes !== undefined && !cache)
    throw new CommandError("usage", "slices can't be kept out of memory without a cache; name its folder");
  const room = new Room(narrator);
  const onDisk: CachedSlices[] = [];
  const earlier = { found: cache?.found ?? 0, made: cache?.made ?? 0 };
  const close = (): void => {
    for (const slices of onDisk) slices.close();
  };
  const read = async ({ what, source, ids, options }: SetToRead<Source>): Promise<Slices> => {
    const bar = narrator.bar(`reading ${what}`, ids.length);
    const told: SliceLoadOptions = {
      ...options,
      onProgress: ({ id, bytes }) => {
        bar.advance(id);
        if (maxBytes === undefined) room.judge(what, bytes);
      },
      onWarning: (message) => narrator.say(message),
    };
    try {
      if (!cache || !source.cacheSlices) return await source.loadSlices(ids, told);
      const slices = await source.cacheSlices(ids, cache, told);
      onDisk.push(slices);
      return slices;
    } finally {
      bar.done();
    }
  };
  try {
    const made = await makeSets(config, sources, {
      before,
      read,
      onOdd: (found, { name }) => tellOdd(name, found, odd, narrator),
    });
    const bytes = [made.student, made.teacher, made.validation].reduce(
      (sum, set) => sum + (set ? bytesOfSlices(set) : 0),
      0,
    );
    const isStreamed = maxBytes !== undefined && bytes > maxBytes;
    const placed = (slices: Slices): Slices =>
      slices instanceof CachedSlices && !isStreamed ? slices.inMemory() : slices;
    const sets = {
      student: placed(made.student),
      teacher: made.teacher && placed(made.teacher),
      validation: placed(made.validation),
    };
    if (cache) narrator.say(await cacheText(cache, earlier, bytes, isStreamed));
    return { ...made, ...sets, bytesInMemory: isStreamed ? 0 : bytes, [DISPOSE]: close };
  } catch (error) {
    close();
    throw error;
  }
}

/** "slices: 3 of 10 cases were prepared before; 1.5 GiB, read from disk as they are needed; DIR holds 4.2 GiB". */
async function cacheText(
  cache: SliceCache,
  earlier: { readonly found: number; readonly made: number },
  bytes: number,
  isStreamed: boolean,
): Promise<string> {
  const found = cache.found - earlier.found;
  const made = cache.made - earlier.made;
  const where = isStreamed ? "read from disk as they are needed" : "in memory";
  return (
    `slices: ${found} of ${found + made} cases were prepared before; ${bytesText(bytes)}, ${where}; ` +
    `${cache.folder} holds ${bytesText(await cache.bytes())} and may be deleted`
  );
}

/** Tells, once, of slices in memory that take more than half of what is free. */
class Room {
  readonly #free = process.availableMemory?.() ?? freemem();
  #before = 0;
  #at = { what: "", bytes: 0 };
  #isTold = false;

  constructor(readonly narrator: Narrator) {}

  /** Hears of the bytes of a set so far. */
  judge(what: string, bytes: number): void {
    if (what !== this.#at.what) this.#before += this.#at.bytes;
    this.#at = { what, bytes };
    const all = this.#before + bytes;
    if (this.#isTold || all <= this.#free / 2) return;
    this.#isTold = true;
    this.narrator.say(
      `warning: slices take ${bytesText(all)} so far, more than half of the ${bytesText(this.#free)} that were free; ` +
        "--max-memory 2GB would keep those of a larger set on disk",
    );
  }
}
