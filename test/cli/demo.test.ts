// `cmedl demo`, two epochs of it: what README's first command prints and leaves behind.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readModelZip } from "../../train/model-zip.ts";
import { cmedl } from "./command.ts";

const test = suite("cmedl demo");

test("trains both rows, prints their Dice and says what it means; the model opens as the studio opens it", async () => {
  const folder = await mkdtemp(join(tmpdir(), "cmedl-demo-"));
  const out = join(folder, "demo");
  try {
    const { exitCode, stdout, stderr } = await cmedl(["demo", "--epochs", "2", "--out", out, "--quiet"]);
    assert.is(exitCode, 0, stderr);
    assert.match(stdout, /^ {2}CT only {5}\d\.\d{3} ± \d\.\d{3}$/m);
    assert.match(stdout, /^CMEDL\+pMRI against CT only: [+-]\d\.\d{3}, better in \d+ of 48 patients\.$/m);
    assert.match(stdout, /^One run proves little/m);
    for (const file of ["demo.svg", "ct-only/report.html", "cmedl/report.html"])
      assert.ok((await readFile(join(out, file))).length > 1000, file);
    for (const run of ["ct-only", "cmedl"]) {
      const path = join(out, run, "model.zip");
      const { config } = readModelZip(new Uint8Array(await readFile(path)), path);
      assert.is(config.data.size, 32);
      assert.is(config.networks.segmentor.width, 8);
    }
    const again = await cmedl(["demo", "--epochs", "2", "--out", out, "--quiet"]);
    assert.is(again.exitCode, 7, "nothing is overwritten");
  } finally {
    await rm(folder, { recursive: true });
  }
});

test.run();
