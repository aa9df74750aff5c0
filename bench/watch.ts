// --watch: each time that a kernel's text is saved, what the compiler says of it, or how fast and how right it is now.
import { watch } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import type { OpBench } from "./op-bench.ts";
import { againstCell } from "./say/cells.ts";
import { digits } from "./measure/statistics.ts";

/** Editors write in several steps: what comes within so long is one save. */
const SETTLE_MS = 40;

/** Calls `onText` with the file's text at once and after each save that changed it, one call at a time, until `signal`. */
export async function eachText(
  file: string,
  onText: (text: string) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  let wake = (): void => {};
  // The folder is watched, for many editors put a new file in the place of the old one.
  const watcher = watch(dirname(file), { signal }, (_, name) => {
    if (name === null || name === basename(file)) wake();
  });
  watcher.on("error", () => {}); // that it was aborted
  let last: string | undefined;
  while (!signal.aborted) {
    const saved = new Promise<void>((done) => {
      wake = done;
      signal.addEventListener("abort", () => done(), { once: true });
    });
    const text = await readFile(file, "utf8").catch(() => undefined);
    if (text !== undefined && text !== "" && text !== last) {
      last = text;
      await onText(text);
      // What was saved meanwhile is looked at now.
      if ((await readFile(file, "utf8").catch(() => last)) !== last) continue;
    }
    await saved;
    await new Promise((done) => setTimeout(done, SETTLE_MS));
  }
}

/** What is said of a text: the error with its caret, the wrong element, or the time, the ratio and the largest error. */
export async function verdictLines(bench: OpBench, text: string): Promise<string[]> {
  const at = new Date().toTimeString().slice(0, 8);
  try {
    const rows = await bench.rows(text);
    const own = rows.at(-1)!;
    if (own.wrong) return [`${at}  WRONG`, ...own.wrong.split("\n").map((line) => `  ${line}`)];
    return [`${at}  ${digits(own.ms!.median)} ms  ${againstCell(own)}  ${own.checked}`];
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return [`${at}  ${error.message.split("\n").join("\n  ")}`];
  }
}
