// --watch: each time that a kernel's text is saved, what the compiler says of it, or how fast and how right it is now.
import { watch } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import type { OpBench } from "./op-bench.ts";
import { againstCell } from "./say/cells.ts";
import { digits } from "./measure/statistics.ts";

/** Editors write in several steps: what comes within so long is one save. */
const SETTLE_MS = 40;

/**
 * Calls `onText` with the file's text at once and after each save that changed it, one call at a time, until `signal`.
 */
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

/**
 * What is printed about a text: the error with its caret, the wrong element, or the largest error, as soon as it is
 * known, and then the time and the ratio.
 */
export async function sayVerdict(bench: OpBench, text: string, say: (line: string) => void): Promise<void> {
  const at = new Date().toTimeString().slice(0, 8);
  const indented = (lines: string): string => `${at}  ${lines.split("\n").join("\n  ")}`;
  try {
    const rows = await bench.rows(text, ({ checked, wrong }) =>
      say(indented(wrong === undefined ? `right: ${checked}` : `WRONG\n${wrong}`)),
    );
    const { ms, wrong, ...own } = rows.at(-1)!;
    if (wrong === undefined) say(indented(`${digits(ms!.median)} ms  ${againstCell(own)}`));
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    say(indented(error.message));
  }
}
