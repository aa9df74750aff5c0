// A library user's way on Node, through cmedl/node alone: train on folders of scans, segment a volume, evaluate.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseNifti, writeNifti } from "../../data/index.ts";
import { DataError } from "../../data/errors.ts";
import { Device } from "../../engine/index.ts";
import * as cmedlNode from "../../node/index.ts";
import { presetConfig } from "../../train/index.ts";
import { writePhantoms } from "../helpers/phantom-folder.ts";

const {
  Narrator,
  RunFolder,
  VolumeSegmenter,
  evaluateRun,
  loadRunSets,
  maskOf,
  openNodeGpu,
  openSources,
  phantomSource,
  planRun,
  prepareVolume,
  readVolume,
  scanSource,
  testCases,
  trainRun,
} = cmedlNode;

const test = suite("cmedl/node");
let folder = "";
const at = (...parts: string[]): string => join(folder, ...parts);
const narrator = new Narrator({ quiet: true });

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cmedl-node-"));
  for (const modality of ["CT", "MR"] as const)
    await writePhantoms(at(modality), modality, { size: 32, slices: 5, count: 2 });
});
test.after(() => rm(folder, { recursive: true, force: true }));

/** Two epochs of one step, of networks that are hardly any. */
const asked = () =>
  presetConfig("mutual", {
    data: { student: at("CT"), teacher: at("MR"), size: 32 },
    networks: { segmentor: { width: 2 } },
    optimization: { batch: 1, epochs: 2, steps: 1 },
  });

test("two folders of scans train a run, which segments a volume and is evaluated", async () => {
  const { gpu } = await openNodeGpu({ quiet: true });
  using device = await Device.open(gpu);
  const { config, sources } = await planRun(asked());
  assert.is(config.cases.studentTrain.length, 1);
  assert.is(config.cases.studentVal.length, 1);
  assert.is(config.cases.teacherTrain.length, 2);
  const run = await RunFolder.create(at("run"));
  await run.writeConfig(config);
  using sets = await loadRunSets(config, sources, narrator);
  const { epochs } = await trainRun(device, { config, sets, run, narrator });
  assert.equal(
    epochs.map((e) => e.steps),
    [1, 2],
  );
  assert.match(await readFile(join(run.path, "STATUS"), "utf8"), /^finished\n/);

  const stored = await run.readConfig();
  assert.equal(stored, config);
  const { checkpoint } = await run.bestOrLatest();
  using segmenter = await VolumeSegmenter.open(device, stored, checkpoint);
  const [id = ""] = stored.cases.studentVal;
  const path = at("CT", `${id}_image.nii.gz`);
  const volume = await readVolume(path);
  const { image, range } = prepareVolume(volume, stored, path);
  const classes = await segmenter.segment(image, range);
  assert.is(classes.length, image.data.length);
  assert.ok(classes.every((k) => k <= 1));
  const mask = parseNifti(writeNifti(maskOf(classes, volume, stored), volume), "mask");
  assert.equal(mask.shape, volume.shape);
  assert.equal(mask.affine, volume.affine);

  const source = await scanSource(at("CT"));
  const cases = testCases(source, stored.cases.studentVal, stored);
  const found = await evaluateRun(device, stored, run, cases, { toleranceMm: 3 });
  assert.equal(Object.keys(found), [id]);
  assert.equal(Object.keys(found[id] ?? {}), ["DSC", "SDSC", "HD95", "segmented"]);
});

test("scans and phantoms are read the same way, and a case that is gone is named", async () => {
  const config = (await planRun(asked())).config;
  const phantoms = {
    student: phantomSource("CT", 32, 1, { train: 1, validate: 1, test: 0 }),
    teacher: phantomSource("MR", 32, 1, { train: 1, validate: 0, test: 0 }),
  };
  const cases = { studentTrain: ["ct-001"], studentVal: ["ct-002"], teacherTrain: ["mr-001"] };
  for (const sources of [phantoms, await openSources(config)]) {
    const sets = await loadRunSets({ ...config, cases }, sources, narrator);
    assert.equal([...new Set(sets.validation.origins.map((o) => o.id))], ["ct-002"]);
    assert.is(sets.teacher?.size, 32);
    const gone = { ...cases, teacherTrain: ["mr-009"] };
    try {
      await loadRunSets({ ...config, cases: gone }, sources, narrator);
      assert.unreachable("a case that is gone was read");
    } catch (error) {
      assert.instance(error, DataError);
      assert.match((error as Error).message, /: case mr-009 of the run is gone; put its files back/);
    }
  }
});

test.run();
