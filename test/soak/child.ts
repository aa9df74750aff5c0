// Processes that an experiment starts, to be killed: a file of this folder, bundled once.
import { type ChildProcess, spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { build } from "esbuild";

const built = new Map<string, Promise<string>>();

/** The bundle of a TypeScript file, where packages resolve as in the repository; it goes when this process ends. */
export function bundleOf(entry: string): Promise<string> {
  const file = built.get(entry) ?? bundle(entry);
  built.set(entry, file);
  return file;
}

async function bundle(entry: string): Promise<string> {
  const outfile = join(
    resolve("node_modules/.cache/cmedl"),
    `soak-${process.pid}-${built.size}-${entry.replace(/\W/g, "-")}.mjs`,
  );
  process.on("exit", () => rmSync(outfile, { force: true }));
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    packages: "external",
    loader: { ".wgsl": "text" },
    logLevel: "warning",
  });
  return outfile;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

export interface Child {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
}

export interface ChildOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Arguments of Node's own. */
  readonly node?: readonly string[];
  /** Hears of each whole line of stdout. */
  readonly onLine?: (line: string, child: ChildProcess) => void;
  /** After which it is killed: it hangs. */
  readonly limitMs?: number;
}

/** Ends a child and what it started. */
function endGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // It is gone already.
  }
}

/** Starts `node FILE …args`. */
export function start(file: string, args: readonly string[], options: ChildOptions = {}): Child {
  const { env = {}, node = [], onLine, limitMs = 400_000 } = options;
  const began = performance.now();
  const child = spawn(process.execPath, [...node, file, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own, which is ended as a whole.
    detached: true,
    env: { ...process.env, CMEDL_DEVICE: "", ...env },
  });
  let [stdout, stderr, rest] = ["", "", ""];
  child.stdout.on("data", (data: Buffer) => {
    stdout += data.toString();
    const lines = (rest + data.toString()).split("\n");
    rest = lines.pop()!;
    for (const line of lines) onLine?.(line, child);
  });
  child.stderr.on("data", (data: Buffer) => (stderr += data.toString()));
  const limit = setTimeout(() => endGroup(child), limitMs);
  const onExit = (): void => endGroup(child);
  process.on("exit", onExit);
  const ended = new Promise<Ended>((done) =>
    child.on("close", (code, signal) => {
      clearTimeout(limit);
      process.off("exit", onExit);
      done({ code, signal, stdout, stderr, ms: performance.now() - began });
    }),
  );
  return { process: child, ended };
}
