// Which slices a configuration takes, and where their fields lie: from its fields to sets and tested cases.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { configFrom } from "../../cli/config-flags.ts";
import type { Slices } from "../../data/slices.ts";
import { CommandError } from "../../node/errors.ts";
import { Narrator } from "../../node/narrator.ts";
import { testCases } from "../../node/run/evaluate.ts";
import { planRun } from "../../node/run/plan.ts";
import { loadRunSets } from "../../node/run/sets.ts";
import { presetConfig } from "../../train/config/presets.ts";
import { writePhantoms } from "../helpers/phantom-folder.ts";
import { refused } from "../helpers/refused.ts";

const test = suite("slicing");
const SIZE = 32;
let folder = "";
const narrator = new Narrator({ quiet: true });

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cmedl-slicing-"));
  // The first two slices of each CT show no lung, and no tumour.
  const below = 2 * SIZE * SIZE;
  await writePhantoms(join(folder, "ct"), "CT", {
    size: SIZE,
    image: (values) => values.fill(30, 0, below),
    mask: (mask) => mask.fill(0, 0, below),
  });
});
test.after(() => rm(folder, { recursive: true, force: true }));

const planned = async (data: object) =>
  await planRun(presetConfig("ct-only", { data: { student: join(folder, "ct"), size: SIZE, negatives: 9, ...data } }));

const zOf = ({ origins }: Slices): number[] => [...new Set(origins.map(({ z }) => z))].sort();

test("slices: lung leaves out slices without lung in training, validation and test", async () => {
  for (const [slices, first] of [
    ["all", 0],
    ["lung", 2],
  ] as const) {
    const { config, sources } = await planned({ slices });
    const { student, validation } = await loadRunSets(config, sources, narrator);
    // Without lung a slice of one value shows nothing, and does not train anyway.
    assert.is(zOf(student)[0], 2);
    assert.is(zOf(validation)[0], first);
    const tested = testCases(sources.student, config.cases.studentVal, config);
    for await (const { case: c } of tested) assert.is(c.image.shape[2], 6 - first);
  }
});

test("fieldAt: tumour moves fields to where the tumour is", async () => {
  const shares: number[] = [];
  for (const fieldAt of ["centre", "tumour"]) {
    const { config, sources } = await planned({ fieldAt, fieldMm: 60, negatives: 0 });
    const { student } = await loadRunSets(config, sources, narrator);
    const mask = new Uint8Array(SIZE * SIZE);
    let foreground = 0;
    for (let i = 0; i < student.count; i++) {
      student.copyMask(i, mask);
      foreground += mask.reduce((a, b) => a + b, 0);
    }
    shares.push(foreground / student.count);
  }
  assert.ok(shares[1]! > 1.5 * shares[0]!, shares.join());
});

test("flags say both; lungs are looked for in CT alone", async () => {
  const { data } = await configFrom(undefined, { slices: "lung", fieldAt: "tumour" });
  assert.equal([data.slices, data.fieldAt], ["lung", "tumour"]);
  await refused(configFrom(undefined, { slices: "lungs" }), /^--slices lungs: did you mean lung\?/, CommandError);
  await refused(
    configFrom(undefined, { preset: "mri-only", slices: "lung" }),
    /^--slices lung: give all: lungs are found in CT only/,
    CommandError,
  );
});

test.run();
