// What a run says of its pace.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Narrator } from "../../node/narrator.ts";
import { RunFolder } from "../../node/run/folder.ts";
import { Reporter } from "../../node/run/reporter.ts";
import { mergeConfig } from "../../train/config/check.ts";
import { PAPER_CONFIG } from "../../train/config/config.ts";
import type { StepReport } from "../../train/loop.ts";

const test = suite("reporter");

/** What is said of the first steps of a run of ten epochs that take so many milliseconds. */
async function said(...ms: readonly number[]): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), "cmedl-reporter-"));
  try {
    const run = await RunFolder.create(join(folder, "run"));
    const lines: string[] = [];
    const narrator = new Narrator({ quiet: true });
    narrator.say = (line) => void lines.push(line);
    const config = mergeConfig({ optimization: { epochs: 10 } }, PAPER_CONFIG);
    const options = { config, validation: undefined as never, teacher: undefined, stepsPerEpoch: 400 };
    const { onStep } = new Reporter(run, narrator, { ...options, at: { epoch: 0, step: 0 } }).hooks;
    for (const [i, took] of ms.entries()) {
      const place = { epoch: 0, step: i, stepsPerEpoch: 400, steps: i + 1 };
      await onStep?.({ ...place, losses: { lossG: 1 }, norms: { G: 1 }, ms: took } satisfies StepReport);
    }
    return lines;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test("a run that would take days says so once, by its second step, or by a first that is long", async () => {
  assert.equal(await said(9000, 100, 100), []);
  assert.equal(await said(100), []);
  const [line, ...others] = await said(9000, 30_000, 30_000);
  assert.match(
    line!,
    /^warning: 3998 steps are left, and one takes 30\.0 s here: some 1 days; smaller are --preset quick/,
  );
  assert.equal(others, []);
  assert.match((await said(92_000)).join(), /^warning: 3999 steps are left, and one takes 92\.0 s here: some 4 days/);
});

test.run();
