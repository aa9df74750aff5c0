// Flags that divide an experiment into tasks: what an engine runs of it, one run of it, and its tables at the end.
import { mkdir, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { type Command, Option } from "commander";
import { CommandError } from "../node/errors.ts";
import { ENGINES, ENGINE_NAMES, type EngineName, type Workflow } from "../node/experiment/workflows.ts";
import { FileError, exists } from "../node/files.ts";
import { shareCores } from "../node/gpu/cores.ts";
import type { Narrator } from "../node/narrator.ts";
import { beside } from "../node/run/side-process.ts";
import { wholeNumber } from "./whole-number.ts";

export interface TaskFlags {
  readonly emit?: EngineName;
  readonly only?: string;
  readonly collect?: boolean;
  readonly jobs: string;
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

/** The runs that --only names, of these, in its order; all where it names none. Throws CommandError. */
export function chosenRuns(only: string | undefined, runs: readonly string[]): ReadonlySet<string> {
  if (only === undefined) return new Set(runs);
  const names = only.split(",").map((name) => name.trim());
  const unknown = names.find((name) => !runs.includes(name));
  if (unknown !== undefined)
    throw new CommandError(
      "usage",
      `--only ${only}: ${unknown} is no run of this experiment; it has ${runs.join(", ")}`,
    );
  return new Set(names);
}

/** What was typed, without a flag that takes a value. */
export function without(flag: string, args: readonly string[]): string[] {
  return args.filter((arg, i) => arg !== flag && !arg.startsWith(`${flag}=`) && args[i - 1] !== flag);
}

/** Those of `jobs` whose runs were chosen, in the order of the choice. */
export const chosenJobs = <J>(jobs: readonly J[], chosen: ReadonlySet<string>, runOf: (job: J) => string): J[] =>
  [...chosen].flatMap((run) => jobs.filter((job) => runOf(job) === run));

/** How many processes --jobs asks for, no more than there are runs; tells the driver. Throws CommandError. */
export function processesOf({ jobs }: TaskFlags, runs: ReadonlySet<string>): number {
  const processes = Math.min(wholeNumber("--jobs", jobs), runs.size);
  if (processes > 1) shareCores(processes);
  return processes;
}

/**
 * Does `work`, which goes through all runs, while other processes of this command go through them from other places: a
 * run that one of them trains is left to it. What one that failed leaves is done here.
 */
export async function withOthers<T>(
  processes: number,
  runs: ReadonlySet<string>,
  narrator: Narrator,
  work: () => Promise<T>,
): Promise<T> {
  const args = without("--only", without("--jobs", process.argv.slice(2)));
  const names = [...runs];
  const others = Array.from({ length: processes - 1 }, (_, i) => {
    const at = Math.floor(((i + 1) * names.length) / processes);
    const order = [...names.slice(at), ...names.slice(0, at)];
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
 * Writes the engine's file beside where the command is given, and a folder for logs; says what to do with it. Throws
 * FileError where the file is there.
 */
export async function emit(
  engine: EngineName,
  { name, out, runs }: Pick<Workflow, "name" | "out" | "runs">,
): Promise<string> {
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

/** Ends a task: tables are made of all, by --collect. Throws the first failure. */
export function endOfTask(runs: ReadonlySet<string>, failed: readonly Error[]): void {
  if (failed[0]) throw failed[0];
  process.stdout.write(`trained and tested: ${[...runs].join(", ")}\n`);
}

export const nothingToCollect = (out: string): CommandError =>
  new CommandError("usage", `--collect: ${out} holds no experiment yet; name its folder by --out`);
