// The same command in another process beside this one: its lines are repeated here, signals to this one reach it too.
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { CmedlError } from "../../errors/cmedl-error.ts";
import { isDriverNote } from "../gpu/quiet-stderr.ts";

const BESIDE = "CMEDL_BESIDE";
/** Exit code by which shells say that a process was killed. */
const KILLED = 137;

/** Whether this process was begun by `beside`. */
export const isBeside = (): boolean => process.env[BESIDE] === "1";

export interface SideOptions {
  /** Hears each line that it writes to stderr. */
  readonly tell: (line: string) => void;
  /** Hears what it sends by process.send. */
  readonly onMessage?: (message: unknown) => void;
  /** Where its results go. Default: nowhere. */
  readonly stdout?: "inherit" | "ignore";
}

export interface SideProcess {
  /**
   * Its exit code, once it has ended: 130 where it ended on request, 137 where it was killed. Rejects where it can't
   * begin.
   */
  readonly ended: Promise<number>;
  /** Asks it to save and end. */
  stop(): void;
}

/** A process beside this one has failed: it told why. */
export class SideProcessError extends CmedlError {
  override readonly name = "SideProcessError";
  constructor(
    name: string,
    readonly exitCode: number,
  ) {
    super("side-process", `${name} ended with exit code ${exitCode}; mend what it said, then begin again`);
  }
}

/** Begins this command with other arguments in a process of its own. */
export function beside(args: readonly string[], { tell, onMessage, stdout = "ignore" }: SideOptions): SideProcess {
  // A group of its own: Ctrl-C reaches this process alone, which hands it on once.
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, ...args], {
    stdio: ["ignore", stdout, "pipe", "ipc"],
    detached: true,
    serialization: "advanced",
    env: { ...process.env, [BESIDE]: "1" },
  });
  const stopHandingOn = handOn(child, endedBy);
  // Its stderr is a socket, from which drivers' notes can't be kept there.
  createInterface({ input: child.stderr! }).on("line", (line) => isDriverNote(line) || tell(line));
  if (onMessage) child.on("message", onMessage);
  const ended = new Promise<number>((done, fail) => {
    child.on("error", fail);
    child.on("close", (code, signal) => done(code ?? (signal === "SIGINT" || signal === "SIGTERM" ? 130 : KILLED)));
  }).finally(stopHandingOn);
  ended.catch(() => {}); // who waits for it hears of it
  // A second signal would end it before it has saved.
  return { ended, stop: () => void (stopHandingOn() || child.kill("SIGTERM")) };
}

/** Ends this process by a signal that has no other listener here; those beside it then end as `endWithItsParent`. */
function endedBy(name: NodeJS.Signals, listener: (name: NodeJS.Signals) => void): boolean {
  if (process.listeners(name).some((other) => !handing.has(other))) return false;
  for (const own of handing) process.off(name, own);
  process.off(name, listener);
  process.kill(process.pid, name);
  return true;
}
const handing = new Set<(name: NodeJS.Signals) => void>();

/** In a process that `beside` began: sends the one that began it what it waits for. */
export const answer = (message: object): Promise<void> =>
  new Promise((done) => process.send!(message, undefined, undefined, () => done()));

/** In a process that `beside` began: ends as by Ctrl-C where the one that began it is gone. */
export function endWithItsParent(): void {
  if (!isBeside()) return;
  process.once("disconnect", () => process.kill(process.pid, "SIGINT"));
  process.stderr.on("error", () => {}); // it has no reader then, and what is being saved must be
}

/**
 * Hands SIGINT and SIGTERM on, except those that `isKept` takes, until the function that it returns is called; that one
 * returns whether any was handed on.
 */
export function handOn(
  child: ChildProcess,
  isKept: (name: NodeJS.Signals, listener: (name: NodeJS.Signals) => void) => boolean = () => false,
): () => boolean {
  let any = false;
  const signals = ["SIGINT", "SIGTERM"] as const;
  const listener = (name: NodeJS.Signals): void => {
    if (isKept(name, listener)) return;
    any = true;
    child.kill(name);
  };
  handing.add(listener);
  for (const name of signals) process.on(name, listener);
  return () => {
    handing.delete(listener);
    for (const name of signals) process.off(name, listener);
    return any;
  };
}
