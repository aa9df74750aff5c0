// What a run keeps of its features: slices as the run cuts them, and maps that one write changes.
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Narrator } from "../../node/narrator.ts";
import { imageOf, readFeatureMaps, structureSlices, writeFeatureMaps } from "../../node/run/features.ts";
import { RunFolder } from "../../node/run/folder.ts";
import { planRun } from "../../node/run/plan.ts";
import { loadRunSets } from "../../node/run/sets.ts";
import type { FeatureMapsRecord } from "../../report/page/features-section.ts";
import { presetConfig } from "../../train/config/presets.ts";
import { writePhantoms } from "../helpers/phantom-folder.ts";

const test = suite("features of a run");
const SIZE = 32;
let folder = "";
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cmedl-features-"));
});
test.after(() => rm(folder, { recursive: true, force: true }));

test("slices that show a structure are those that validate, cut as the run cuts them", async () => {
  await writePhantoms(join(folder, "ct"), "CT", { size: SIZE });
  for (const fieldAt of ["centre", "tumour"] as const) {
    const data = { student: join(folder, "ct"), size: SIZE, fieldAt, fieldMm: 60 };
    const { config, sources } = await planRun(presetConfig("ct-only", { data }));
    const { validation } = await loadRunSets(config, sources, new Narrator({ quiet: true }));
    const [id] = config.cases.studentVal;
    const set = await structureSlices(sources.student, id!, config);
    assert.ok(set.count > 1);
    for (let s = 0; s < set.count; s++) {
      const { z } = set.origins[s]!;
      const same = validation.origins.findIndex((origin) => origin.id === id && origin.z === z);
      const wanted = new Float32Array(SIZE ** 2);
      validation.copyImage(same, wanted);
      assert.equal([...imageOf(set, s)], [...wanted], `${fieldAt}, slice ${z}`);
    }
  }
});

const record = (steps: number): FeatureMapsRecord => ({
  steps,
  slice: "slice 3 of case a",
  image: Uint8Array.of(steps, 255, 0),
  layers: [
    {
      name: "fine",
      shape: [32, 32, 3],
      shown: 3,
      networks: [
        { name: "student", png: Uint8Array.of(steps, 1) },
        { name: "teacher", png: Uint8Array.of(steps, 2) },
      ],
    },
  ],
});

test("one file holds all maps, so that a crash between two files can't mix those of two weights", async () => {
  const run = await RunFolder.create(join(folder, "run"));
  for (const steps of [10, 20]) {
    await writeFeatureMaps(run, record(steps));
    assert.equal(await readdir(join(run.path, "features")), ["maps.json"]);
    assert.equal(await readFeatureMaps(run), record(steps));
  }
});

test("maps whose pictures lie beside them, as earlier versions wrote them, are read", async () => {
  const run = await RunFolder.create(join(folder, "earlier"));
  await writeFeatureMaps(run, record(10));
  const file = join(run.path, "features", "maps.json");
  const { image, layers, ...rest } = JSON.parse(await readFile(file, "utf8"));
  const [{ networks, ...layer }] = layers;
  const named = networks.map(({ name }: { name: string }) => ({ name, png: `${name}-1.png` }));
  await writeFile(file, JSON.stringify({ ...rest, image: "slice.png", layers: [{ ...layer, networks: named }] }));
  assert.is(typeof image, "string");
  await writeFile(join(run.path, "features", "slice.png"), record(10).image);
  for (const { name, png } of record(10).layers[0]!.networks)
    await writeFile(join(run.path, "features", `${name}-1.png`), png);
  assert.equal(await readFeatureMaps(run), record(10));
  await rm(join(run.path, "features", "teacher-1.png"));
  assert.is(await readFeatureMaps(run), undefined);
});

test.run();
