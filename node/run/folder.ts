// A run's folder. Everything in it is written whole or not at all; a resume goes on in place.
//
//   LOCK            who trains it now
//   config.yaml     what the run was started with, all defaults filled in
//   environment.json  versions, adapter and command line of each start
//   statistics.json what the values of its training images are like
//   STATUS          running, finished, stopped (early), interrupted, failed; below it signs of a collapse
//   log.jsonl       one event a line: steps, epochs
//   events.out.tfevents.cmedl  the same numbers for TensorBoard
//   results.csv     one row an epoch
//   report.html     the run's page: at the end, and now and then before
//   pictures/       epoch-001.svg …
//   tests/          NAME.json, NAME.csv: what it scored on cases
//   features/       maps.json with PNGs, tsne.json: what its networks hold inside, as `cmedl report` found it
//   cache/          prepared slices, where --max-memory keeps them out of memory; may be deleted
//   checkpoints/    step-00000120.safetensors (the two newest), best.safetensors
import { appendFile, readFile, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { readCheckpoint } from "../../train/checkpoint.ts";
import type { SavedCheckpoint } from "../../train/loop.ts";
import type { Sign } from "../../train/collapse.ts";
import type { TrainConfig } from "../../train/config/config.ts";
import { readWholeConfig, writeConfig } from "../config-file.ts";
import type { Environment } from "./environment.ts";
import { LOCK, RunLock } from "./lock.ts";
import { type RunStatistics, parseStatistics } from "../../train/statistics.ts";
import {
  type Content,
  FileError,
  exists,
  fileError,
  makeFolder,
  isTemporary,
  readBytes,
  removeFile,
  removeTemporaries,
  requireWritable,
  syncFolder,
  writeAtomic,
} from "../files.ts";

export type Status = "running" | "finished" | "stopped" | "interrupted" | "failed";

const KEPT = 2;
const PARTS = ["checkpoints", "pictures"];
const CONFIG = "config.yaml";
const ENVIRONMENT = "environment.json";
const CACHE = "cache";
const EVENTS = "events.out.tfevents.cmedl";
const REPORT = "report.html";
const STATISTICS = "statistics.json";
const checkpointName = (steps: number): string => `step-${String(steps).padStart(8, "0")}.safetensors`;

/** The folder of a training run, and the files in it. Each is written whole or not at all. */
export class RunFolder {
  /** What shows that the folder is still there: its configuration, once it has one. */
  #landmark: string;

  private constructor(
    readonly path: string,
    landmark = path,
  ) {
    this.#landmark = landmark;
  }

  /**
   * A new run, in a folder that is new, empty, or of a run that never began: one that failed before its first step.
   * Throws FileError where the folder holds anything else or cannot be written to.
   */
  static async create(path: string): Promise<RunFolder> {
    await RunFolder.check(path);
    for (const name of PARTS) await makeFolder(join(path, name));
    return new RunFolder(path);
  }

  /** Throws FileError where `create` would; makes nothing. */
  static async check(path: string): Promise<void> {
    const entries = (await entriesOf(path)).filter(
      (name) => name !== LOCK && name !== CACHE && !isTemporary(name) && !name.startsWith(`${LOCK}.`),
    );
    const isNew = entries.length === 0 || (await neverBegan(path, entries));
    if (!isNew)
      throw new FileError(
        path,
        entries.includes(CONFIG) ? "holds a run already" : "is not empty",
        "go on with it by --resume, or name a new folder with --out",
      );
    await requireWritable(path);
  }

  /** A run that exists. Throws FileError where there is none or it may not be read. */
  static async open(path: string): Promise<RunFolder> {
    const entries = await readdir(path).catch((cause) => {
      throw fileError(path, cause);
    });
    if (!entries.includes(CONFIG))
      throw new FileError(
        path,
        `holds no run: ${CONFIG} is missing`,
        "name the folder of a run, as `cmedl train` made it",
      );
    return new RunFolder(path, join(path, CONFIG));
  }

  /**
   * Throws FileError where the folder holds no run any more: what is written there now would be lost. Its
   * configuration, once there is one, shows that: inode numbers of folders change on some network disks.
   */
  async requireHere(): Promise<void> {
    if (await exists(this.#landmark)) return;
    throw new FileError(
      this.path,
      "the run's folder is gone: it was moved, or its disk was",
      "bring it back, then go on with --resume",
    );
  }

  /** Writes a file of the run. Throws FileError as `requireHere` does, and where it can't be written. */
  write(path: string, content: Content): Promise<void> {
    return this.#whileHere(path, () => writeAtomic(path, content, { isThere: true }));
  }

  #append(path: string, content: Uint8Array | string): Promise<void> {
    return this.#whileHere(path, () =>
      appendFile(path, content).catch((cause) => {
        throw fileError(path, cause);
      }),
    );
  }

  /** Where the folder goes meanwhile, nothing is left in its place. */
  async #whileHere(path: string, write: () => Promise<void>): Promise<void> {
    await this.requireHere();
    try {
      await write();
    } finally {
      await this.requireHere().catch(async (gone) => {
        await rm(path, { force: true });
        throw gone;
      });
    }
  }

  /**
   * Holds the run for this process until the lock is released. Throws RunLockedError where another process trains it.
   */
  lock(): Promise<RunLock> {
    return RunLock.take(this.path);
  }

  /** The file of the epoch with the lowest validation loss. */
  get bestCheckpoint(): string {
    return join(this.path, "checkpoints", "best.safetensors");
  }
  /** Where a run in the folder `path` keeps its slices, unless another folder is named. */
  static cachePath(path: string): string {
    return join(path, CACHE);
  }
  /** The file of the run's page. */
  get reportFile(): string {
    return join(this.path, REPORT);
  }
  /** The file of an epoch's picture; epochs count from 0. */
  picturePath(epoch: number): string {
    return join(this.path, "pictures", `epoch-${String(epoch + 1).padStart(3, "0")}.svg`);
  }

  /** Writes config.yaml, all fields with comments. Throws FileError. */
  async writeConfig(config: TrainConfig): Promise<void> {
    const path = join(this.path, CONFIG);
    await writeAtomic(path, writeConfig(config), { isThere: true });
    this.#landmark = path;
  }

  /** The run's configuration. Throws DataError that names line and field where it is none. */
  readConfig(): Promise<TrainConfig> {
    return readWholeConfig(join(this.path, CONFIG));
  }

  /** Adds a start of the run, from `steps` steps on, to environment.json. */
  async recordStart(environment: Environment, steps: number): Promise<void> {
    const path = join(this.path, ENVIRONMENT);
    const earlier: unknown = JSON.parse(await readFile(path, "utf8").catch(() => "[]"));
    const starts = [
      ...(Array.isArray(earlier) ? earlier : []),
      { at: new Date().toISOString(), steps, ...environment },
    ];
    await this.write(path, `${JSON.stringify(starts, null, 2)}\n`);
  }

  /** Writes statistics.json. Throws FileError. */
  async writeStatistics(statistics: RunStatistics): Promise<void> {
    await this.write(join(this.path, STATISTICS), `${JSON.stringify(statistics, null, 2)}\n`);
  }

  /** What the run's training images are like; undefined in runs of versions that did not measure. Throws DataError. */
  async readStatistics(): Promise<RunStatistics | undefined> {
    const path = join(this.path, STATISTICS);
    return (await exists(path)) ? parseStatistics(await readFile(path, "utf8"), path) : undefined;
  }

  /** Writes the status, and below it the signs of a collapse that were seen. */
  async setStatus(status: Status, signs: readonly Sign[] = []): Promise<void> {
    const lines = signs.map(({ code, message, mend }) => `${code}: ${message}; ${mend}`);
    await this.write(join(this.path, "STATUS"), `${[status, ...lines].join("\n")}\n`);
  }

  /** Whether a run came to its end and all is written that it writes then. */
  async isEnded(): Promise<boolean> {
    return /^(finished|stopped)\n/.test(await readFile(join(this.path, "STATUS"), "utf8").catch(() => ""));
  }

  /** Adds events to log.jsonl. */
  async log(...events: object[]): Promise<void> {
    await this.#append(join(this.path, "log.jsonl"), events.map((e) => `${JSON.stringify(e)}\n`).join(""));
  }

  /** Replaces TensorBoard's file by these records. */
  async writeEvents(records: readonly Uint8Array[]): Promise<void> {
    await this.write(join(this.path, EVENTS), Buffer.concat(records));
  }

  /** Adds a record to TensorBoard's file. */
  async appendEvent(record: Uint8Array): Promise<void> {
    await this.#append(join(this.path, EVENTS), record);
  }

  /** Every event of log.jsonl; a last line cut short by a crash is left out. */
  async events(): Promise<Record<string, unknown>[]> {
    const text = await readFile(join(this.path, "log.jsonl"), "utf8").catch(() => "");
    return text.split("\n").flatMap((line) => {
      try {
        return line ? [JSON.parse(line) as Record<string, unknown>] : [];
      } catch {
        return [];
      }
    });
  }

  /** Drops what was logged after step `steps`, which a resume says again, and a last line cut short. */
  async truncateLog(steps: number): Promise<void> {
    const path = join(this.path, "log.jsonl");
    if (!(await exists(path))) return;
    const kept = (await this.events()).filter((e) => !(typeof e.steps === "number" && e.steps > steps));
    await this.write(path, kept.map((e) => `${JSON.stringify(e)}\n`).join(""));
  }

  /** Removes what processes that were killed left half-written. Call it while this process holds the lock. */
  async sweep(): Promise<void> {
    await this.requireHere();
    for (const name of PARTS) await makeFolder(join(this.path, name));
    for (const name of ["", ...PARTS]) await removeTemporaries(join(this.path, name));
  }

  /** Writes results.csv, a row an epoch; a column that a row lacks is empty. Throws FileError. */
  async writeResults(rows: readonly Record<string, number | string>[]): Promise<void> {
    const columns = [...new Set(rows.flatMap((r) => Object.keys(r)))];
    const lines = [columns.join(","), ...rows.map((r) => columns.map((c) => r[c] ?? "").join(","))];
    await this.write(join(this.path, "results.csv"), `${lines.join("\n")}\n`);
  }

  /** Writes the checkpoint after `steps` steps, and as the best where it is; keeps the two newest. */
  async saveCheckpoint(bytes: Uint8Array, steps: number, isBest: boolean): Promise<void> {
    const folder = join(this.path, "checkpoints");
    await this.write(join(folder, checkpointName(steps)), bytes);
    if (isBest) await this.write(this.bestCheckpoint, bytes);
    const old = (await stepCheckpoints(this.path)).slice(KEPT);
    for (const name of old) await removeFile(join(folder, name));
    if (old.length) await syncFolder(folder);
  }

  /** Where the run stands; undefined before its first checkpoint. Throws as latestCheckpoint. */
  async standing(onDamaged?: (message: string) => void): Promise<SavedCheckpoint | undefined> {
    return (await stepCheckpoints(this.path)).length === 0 ? undefined : this.latestCheckpoint(onDamaged);
  }

  /** The newest checkpoint that verifies. Throws FileError where none does; `onDamaged` hears of the others. */
  async latestCheckpoint(onDamaged?: (message: string) => void): Promise<SavedCheckpoint> {
    for (const name of await stepCheckpoints(this.path)) {
      const file = join(this.path, "checkpoints", name);
      try {
        return { checkpoint: await readCheckpoint(await readBytes(file), file), file };
      } catch (error) {
        onDamaged?.(error instanceof Error ? error.message : String(error));
      }
    }
    throw new FileError(
      join(this.path, "checkpoints"),
      "holds no readable checkpoint",
      "start the run again into a new folder",
    );
  }

  /** The best checkpoint, or the newest where none was validated. */
  async bestOrLatest(onDamaged?: (message: string) => void): Promise<SavedCheckpoint> {
    const file = this.bestCheckpoint;
    if (await exists(file)) {
      try {
        return { checkpoint: await readCheckpoint(await readBytes(file), file), file };
      } catch (error) {
        onDamaged?.(error instanceof Error ? error.message : String(error));
      }
    }
    return this.latestCheckpoint(onDamaged);
  }
}

/** Names of the step checkpoints in a run's folder, newest first; none where there is no such folder. */
export async function stepCheckpoints(path: string): Promise<string[]> {
  const names = await readdir(join(path, "checkpoints")).catch(() => [] as string[]);
  return names
    .filter((n) => /^step-\d+\.safetensors$/.test(n))
    .sort()
    .reverse();
}

/** What a folder holds; nothing where it does not exist. Throws FileError where it may not be read. */
const entriesOf = (path: string): Promise<string[]> =>
  readdir(path).catch((cause: NodeJS.ErrnoException): string[] => {
    if (cause.code === "ENOENT") return [];
    throw fileError(path, cause);
  });

/** What a run holds before its first step. */
const BEFORE_THE_FIRST_STEP = new Set([
  ...[CONFIG, ENVIRONMENT, STATISTICS, EVENTS, REPORT],
  ...["STATUS", "checkpoints", "pictures"],
]);

/** Whether a folder is that of a run that ended before anything of it was worth keeping. */
async function neverBegan(path: string, entries: readonly string[]): Promise<boolean> {
  if (!entries.includes("checkpoints") || entries.some((name) => !BEFORE_THE_FIRST_STEP.has(name))) return false;
  const inside = [await entriesOf(join(path, "checkpoints")), await entriesOf(join(path, "pictures"))];
  return inside.flat().every(isTemporary);
}
