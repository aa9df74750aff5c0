// An experiment's folder: what was decided, each job's run, and the tables. Running the command again goes on in it.
//
//   experiment.json                      experiment, settings, how long each row trains
//   report.html, table.md, table.csv, results.json    what was found so far
//   runs/<job>/                          one training run each, with evaluation-<row>.json once it was tested
import { readFile, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { DataError } from "../../data/errors.ts";
import type { Length } from "../../train/experiments.ts";
import type { TrainConfig } from "../../train/config/config.ts";
import type { Evaluation } from "../run/evaluate.ts";
import { CommandError } from "../errors.ts";
import { exists, FileError, makeFolder, readBytes, writeAtomic } from "../files.ts";
import { RunFolder } from "../run/folder.ts";
import { LOCK, RunLock } from "../run/lock.ts";

/** What experiment.json holds. `settings` are all that change numbers; segmentors and seeds may be added later. */
export interface Decided {
  readonly version: 1;
  readonly experiment: string;
  readonly settings: unknown;
  readonly length: Length;
  /** What each run was measured to need, in seconds. */
  readonly seconds?: Readonly<Record<string, number>>;
}

/** How a run was tested: what must be the same for its test to stand. */
export interface TestMethod {
  /** The tolerance of surface Dice. */
  readonly toleranceMm: number;
  /** Absent: masks. */
  readonly tests?: "translation";
  /** The folder of the cases' own real images. */
  readonly paired?: string;
}

/** A job's run, to be released after use. */
export interface FoundRun {
  readonly run: RunFolder;
  readonly lock: RunLock;
  readonly state: "new" | "begun" | "finished";
}

export class ExperimentFolder {
  private constructor(
    readonly path: string,
    public decided: Decided | undefined,
  ) {}

  /**
   * A new folder, or the one of an experiment that goes on. Throws CommandError where it was made with other
   * settings.
   */
  static async open(path: string, experiment: string, settings: unknown): Promise<ExperimentFolder> {
    const file = join(path, "experiment.json");
    if (!(await exists(file))) {
      const entries = await readdir(path).catch(() => [] as string[]);
      if (entries.some((e) => e !== "runs" && e !== CALIBRATION))
        throw new FileError(path, "is not empty and holds no experiment", "name a new folder with --out");
      return new ExperimentFolder(path, undefined);
    }
    const decided = await readJson<Decided>(file);
    if (decided.version !== 1)
      throw new DataError(
        file,
        "version",
        `is ${String(decided.version)}, this cmedl reads 1`,
        "name a new folder with --out",
      );
    if (decided.experiment !== experiment)
      throw new CommandError(
        "usage",
        `${path} holds the experiment ${decided.experiment}, not ${experiment}; name a new folder with --out`,
      );
    const [first, ...others] = differences(decided.settings, plainly(settings));
    if (first) {
      const more = others.length ? ` (and ${others.length} more)` : "";
      throw new CommandError(
        "usage",
        `${path} was begun with other settings: ${first}${more}; give the same, or name a new folder with --out`,
      );
    }
    return new ExperimentFolder(path, decided);
  }

  /** Writes down what was decided, once and for all; what was written. */
  async decide(decided: Decided): Promise<Decided> {
    this.decided = decided;
    await this.write("experiment.json", `${JSON.stringify(decided, null, 2)}\n`);
    return decided;
  }

  /** What a JSON file of the folder holds; undefined where it is not there. Throws DataError. */
  async read<T>(name: string): Promise<T | undefined> {
    const file = join(this.path, name);
    return (await exists(file)) ? readJson<T>(file) : undefined;
  }

  async write(name: string, content: string): Promise<void> {
    await makeFolder(this.path);
    await writeAtomic(join(this.path, name), content);
  }

  runPath(job: string): string {
    return join(this.path, "runs", job);
  }

  /**
   * A run for a job: new, or where it stands, and locked for this process. A run that has no checkpoint yet begins
   * again. Throws CommandError where its configuration was another, RunLockedError where another process trains it.
   */
  async run(job: string, config: TrainConfig): Promise<FoundRun> {
    const path = this.runPath(job);
    await makeFolder(path);
    const lock = await RunLock.take(path);
    try {
      if (await hasCheckpoint(path)) {
        const run = await RunFolder.open(path);
        const [first] = differences(await run.readConfig(), plainly(config));
        if (first)
          throw new CommandError(
            "usage",
            `${path} was trained with other settings: ${first}; name a new folder with --out`,
          );
        return { run, lock, state: (await isDone(path)) ? "finished" : "begun" };
      }
      for (const name of await readdir(path)) if (name !== LOCK) await rm(join(path, name), { recursive: true });
      const run = await RunFolder.create(path);
      await run.writeConfig(config);
      return { run, lock, state: "new" };
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /** A run that is thrown away. */
  async calibration(config: TrainConfig): Promise<{ run: RunFolder; remove(): Promise<void> }> {
    const path = join(this.path, CALIBRATION);
    const remove = (): Promise<void> => rm(path, { recursive: true, force: true });
    await remove();
    const run = await RunFolder.create(path);
    await run.writeConfig(config);
    return { run, remove };
  }

  /** A job's test, if these cases were tested so. */
  async evaluation(run: string, job: string, how: TestMethod, ids: readonly string[]): Promise<Evaluation | undefined> {
    const file = this.#evaluationFile(run, job);
    if (!(await exists(file))) return undefined;
    const { coverage, cases, ...tested } = await readJson<{ coverage?: string; cases: Evaluation } & TestMethod>(file);
    const isSame = coverage === COVERAGE && differences(tested, plainly(how)).length === 0;
    return isSame && ids.every((id) => id in cases) ? cases : undefined;
  }

  async writeEvaluation(run: string, job: string, how: TestMethod, cases: Evaluation): Promise<void> {
    const content = JSON.stringify({ coverage: COVERAGE, ...how, cases }, null, 2);
    await writeAtomic(this.#evaluationFile(run, job), `${content}\n`);
  }

  #evaluationFile(run: string, job: string): string {
    return join(this.runPath(run), `evaluation-${job}.json`);
  }
}

/** A value as it comes back from JSON. */
const plainly = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

const CALIBRATION = ".calibration";
/** What of a slice is scored; evaluations of 0.1.0 were of the central field alone. */
const COVERAGE = "whole slices";

async function readJson<T>(file: string): Promise<T> {
  try {
    return JSON.parse(new TextDecoder().decode(await readBytes(file))) as T;
  } catch (cause) {
    if (cause instanceof FileError) throw cause;
    throw new DataError(
      file,
      "content",
      "is no JSON",
      "put back the file that `cmedl experiment` wrote, or name a new folder",
    );
  }
}

const hasCheckpoint = async (run: string): Promise<boolean> =>
  (await readdir(join(run, "checkpoints")).catch(() => [] as string[])).some((n) => n.endsWith(".safetensors"));

const isDone = async (run: string): Promise<boolean> =>
  /^(finished|stopped)/.test(await readFile(join(run, "STATUS"), "utf8").catch(() => ""));

/** Where two plain values differ: "a.b was 1, now 2". */
export function differences(was: unknown, is: unknown, at = ""): string[] {
  const plain = (v: unknown): v is Record<string, unknown> => typeof v === "object" && v !== null && !Array.isArray(v);
  if (plain(was) && plain(is))
    return [...new Set([...Object.keys(was), ...Object.keys(is)])].flatMap((k) =>
      differences(was[k], is[k], at ? `${at}.${k}` : k),
    );
  const text = (v: unknown): string => (v === undefined ? "not given" : JSON.stringify(v));
  return text(was) === text(is) ? [] : [`${at} was ${text(was)}, now ${text(is)}`];
}
