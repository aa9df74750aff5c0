// Labels of folders that number their structures themselves: what a run calls them, and folders that differ.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../../data/errors.ts";
import { writeNifti } from "../../data/formats/nifti.ts";
import { type Modality, phantomSet } from "../../data/synthetic.ts";
import { checkData } from "../../node/check/check.ts";
import { Narrator } from "../../node/narrator.ts";
import { openSources, planRun } from "../../node/run/plan.ts";
import { loadRunSets } from "../../node/run/sets.ts";
import { presetConfig } from "../../train/config/presets.ts";
import { refused } from "../helpers/refused.ts";

const test = suite("label names");
const root = mkdtempSync(join(tmpdir(), "cmedl-label-names-"));
test.after(() => rmSync(root, { recursive: true, force: true }));
const narrator = new Narrator({ quiet: true });

/** A folder a patient with a file for each of some structures, all of one mask. */
function folder(name: string, modality: Modality, structures: readonly string[]): string {
  for (const c of phantomSet({ modality, seed: 1, size: 32, slices: 4 }, 3)) {
    const place = join(root, name, c.id);
    mkdirSync(join(place, "segmentations"), { recursive: true });
    writeFileSync(join(place, "image.nii.gz"), writeNifti(Int16Array.from(c.image.data), c.image));
    const mask = writeNifti(Uint8Array.from(c.mask), c.image);
    for (const structure of structures) writeFileSync(join(place, "segmentations", `${structure}.nii.gz`), mask);
  }
  return join(root, name);
}

const ct = folder("ct", "CT", ["gtv", "heart"]);
const mr = folder("mr", "MR", ["aorta", "gtv"]);
const alike = folder("alike", "MR", ["GTV"]);
const asked = (teacher: string, labels: number[] | null, preset = "cmedl") =>
  presetConfig(preset, { data: { student: ct, teacher, labels, size: 32 } });

const problem = /mr: labels: 1 is aorta, and gtv in .*ct; give both folders the same structures, or number them alike/;

test("a run's structures have the names that its folder's structures have", async () => {
  assert.equal((await planRun(asked(alike, [1]))).config.data.names, ["gtv"]);
  assert.is((await planRun(asked(alike, [1, 3]))).config.data.names, null);
});

test("a wanted label that is two structures is refused by plan, sets and check; one that isn't asked for is not", async () => {
  await refused(planRun(asked(mr, [1])), problem, DataError);
  const { config, sources } = await planRun(asked(alike, [1]));
  assert.is((await loadRunSets(config, sources, narrator)).teacher!.size, 32);
  const moved = { ...config, data: { ...config.data, teacher: mr } };
  await refused(loadRunSets(moved, await openSources(moved), narrator), problem, DataError);
  const { findings } = await checkData(asked(mr, [1]), ["xC", "yC", "xM", "yM"], narrator);
  assert.match(findings.map(({ message }) => message).join("\n"), problem);
  await planRun(asked(alike, [1, 2]));
});

test("a teacher whose masks are not read may number as it likes", async () => {
  await planRun(asked(mr, [1], "no-expert-teacher"));
});

test.run();
