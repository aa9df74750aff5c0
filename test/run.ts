// Runs test files and closes with one line, "N passed, N failed". A file that registers no suite fails: uvu drops a
// suite without .run() in silence.
declare global {
  var UVU_DEFER: number;
  var UVU_INDEX: number;
  var UVU_QUEUE: [
    string | null,
    ...(() => Promise<[errors: string | true, ran: number, skipped: number, total: number]>)[],
  ][];
}

export interface Outcome {
  passed: number;
  failed: number;
  skipped: number;
}

let running = "";
/** The test file that runs now. */
export const runningFile = (): string => running;

/** The closing line. */
export const closing = (o: Outcome): string => `${o.passed} passed, ${o.failed} failed`;

/** Imports and runs each file in turn; true if nothing failed. */
export async function runFiles(
  files: readonly (readonly [name: string, load: () => Promise<unknown>])[],
  print: (line: string) => void = console.log,
): Promise<boolean> {
  const outcome = await runFilesQuietly(files, print);
  print(closing(outcome));
  return outcome.failed === 0;
}

/** As runFiles, less the closing line. */
export async function runFilesQuietly(
  files: readonly (readonly [name: string, load: () => Promise<unknown>])[],
  print: (line: string) => void,
): Promise<Outcome> {
  let passed = 0;
  let failed = 0;
  let skipped = 0;
  const failures: string[] = [];
  if (!globalThis.UVU_DEFER) throw new Error("UVU_DEFER must be set before uvu loads, or uvu runs the suites too");
  globalThis.UVU_QUEUE = [];
  for (const [name, load] of files) {
    const start = performance.now();
    globalThis.UVU_INDEX = UVU_QUEUE.push([null]) - 1;
    running = name;
    let ran = 0;
    let bad = 0;
    try {
      await load();
      const [, ...suites] = UVU_QUEUE[UVU_INDEX];
      if (suites.length === 0) throw new Error("registers no suite: a .run() is missing");
      for (const suite of suites) {
        const [errors, good, skips, total] = await suite();
        ran += good;
        bad += total - good;
        skipped += skips;
        if (errors !== true) failures.push(`${name}\n${errors}`);
      }
    } catch (error) {
      bad++;
      failures.push(`${name}\n  ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    }
    passed += ran;
    failed += bad;
    print(
      `${bad ? "FAIL" : "ok  "} ${name}: ${ran} passed${bad ? `, ${bad} failed` : ""} in ${((performance.now() - start) / 1000).toFixed(1)} s`,
    );
  }
  for (const f of failures) print(`\n${f}`);
  if (skipped) print(`${skipped} skipped`);
  return { passed, failed, skipped };
}
