// How a run's process ends where its last report can't be written, and at a second Ctrl-C.
import { mkdirSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { bundleOf, start } from "../soak/child.ts";

const test = suite("ends of a run");

test("a run whose report can't be written says so when it is quiet too, with exit code 7; it is finished", async () => {
  const base = await mkdtemp(join(tmpdir(), "cmedl-unreported-"));
  try {
    const folder = join(base, "run");
    const report = join(folder, "report.html");
    const onLine = (line: string): void => {
      if (line.startsWith('{"event":"ready"')) mkdirSync(report);
    };
    const { code, stderr } = await start(await bundleOf("test/soak/tiny-run.ts"), [folder, "1", "8", "4"], { onLine })
      .ended;
    assert.is(code, 7, stderr);
    assert.ok(stderr.includes(report), stderr);
    assert.ok((await readFile(join(folder, "STATUS"), "utf8")).startsWith("finished"));
  } finally {
    await rm(base, { recursive: true, force: true });
  }
});

test("a second Ctrl-C ends the process as a signal does, without the exit of a driver that compiles", async () => {
  const { code, signal, stdout } = await start(await bundleOf("test/helpers/interrupted-twice.ts"), []).ended;
  assert.equal([code, signal], [null, "SIGINT"]);
  assert.ok(stdout.includes("Ctrl-C again to stop at once"), stdout);
});

test.run();
