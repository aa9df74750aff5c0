// Runs the `cmedl` command as a process of its own, from the sources as they were when the first one was run.
import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

export interface Outcome {
  exitCode: number;
  stdout: string;
  stderr: string;
}

let built: Promise<string> | undefined;

/** The arguments of Node that run `cmedl …args`. All runs share one build, which goes when this process ends. */
export async function commandLine(args: readonly string[]): Promise<string[]> {
  built ??= build();
  return ["--enable-source-maps", await built, ...args];
}

/** Builds the command where packages resolve as in the repository. */
async function build(): Promise<string> {
  const folder = resolve("node_modules/.cache/cmedl", `command-${process.pid}`);
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  await promisify(execFile)(process.execPath, ["tools/build.mjs", "--maps", "--out", folder]);
  await writeFile(join(folder, "package.json"), '{ "type": "module" }');
  return join(folder, "cmedl.mjs");
}

/** Output and exit code of `cmedl …args`; `prefix` is a command that runs it. */
export async function cmedl(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  prefix: readonly string[] = [],
): Promise<Outcome> {
  const [command, ...rest] = [...prefix, process.execPath, ...(await commandLine(args))];
  return new Promise((resolve) =>
    execFile(command!, rest, { env: { ...process.env, CMEDL_DEVICE: "", ...env } }, (error, stdout, stderr) =>
      resolve({ exitCode: error ? Number(error.code ?? 1) : 0, stdout, stderr }),
    ),
  );
}
