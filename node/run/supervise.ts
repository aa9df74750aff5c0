// A process that trains is watched by this one: where its GPU hangs, its driver crashes or its device stays lost, it is
// ended and the run goes on in another process, from its last checkpoint.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { DeviceLostError } from "../../engine/index.ts";
import { exists } from "../files.ts";
import { stepCheckpoints } from "./folder.ts";
import { handOn } from "./side-process.ts";
import { type Beat, SUPERVISED } from "./watchdog.ts";

export interface Supervised {
  /** Arguments of Node that begin the run, and those that go on with it. */
  readonly begin: readonly string[];
  readonly resume: readonly string[];
  /** The run's folder. */
  readonly path: string;
  readonly say: (line: string) => void;
  readonly env?: Readonly<Record<string, string>>;
}

/** Ends without a new checkpoint between them after which it is no chance. */
const AT_ONE_PLACE = 3;
/**
 * After so long without a word a process does not run: its thread is blocked, in a driver or by a disk that is gone.
 */
const SILENT_MS = 10 * 60_000;
/** A device that stays lost: see docs/errors.md. */
const LOST = 4;
/** As a shell tells that a process was ended by a signal. */
const OF_SIGNALS = 128;

/**
 * Trains in other processes until one ends by itself; its exit code. SIGINT and SIGTERM are handed on. Throws
 * DeviceLostError where processes hang or crash three times without a new checkpoint.
 */
export async function supervise({ begin, resume, path, say, env = {} }: Supervised): Promise<number> {
  let place = "";
  let times = 0;
  for (;;) {
    const begun = await exists(join(path, "config.yaml"));
    const { code, why } = await oneProcess(begun ? resume : begin, env);
    if (why === undefined) return code;
    const at = (await stepCheckpoints(path))[0] ?? "";
    times = at === place ? times + 1 : 1;
    place = at;
    if (times === AT_ONE_PLACE)
      throw new DeviceLostError(
        `${why}, ${times} times without a new checkpoint; see \`cmedl doctor\`, then go on with --resume ${path}`,
      );
    say(`warning: ${why}; going on in another process, from ${at || "the start"}`);
  }
}

/** How a process ended: with a code of its own, or `why` it is no end of the run. */
async function oneProcess(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{ code: number; why?: string }> {
  // A group of its own: Ctrl-C reaches this process alone, which hands it on once.
  const child = spawn(process.execPath, args, {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    detached: true,
    env: { ...process.env, ...env, [SUPERVISED]: "1" },
  });
  const stopHandingOn = handOn(child);
  let hung: string | undefined;
  let heard = Infinity;
  const end = (why: string): void => {
    hung ??= why;
    child.kill("SIGKILL");
  };
  child.on("message", ({ overdue }: Beat) => {
    heard = performance.now();
    if (overdue) end(`the GPU hangs: ${overdue.what} has not been done for ${Math.round(overdue.ms / 1000)} s`);
  });
  const silence = setInterval(() => {
    if (performance.now() - heard > SILENT_MS) end(`nothing was heard for ${SILENT_MS / 60_000} minutes`);
  }, 1000);
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((done, fail) => {
    child.on("error", fail);
    child.on("exit", (...ended) => done(ended));
  });
  clearInterval(silence);
  const stopped = stopHandingOn();
  if (hung !== undefined) return { code: LOST, why: hung };
  if (code === LOST) return { code, why: "the GPU device was lost" };
  // Aborts and segmentation faults of a driver.
  const isCrash = signal === "SIGSEGV" || signal === "SIGABRT" || signal === "SIGBUS" || signal === "SIGILL";
  if (isCrash && !stopped) return { code: OF_SIGNALS, why: `the process crashed (${signal})` };
  return { code: code ?? (signal === "SIGINT" || signal === "SIGTERM" || stopped ? 130 : OF_SIGNALS + 9) };
}
