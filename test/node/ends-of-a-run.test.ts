// How a run's process ends where its last report can't be written, and at a second Ctrl-C.
import { mkdirSync, renameSync } from "node:fs";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
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

test("a run whose folder is moved, or whose disk leaves a mount point, says so and makes nothing in its place", async () => {
  for (const isMountPoint of [false, true]) {
    const base = await mkdtemp(join(tmpdir(), "cmedl-moved-"));
    try {
      const folder = join(base, "run");
      let steps = 0;
      const onLine = (line: string): void => {
        if (!line.startsWith('{"event":"step"') || ++steps !== 3) return;
        renameSync(folder, `${folder}.moved`);
        if (isMountPoint) for (const part of ["", "checkpoints", "pictures"]) mkdirSync(join(folder, part));
      };
      const bundle = await bundleOf("test/soak/tiny-run.ts");
      const { code, stderr } = await start(bundle, [folder, "4", "8", "2"], { onLine }).ended;
      assert.is(code, 7, stderr);
      assert.ok(stderr.includes(`${folder}: the run's folder is gone`), stderr);
      const made = await readdir(folder, { recursive: true }).catch(() => []);
      assert.equal(made.sort(), isMountPoint ? ["checkpoints", "pictures"] : []);
      const again = await start(bundle, [`${folder}.moved`, "4", "8", "2"]).ended;
      assert.is(again.code, 0, again.stderr);
    } finally {
      await rm(base, { recursive: true, force: true });
    }
  }
});

test("a second Ctrl-C ends the process as a signal does, without the exit of a driver that compiles", async () => {
  const { code, signal, stdout } = await start(await bundleOf("test/helpers/interrupted-twice.ts"), []).ended;
  assert.equal([code, signal], [null, "SIGINT"]);
  assert.ok(stdout.includes("Ctrl-C again to stop at once"), stdout);
});

test.run();
