// Flags that divide an experiment into tasks: what an engine runs of it, one run of it, and its tables at the end.
import { mkdir, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { type Command, Option } from "commander";
import { CommandError } from "../node/errors.ts";
import { ENGINES, ENGINE_NAMES, type EngineName, type Workflow } from "../node/experiment/workflows.ts";
import { FileError, exists } from "../node/files.ts";

export interface TaskFlags {
  readonly emit?: EngineName;
  readonly only?: string;
  readonly collect?: boolean;
}

export const addTaskFlags = (command: Command): Command =>
  command
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

/** The runs that --only names, of these; all where it names none. Throws CommandError. */
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

/** What was typed, without --emit. */
export function withoutEmit(args: readonly string[]): string[] {
  return args.filter((arg, i) => !/^--emit(=|$)/.test(arg) && args[i - 1] !== "--emit");
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
    args: withoutEmit(process.argv.slice(2)),
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
