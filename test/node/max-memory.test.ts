// A set of three times the memory that slices may take: a process goes through its epochs, and its memory does not
// grow.
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { writeNifti } from "../../data/formats/nifti.ts";
import { makeVolume } from "../../data/volume.ts";

const test = suite("max memory");
const MIB = 2 ** 20;
const LIMIT = 32 * MIB;
const SIZE = 256;
const CASES = 8;
const SLICES = 20;

let folder = "";
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cmedl-memory-"));
  for (const [name, low] of [
    ["ct", -1000],
    ["mr", 0],
  ] as const) {
    await mkdir(join(folder, name));
    for (let c = 0; c < CASES; c++) {
      const data = new Int16Array(SIZE * SIZE * SLICES).map((_, i) => (i % 3 === 0 ? low : (i % 190) + c));
      const image = makeVolume("x", data, [SIZE, SIZE, SLICES], [1, 1, 2]);
      const mask = new Uint8Array(data.length).map((_, i) => +(i % 97 === 0));
      await writeFile(join(folder, name, `${name}${c}_image.nii`), writeNifti(data, image));
      await writeFile(join(folder, name, `${name}${c}_mask.nii`), writeNifti(mask, image));
    }
  }
});
test.after(() => rm(folder, { recursive: true, force: true }));

test("a set of three times the allowed memory goes through epochs in less than that memory, which does not grow", async () => {
  const run = async () => {
    const args = ["tools/run.mjs", "test/helpers/stream-slices.ts"];
    const { stdout } = await promisify(execFile)(process.execPath, [
      ...args,
      ...[join(folder, "ct"), join(folder, "mr"), join(folder, "cache"), String(LIMIT), String(SIZE)],
    ]);
    return JSON.parse(stdout) as Record<string, number>;
  };
  const first = await run();
  const shown = JSON.stringify(first);
  assert.ok(first.slicesBytes! >= 3 * LIMIT, shown);
  assert.is(first.made, 2 * CASES);
  // What stays in memory: nothing of the set; epochs take no more than their first steps did.
  assert.ok(first.most! - first.early! < 16 * MIB, `while batches are read: ${shown}`);
  const again = await run();
  assert.is(again.made, 0);
  assert.ok(again.most! - again.atStart! < LIMIT, `from a cache that is there: ${JSON.stringify(again)}`);
});

test.run();
