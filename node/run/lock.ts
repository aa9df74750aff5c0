// One process trains a run at a time. The lock is a file that names its holder. It outlives a process that was killed;
// the next process finds that the holder is gone and takes the lock over.
import { randomBytes } from "node:crypto";
import { link, open, readFile, rm, stat, utimes } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { printable } from "../../data/errors.ts";
import { ASYNC_DISPOSE } from "../../engine/index.ts";
import { CmedlError } from "../../errors/cmedl-error.ts";
import { fileError } from "../files.ts";

export const LOCK = "LOCK";
/** How often a holder shows that it lives, and after how long without it the holder on another host is given up. */
const BEAT_MS = 30_000;
const GONE_MS = 10 * 60_000;
/** After how long a guard was left behind by a process that was killed. */
const GUARD_MS = 60_000;

/** Another process trains the run in the folder `file`. */
export class RunLockedError extends CmedlError {
  override readonly name = "RunLockedError";
  constructor(
    readonly file: string,
    holder: string,
    readonly mend: string,
  ) {
    super("locked", `${printable(file)}: is being trained by ${holder}; ${mend}`);
  }
}

interface Holder {
  readonly host: string;
  readonly pid: number;
  /**
   * When the process began, as this host counts; null where it does not tell. A number used again is another process.
   */
  readonly began: string | null;
  /** ISO 8601. */
  readonly since: string;
}

/** What a run's folder is held by until it is released; released with `await using`, too. */
export class RunLock implements AsyncDisposable {
  readonly #beat: NodeJS.Timeout;

  private constructor(
    readonly path: string,
    readonly text: string,
  ) {
    this.#beat = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => {}), BEAT_MS);
    this.#beat.unref();
  }

  /** Throws RunLockedError where another process trains the run, FileError where the file cannot be written. */
  static async take(folder: string): Promise<RunLock> {
    const path = join(folder, LOCK);
    const holder: Holder = {
      host: hostname(),
      pid: process.pid,
      began: (await processOf(process.pid))?.began ?? null,
      since: new Date().toISOString(),
    };
    const text = `${JSON.stringify(holder)}\n`;
    while (!(await writeNew(path, text))) await removeIfGone(path, folder);
    return new RunLock(path, text);
  }

  /** Whether a process that lives trains the run. */
  static async isHeld(folder: string): Promise<boolean> {
    const path = join(folder, LOCK);
    const text = await textOf(path);
    if (text === undefined) return false;
    const holder = holderOf(text);
    return !holder || (await lives(holder, path));
  }

  async release(): Promise<void> {
    clearInterval(this.#beat);
    if ((await textOf(this.path)) === this.text) await rm(this.path, { force: true });
  }
  [ASYNC_DISPOSE](): Promise<void> {
    return this.release();
  }
}

/** Whether the file could be made; false where it exists. The name appears with the whole text in it. */
async function writeNew(path: string, text: string): Promise<boolean> {
  const whole = aside(path);
  try {
    const handle = await open(whole, "wx");
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await link(whole, path);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw fileError(path, cause);
  } finally {
    await rm(whole, { force: true });
  }
}

const aside = (path: string): string => `${path}.${process.pid}.${randomBytes(4).toString("hex")}`;

const textOf = (path: string): Promise<string | undefined> => readFile(path, "utf8").catch(() => undefined);

/** Removes the lock if its holder is gone. Throws RunLockedError where the holder lives. */
async function removeIfGone(path: string, folder: string): Promise<void> {
  const text = await textOf(path);
  if (text === undefined) return;
  const holder = holderOf(text);
  if (!holder || (await lives(holder, path))) {
    const who = holder ? `process ${holder.pid} on ${holder.host}, since ${holder.since}` : "another process";
    throw new RunLockedError(
      folder,
      who,
      `wait for it, stop it, or train into another folder; if it is gone for good, remove ${path}`,
    );
  }
  await underGuard(path, async () => {
    if ((await textOf(path)) === text) await rm(path, { force: true });
  });
}

/**
 * Runs `remove` unless another process is just about to remove the lock: of several that find a holder gone, a late one
 * would else remove the lock of the first.
 */
async function underGuard(path: string, remove: () => Promise<void>): Promise<void> {
  const guard = `${path}.guard`;
  try {
    await (await open(guard, "wx")).close();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw fileError(guard, cause);
    if ((await silentFor(guard)) > GUARD_MS) await rm(guard, { force: true });
    await new Promise((resolve) => setTimeout(resolve, 5));
    return;
  }
  try {
    await remove();
  } finally {
    await rm(guard, { force: true });
  }
}

function holderOf(text: string): Holder | undefined {
  try {
    const { host, pid, began, since } = JSON.parse(text) as Partial<Holder>;
    const isHolder = typeof host === "string" && Number.isInteger(pid) && typeof since === "string";
    return isHolder ? { host, pid: pid!, began: began ?? null, since } : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the holder still runs: on this host by its process, on another by the last sign of life. */
async function lives({ host, pid, began }: Holder, path: string): Promise<boolean> {
  if (host !== hostname()) return (await silentFor(path)) < GONE_MS;
  try {
    process.kill(pid, 0);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ESRCH") return false;
  }
  const found = await processOf(pid);
  return !found || (!found.isEnding && (began === null || began === found.began));
}

/** Milliseconds since a file was last touched, by the clock of its disk, which other hosts share. */
async function silentFor(path: string): Promise<number> {
  const probe = aside(path);
  try {
    await (await open(probe, "wx")).close();
    return (await stat(probe)).mtimeMs - (await stat(path)).mtimeMs;
  } catch {
    return 0;
  } finally {
    await rm(probe, { force: true });
  }
}

interface Process {
  /** The boot, and the clock ticks since then. */
  readonly began: string;
  /** Killed, exiting or a zombie: it runs no more of its program, but has its number until its parent hears of it. */
  readonly isEnding: boolean;
}

/** A process as proc(5) of Linux has it; undefined elsewhere. */
async function processOf(pid: number): Promise<Process | undefined> {
  try {
    const boot = (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
    const fields = (await readFile(`/proc/${pid}/stat`, "utf8")).replace(/^.*\) /s, "").split(" ");
    const field = (number: number): string => fields[number - 3]!;
    const isGone = "ZX".includes(field(3));
    const isExiting = (Number(field(9)) & PF_EXITING) !== 0;
    const isKilled = (Number(field(31)) & (1 << (SIGKILL - 1))) !== 0;
    return { began: `${boot} ${field(22)}`, isEnding: isGone || isExiting || isKilled };
  } catch {
    return undefined;
  }
}
const PF_EXITING = 4;
const SIGKILL = 9;
