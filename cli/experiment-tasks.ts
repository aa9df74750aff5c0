// What an experiment's command does with its runs: trains all and makes the tables, or one of the tasks that it is
// divided into by flags: some runs alone, the tables of runs that are done, the file that a cluster's engine reads.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { type Command, Option } from "commander";
import { CommandError } from "../node/errors.ts";
import type { Decided, ExperimentFolder } from "../node/experiment/folder.ts";
import { ENGINES, ENGINE_NAMES, type EngineName, type Workflow } from "../node/experiment/workflows.ts";
import { FileError, exists } from "../node/files.ts";
import { shareCores } from "../node/gpu/cores.ts";
import type { Narrator } from "../node/narrator.ts";
import { beside } from "../node/run/side-process.ts";
import { clock } from "../report/quantities.ts";
import { wholeNumber } from "./whole-number.ts";

export interface TaskFlags {
  readonly emit?: EngineName;
  readonly only?: string;
  readonly collect?: boolean;
  readonly jobs: string;
  readonly json?: boolean;
}

export const addTaskFlags = (command: Command): Command =>
  command
    .addOption(
      new Option(
        "--jobs <n>",
        "how many runs train at once, each in a process of its own; llvmpipe's cores are divided among them",
      ).default("1"),
    )
    .addOption(
      new Option("--emit <engine>", "train nothing: write what this engine runs, each run a task of its own").choices(
        ENGINE_NAMES,
      ),
    )
    .addOption(new Option("--only <runs>", "train and test these runs alone, by their names").conflicts("emit"))
    .addOption(
      new Option(
        "--collect",
        "train nothing: make the tables of the runs that are done, and name the others",
      ).conflicts(["emit", "only"]),
    );

/**
 * What was decided when the experiment began, else what `decide` gives, written down. Throws CommandError where
 * --collect names a folder without an experiment.
 */
export async function decidedIn(
  folder: ExperimentFolder,
  { collect }: TaskFlags,
  decide: () => Decided | Promise<Decided>,
): Promise<Decided> {
  if (folder.decided) return folder.decided;
  if (collect)
    throw new CommandError("usage", `--collect: ${folder.path} holds no experiment yet; name its folder by --out`);
  return folder.decide(await decide());
}

/** An experiment whose length is decided. `J` is a job: what a row of the tables is made of. */
export interface DecidedExperiment<J, R> {
  readonly name: string;
  readonly folder: ExperimentFolder;
  readonly jobs: readonly J[];
  /** The run that a job is tested by; jobs may share one. */
  runOf(job: J): string;
  /** What the jobs whose runs are done were found to be; nothing is trained. */
  tested(): Promise<R>;
  /** Trains and tests these jobs; `onJob` hears of what was found so far. */
  train(
    jobs: readonly J[],
    processes: number,
    onJob: (found: R) => Promise<void>,
  ): Promise<{ results: R; failed: readonly Error[] }>;
  /** Writes the tables; their text. */
  writeTables(results: R): Promise<string>;
  /** Names of the files that writeTables writes. */
  readonly tables: string;
  /** performance.now() when the command began. */
  readonly started: number;
}

/** Does what the flags say. Throws CommandError, FileError, what training throws, and the first failure of a run. */
export async function doTasks<J, R>(
  experiment: DecidedExperiment<J, R>,
  flags: TaskFlags,
  narrator: Narrator,
): Promise<void> {
  const { name, folder, jobs, runOf, writeTables } = experiment;
  const runs = [...new Set(jobs.map(runOf))];
  if (flags.emit) {
    process.stdout.write(`${await emit(flags.emit, { name, out: folder.path, runs })}\n`);
    return;
  }
  const chosen = chosenRuns(flags.only, runs);
  const processes = Math.min(wholeNumber("--jobs", flags.jobs), chosen.length);
  if (flags.collect) return printTables(experiment, await experiment.tested(), flags);

  if (processes > 1) shareCores(processes);
  const ofChosen = chosen.flatMap((run) => jobs.filter((job) => runOf(job) === run));
  const { results, failed } = await withOthers(processes, chosen, narrator, () =>
    experiment.train(ofChosen, processes, async (found) => {
      if (!flags.only) await writeTables(found);
    }),
  );
  if (!flags.only) await printTables(experiment, results, flags);
  if (failed[0]) throw failed[0];
  if (flags.only) process.stdout.write(`trained and tested: ${chosen.join(", ")}\n`);
}

async function printTables<J, R>(
  { folder, tables, started, writeTables }: DecidedExperiment<J, R>,
  results: R,
  { json }: TaskFlags,
): Promise<void> {
  const text = await writeTables(results);
  if (json) {
    process.stdout.write(await readFile(join(folder.path, "results.json"), "utf8"));
    return;
  }
  process.stdout.write(`
${text}

tables  ${join(folder.path, tables)}
runs    ${join(folder.path, "runs")}
took    ${clock((performance.now() - started) / 1000)}
`);
}

/** The runs that --only names, of these, in its order; all where it names none. Throws CommandError. */
function chosenRuns(only: string | undefined, runs: readonly string[]): readonly string[] {
  if (only === undefined) return runs;
  const names = only.split(",").map((name) => name.trim());
  const unknown = names.find((name) => !runs.includes(name));
  if (unknown !== undefined)
    throw new CommandError(
      "usage",
      `--only ${only}: ${unknown} is no run of this experiment; it has ${runs.join(", ")}`,
    );
  return [...new Set(names)];
}

/**
 * Does `work`, which goes through all runs, while other processes of this command go through them from other places: a
 * run that one of them trains is left to it. What one that failed leaves is done here.
 */
async function withOthers<T>(
  processes: number,
  runs: readonly string[],
  narrator: Narrator,
  work: () => Promise<T>,
): Promise<T> {
  const args = without("--only", without("--jobs", process.argv.slice(2)));
  const others = Array.from({ length: processes - 1 }, (_, i) => {
    const at = Math.floor(((i + 1) * runs.length) / processes);
    const order = [...runs.slice(at), ...runs.slice(0, at)];
    const name = `process ${i + 2}`;
    const other = beside([...args, "--only", order.join(",")], { tell: narrator.retelling(name) });
    other.ended.then(
      (code) => code !== 0 && narrator.say(`${name} ended with exit code ${code}`),
      (error: Error) => narrator.say(`${name}: ${error.message}`),
    );
    return other;
  });
  try {
    return await work();
  } catch (error) {
    for (const other of others) other.stop();
    throw error;
  } finally {
    await Promise.allSettled(others.map(({ ended }) => ended));
  }
}

/**
 * Writes the engine's file into the working folder, and makes a folder for logs; what to do with it. Throws FileError
 * where the file exists.
 */
async function emit(engine: EngineName, { name, out, runs }: Pick<Workflow, "name" | "out" | "runs">): Promise<string> {
  const at = process.cwd();
  const { file, says, text } = ENGINES[engine];
  const workflow: Workflow = {
    name,
    args: without("--emit", process.argv.slice(2)),
    at,
    out: relative(at, out) || ".",
    runs,
  };
  if (await exists(file)) throw new FileError(file, "is there already", "move it away, then give the command again");
  await mkdir(join(out, "logs"), { recursive: true });
  await writeFile(file, text(workflow), { flag: "wx" });
  return `${file}: ${runs.length} runs\n${says(workflow)}`;
}

/** What was typed, without a flag that takes a value. */
function without(flag: string, args: readonly string[]): string[] {
  return args.filter((arg, i) => arg !== flag && !arg.startsWith(`${flag}=`) && args[i - 1] !== flag);
}
