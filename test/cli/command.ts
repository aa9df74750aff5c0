// Runs the `cmedl` command as a process of its own, from the sources as they are.
import { execFile } from "node:child_process";

export interface Outcome {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** Output and exit code of `cmedl …args`; `prefix` is a command that runs it. */
export function cmedl(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  prefix: readonly string[] = [],
): Promise<Outcome> {
  const [command, ...rest] = [...prefix, process.execPath, "tools/run.mjs", "cli/main.ts", ...args];
  return new Promise((resolve) =>
    execFile(command!, rest, { env: { ...process.env, CMEDL_DEVICE: "", ...env } }, (error, stdout, stderr) =>
      resolve({ exitCode: error ? Number(error.code ?? 1) : 0, stdout, stderr }),
    ),
  );
}
