// Dawn writes warnings to file descriptor 2 while it looks for drivers; nothing in its API stops or hands them over.

import {
  closeSync,
  constants,
  fstatSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isMainThread } from "node:worker_threads";

export interface Overheard<T> {
  readonly value: T;
  /** What was kept off stderr, as `linesOf` tells it. */
  readonly lines: string[];
  /** Those of what was kept off stderr that are no warnings: a user must see them. */
  readonly errors: string[];
}

/**
 * Runs `work` and, where `quiet`, keeps off stderr what drivers say for as long as the call is synchronous. In a pipe,
 * a terminal or a file that is appended to, descriptor 2 is led into an unlinked file meanwhile. Any other plain file
 * keeps it, for others may be writing by the same descriptor: there drivers' notes are made blank afterwards, in place.
 * A socket is left alone.
 */
export function overhear<T>(quiet: boolean, work: () => T): Overheard<T> {
  const heard = quiet && process.platform === "linux" && isMainThread ? (divertStderr() ?? markPlainFile()) : undefined;
  let value: T;
  try {
    value = work();
  } catch (error) {
    heard?.();
    throw error;
  }
  const text = heard?.() ?? "";
  const errors = text.split("\n").filter((line) => line.trim() !== "" && !isWarning(line));
  return { value, lines: linesOf(text), errors };
}

/** Without "Warning: ", stack lines, and the note on dynamic offsets that every software driver causes. */
export function linesOf(text: string): string[] {
  return text
    .split("\n")
    .filter((line) => line.trim() !== "" && !/^\s+at /.test(line) && !/artificially reduced from \d+ to \d+/.test(line))
    .map((line) => line.replace(/^(Warning|Error): /, "").trim());
}

/**
 * Whether a line is a warning of Dawn's or Mesa's, or of a stack: where there is an adapter, it tells nothing to do.
 */
const isWarning = (line: string): boolean =>
  /^(warning|mesa[^:]*: (warning|info))\b/i.test(line) || /^\s+at /.test(line);

/** Whether a line is a driver's and no one else's: others may write warnings to the same file. */
export const isDriverNote = (line: string): boolean =>
  /^warning: \w+ artificially reduced from \d+ to \d+/i.test(line) || /^mesa[^:]*: (warning|info)\b/i.test(line);

/**
 * For a plain file on descriptor 2 that can't be reopened without harm: marks where it ends, and then makes drivers'
 * notes that came after that blank. They come back; all other lines stand where they are.
 */
function markPlainFile(): (() => string) | undefined {
  try {
    if (!fstatSync(2).isFile()) return undefined;
    const from = fstatSync(2).size;
    return () => blankWarnings(from);
  } catch {
    return undefined;
  }
}

/** Overwrites each note of a driver from the byte `from` of the file on descriptor 2 on with blanks; the notes. */
function blankWarnings(from: number): string {
  const warnings: string[] = [];
  let file = -1;
  try {
    file = openSync("/proc/self/fd/2", constants.O_RDWR);
    const bytes = Buffer.alloc(Math.max(0, fstatSync(file).size - from));
    readSync(file, bytes, 0, bytes.length, from);
    for (let start = 0; start < bytes.length; ) {
      const newline = bytes.indexOf("\n", start);
      const end = newline < 0 ? bytes.length : newline;
      const line = bytes.toString("utf8", start, end);
      if (isDriverNote(line)) {
        writeSync(file, Buffer.alloc(end - start, " "), 0, end - start, from + start);
        warnings.push(line);
      }
      start = end + 1;
    }
  } catch {
    // A file that may not be read keeps what came.
  } finally {
    if (file >= 0) closeSync(file);
  }
  return warnings.join("\n");
}

function divertStderr(): (() => string) | undefined {
  if (!canReopen()) return undefined;
  let saved = -1;
  let file = -1;
  try {
    saved = openSync("/proc/self/fd/2", constants.O_WRONLY | constants.O_APPEND);
    const folder = mkdtempSync(join(tmpdir(), "cmedl-stderr-"));
    file = openSync(join(folder, "caught"), "w+");
    rmSync(folder, { recursive: true, force: true });
    reopenAsStderr(file);
  } catch {
    for (const fd of [saved, file]) if (fd >= 0) closeSync(fd);
    return undefined;
  }
  return () => {
    reopenAsStderr(saved);
    const bytes = Buffer.alloc(fstatSync(file).size);
    readSync(file, bytes, 0, bytes.length, 0);
    closeSync(saved);
    closeSync(file);
    return bytes.toString("utf8");
  };
}

/** open() takes the lowest free number: after close(2) that is 2. */
function reopenAsStderr(fd: number): void {
  closeSync(2);
  openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_APPEND);
}

/** Pipes, terminals and append-only files come back the same; no other thread may be opening files meanwhile. */
function canReopen(): boolean {
  try {
    const kind = fstatSync(2);
    const flags = parseInt(/^flags:\s*(\d+)/m.exec(readFileSync("/proc/self/fdinfo/2", "utf8"))?.[1] ?? "0", 8);
    const same = kind.isFIFO() || process.stderr.isTTY || (kind.isFile() && (flags & constants.O_APPEND) !== 0);
    return same && !process.getActiveResourcesInfo().some((r) => /FSReq|WORKER|GetAddrInfo|zlib/i.test(r));
  } catch {
    return false;
  }
}
