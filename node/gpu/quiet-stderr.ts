// Dawn writes warnings to file descriptor 2 while it looks for drivers; nothing in its API stops or hands them over.

import { closeSync, constants, fstatSync, mkdtempSync, openSync, readFileSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isMainThread } from "node:worker_threads";

/**
 * Runs `work` with descriptor 2 led into an unlinked file for as long as the call is synchronous, and hands over the
 * lines that came. Where a descriptor can't be reopened without harm (a plain file, a socket, busy threads), only
 * runs `work`.
 */
export function overhear<T>(quiet: boolean, work: () => T): { value: T; lines: string[] } {
  const caught = quiet ? divertStderr() : undefined;
  let value: T;
  try {
    value = work();
  } catch (error) {
    caught?.();
    throw error;
  }
  return { value, lines: linesOf(caught?.() ?? "") };
}

/** Without "Warning: ", stack lines, and the note on dynamic offsets that every software driver causes. */
export function linesOf(text: string): string[] {
  return text
    .split("\n")
    .filter((line) => line.trim() !== "" && !/^\s+at /.test(line) && !/artificially reduced from \d+ to \d+/.test(line))
    .map((line) => line.replace(/^(Warning|Error): /, "").trim());
}

function divertStderr(): (() => string) | undefined {
  if (process.platform !== "linux" || !isMainThread || !canReopen()) return undefined;
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
