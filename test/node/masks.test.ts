// Which files of a folder are masks, and of which cases.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { masksIn } from "../../node/dataset/index.ts";

const test = suite("folders of masks");

for (const [what, files, masks] of [
  ["masks alone may have any name", ["ct_1", "ct_2"], { ct_1: "ct_1", ct_2: "ct_2" }],
  ["some with a word, some without", ["a", "b_mask"], { a: "a", b: "b_mask" }],
  ["images by their word are none", ["a_image", "a_mask", "b_image", "c"], { a: "a_mask", c: "c" }],
  ["images without a word are none, those without a mask too", ["a", "a_seg", "b"], { a: "a_seg" }],
] as const)
  test(what, async () => {
    const folder = await mkdtemp(join(tmpdir(), "cmedl-masks-"));
    try {
      for (const name of files) await writeFile(join(folder, `${name}.nii.gz`), "");
      const found = [...(await masksIn(folder))].map(([id, path]) => [id, basename(path, ".nii.gz")]);
      assert.equal(Object.fromEntries(found), masks);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

test.run();
