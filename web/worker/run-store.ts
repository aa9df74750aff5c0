// The runs that this browser keeps, one a folder:
//
//   run.json         what it is: name, source, configuration, statistics of its images, where it stands
//   log.jsonl        its events up to the latest checkpoint, as the command's log has them
//   latest.safetensors, best.safetensors   checkpoints
//   picture.svg      of the last epoch
//   student.slices, teacher.slices, validation.slices   of a run of folders, which are not needed again
import { DataError } from "../../data/errors.ts";
import type { Slices } from "../../data/slices.ts";
import { UsageError } from "../../engine/index.ts";
import { readCheckpoint } from "../../train/checkpoint.ts";
import type { TrainConfig } from "../../train/config/config.ts";
import type { SavedCheckpoint } from "../../train/loop.ts";
import { type RunEvent, linesOf } from "../../train/run/events.ts";
import type { SetName, TrainingSets } from "../../train/run/sets.ts";
import type { RunStatistics } from "../../train/statistics.ts";
import { readSlices, writeSlices } from "./kept-slices.ts";
import type { Storage } from "./storage.ts";

/** "paused" is what a run is, too, whose page was closed while it was running. */
export type RunState = "new" | "running" | "paused" | "finished" | "stopped" | "failed";

/** What is known of a run before anything of its log or its weights is read. */
export interface RunRecord {
  readonly version: 1;
  readonly id: string;
  readonly name: string;
  /** When it was made, in milliseconds since 1970. */
  readonly made: number;
  readonly source: "phantoms" | "folders";
  /** What was odd about its files. */
  readonly notes: readonly string[];
  readonly config: TrainConfig;
  readonly statistics?: RunStatistics;
  readonly stepsPerEpoch: number;
  readonly state: RunState;
  /** Why it failed. */
  readonly problem?: string;
  /** Steps that the latest checkpoint is after. */
  readonly steps: number;
  /** The validated epoch with the lowest loss: from 1, and its Dice. */
  readonly best?: { readonly epoch: number; readonly dice: number };
}

const RUNS = "runs";
const RECORD = "run.json";
const LOG = "log.jsonl";
const LATEST = "latest.safetensors";
const BEST = "best.safetensors";
const PICTURE = "picture.svg";
const SETS = ["student", "teacher", "validation"] as const satisfies readonly SetName[];

/** What one page at a time may do; the browser frees it when that page ends. */
export type Locks = Pick<LockManager, "request" | "query">;

const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const lockOf = (id: string): string => `cmedl run ${id}`;

export class RunStore {
  constructor(
    readonly storage: Storage,
    readonly locks: Locks,
  ) {}

  /** All runs, the newest first. A folder whose record can't be read is none. */
  async list(): Promise<RunRecord[]> {
    const records = await Promise.all((await this.storage.names(RUNS)).map((id) => this.#record(id)));
    const held = new Set((await this.locks.query()).held?.map(({ name }) => name));
    return records
      .filter((record) => record !== undefined)
      .map((record) =>
        record.state === "running" && !held.has(lockOf(record.id)) ? { ...record, state: "paused" as const } : record,
      )
      .sort((a, b) => b.made - a.made);
  }

  /** The slices that a run keeps. Throws DataError where they are not whole. */
  async sets({ id, name, statistics }: RunRecord): Promise<TrainingSets> {
    const read = async (set: SetName): Promise<Slices | undefined> => {
      const bytes = await this.storage.read(`${RUNS}/${id}/${set}.slices`);
      return bytes && readSlices(bytes, `${name}: ${set}`);
    };
    const [student, teacher, validation] = await Promise.all(SETS.map(read));
    if (!student || !validation || !statistics?.slices)
      throw new DataError(name, "slices", "are gone", "delete the run, and start it again from its folders");
    return { student, teacher, validation, statistics: { ...statistics, slices: statistics.slices } };
  }

  /** Throws UsageError where the run was deleted. */
  async record(id: string): Promise<RunRecord> {
    const found = await this.#record(id);
    if (!found) throw new UsageError("the run is gone: it was deleted, in another tab or with the site's data");
    return found;
  }

  /** A new run; where it is to keep its slices, with `sets`. Without its record, which comes last, it is none. */
  async create(run: Omit<RunRecord, "version" | "id" | "state" | "steps">, sets?: TrainingSets): Promise<RunRecord> {
    const record: RunRecord = { version: 1, id: crypto.randomUUID(), state: "new", steps: 0, ...run };
    for (const set of SETS) {
      const slices = sets?.[set];
      if (slices) await this.#write(record.id, `${set}.slices`, writeSlices(slices));
    }
    await this.put(record);
    return record;
  }

  async put(record: RunRecord): Promise<void> {
    await this.#write(record.id, RECORD, bytesOf(`${JSON.stringify(record, null, 2)}\n`));
  }

  /** Does `f` as the only one that may change the run. Throws UsageError where another tab trains it. */
  async alone<T>(id: string, f: () => Promise<T>): Promise<T> {
    return this.locks.request(lockOf(id), { ifAvailable: true }, async (lock) => {
      if (!lock) throw new UsageError("another tab trains this run; go on there, or close it");
      return f();
    }) as Promise<T>;
  }

  /** Deletes a run. Throws as `alone`. */
  async remove(id: string): Promise<void> {
    await this.alone(id, () => this.storage.remove(`${RUNS}/${id}`));
  }

  /** The events; those up to `steps` steps where a run goes on from there. */
  async events(id: string, steps = Infinity): Promise<RunEvent[]> {
    const bytes = await this.storage.read(`${RUNS}/${id}/${LOG}`);
    const lines = bytes ? textOf(bytes).split("\n").filter(Boolean) : [];
    return lines.map((line) => JSON.parse(line) as RunEvent).filter((event) => event.steps <= steps);
  }

  async writeEvents(id: string, events: readonly RunEvent[]): Promise<void> {
    await this.#write(id, LOG, bytesOf(linesOf(events)));
  }

  /** Where the run goes on; undefined before its first checkpoint. Throws CorruptFileError where it is damaged. */
  async latest(id: string): Promise<SavedCheckpoint | undefined> {
    return this.#checkpoint(id, LATEST);
  }

  /** The weights that are used: of the best epoch, or the latest. Throws DataError where there are none yet. */
  async kept(id: string): Promise<SavedCheckpoint> {
    const found = (await this.#checkpoint(id, BEST)) ?? (await this.latest(id));
    if (found) return found;
    const { name } = await this.record(id);
    throw new DataError(name, "checkpoint", "has none yet", "train the run for an epoch, or pause it");
  }

  /** Writes the checkpoint, as the best first where it is. */
  async saveCheckpoint(id: string, bytes: Uint8Array<ArrayBuffer>, isBest: boolean): Promise<void> {
    if (isBest) await this.#write(id, BEST, bytes);
    await this.#write(id, LATEST, bytes);
  }

  async picture(id: string): Promise<string | undefined> {
    const bytes = await this.storage.read(`${RUNS}/${id}/${PICTURE}`);
    return bytes && textOf(bytes);
  }

  async writePicture(id: string, svg: string): Promise<void> {
    await this.#write(id, PICTURE, bytesOf(svg));
  }

  async #checkpoint(id: string, file: string): Promise<SavedCheckpoint | undefined> {
    const bytes = await this.storage.read(`${RUNS}/${id}/${file}`);
    return bytes && { checkpoint: await readCheckpoint(bytes, file), file };
  }

  async #record(id: string): Promise<RunRecord | undefined> {
    const bytes = await this.storage.read(`${RUNS}/${id}/${RECORD}`);
    try {
      const record = bytes && (JSON.parse(textOf(bytes)) as RunRecord);
      return record?.version === 1 ? record : undefined;
    } catch {
      return undefined;
    }
  }

  #write(id: string, file: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    return this.storage.write(`${RUNS}/${id}/${file}`, bytes);
  }
}
