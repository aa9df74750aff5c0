// The standard scale of a run's histograms: who teaches it, where it is kept, and how a command line asks for it.
import { cp, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { configFrom } from "../../cli/config-flags.ts";
import { DataError } from "../../data/errors.ts";
import type { Slices } from "../../data/slices.ts";
import { landmarksOf, standardLandmarks } from "../../data/standardization.ts";
import { readWholeConfig, writeConfig } from "../../node/config-file.ts";
import { CommandError } from "../../node/errors.ts";
import { ExperimentData } from "../../node/experiment/data.ts";
import { Narrator } from "../../node/narrator.ts";
import { withLandmarks } from "../../node/run/landmarks.ts";
import { planRun } from "../../node/run/plan.ts";
import { scanSource } from "../../node/run/source.ts";
import { loadRunSets } from "../../node/run/sets.ts";
import { prepareVolume } from "../../train/volumes/volume-segmenter.ts";
import { unitOf } from "../../train/volumes/volume-translator.ts";
import type { TrainConfig } from "../../train/config/config.ts";
import { presetConfig } from "../../train/config/presets.ts";
import { writePhantoms } from "../helpers/phantom-folder.ts";
import { refused } from "../helpers/refused.ts";

const test = suite("landmarks of a run");
let folder = "";
const at = (...parts: string[]): string => join(folder, ...parts);
const narrator = new Narrator({ quiet: true });

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cmedl-landmarks-"));
  // Each image in a scale of its own, as MR has it.
  const image = (values: Int16Array<ArrayBuffer>, i: number) => Float32Array.from(values, (v) => v * (1 + i));
  await writePhantoms(at("mr"), "MR", { size: 32, slices: 5, count: 4, image });
  await writePhantoms(at("ct"), "CT", { size: 32, slices: 5, count: 4 });
});
test.after(() => rm(folder, { recursive: true, force: true }));

/** MR is segmented and MR teaches, each by its histogram. */
const asked = (more: object = {}): TrainConfig =>
  presetConfig("mutual", {
    data: {
      student: at("mr"),
      teacher: at("mr"),
      size: 32,
      studentIntensity: { kind: "histogram" },
      teacherIntensity: { kind: "histogram", high: 300 },
      ...more,
    },
  });

const landmarksIn = ({ data }: TrainConfig) =>
  [data.studentIntensity, data.teacherIntensity].map((rule) =>
    rule.kind === "histogram" ? rule.landmarks : undefined,
  );

test("landmarks are learned from the images that train alone, and kept in the configuration", async () => {
  const { config, sources } = await planRun(asked());
  const { studentTrain, studentVal, teacherTrain } = config.cases;
  assert.ok(studentVal.length > 0);
  const images = async (ids: readonly string[]): Promise<number[][]> =>
    Promise.all(ids.map(async (id) => landmarksOf((await sources.student.load(id)).image.data, id)));
  const wanted = standardLandmarks(await images(studentTrain));
  assert.equal(landmarksIn(config), [wanted, standardLandmarks(await images(teacherTrain))]);
  assert.not.equal(wanted, standardLandmarks(await images([...studentTrain, ...studentVal])));

  await writeFile(at("config.yaml"), writeConfig(config));
  assert.equal(await readWholeConfig(at("config.yaml")), config);
  assert.equal(unitOf(config.data.teacherIntensity), { low: 0, high: 300 });
  assert.equal(unitOf(config.data.studentIntensity), { low: 0, high: wanted.at(-1) });

  // The phantoms are alike but for their scales: so are their slices once they are standardized.
  const { student, validation } = await loadRunSets(config, sources, narrator);
  const mean = (slices: Slices): number => {
    const image = new Float32Array(slices.size ** 2);
    let sum = 0;
    for (let i = 0; i < slices.count; i++) {
      slices.copyImage(i, image);
      sum += image.reduce((a, b) => a + b, 0);
    }
    return sum / slices.count / image.length;
  };
  assert.ok(Math.abs(mean(student) - mean(validation)) < 0.1);
  const validated = await sources.student.load(studentVal[0]!);
  const { range } = prepareVolume(validated.image, config, "mr");
  assert.equal(range.standardization?.standard, wanted);
});

test("a run's configuration that begins another run has its landmarks learned anew; given ones stay", async () => {
  const { config } = await planRun(asked({ fold: [1, 4] }));
  const other = await planRun({ ...config, data: { ...config.data, fold: [2, 4] } });
  assert.not.equal(other.config.cases, config.cases);
  assert.not.equal(landmarksIn(other.config)[0], landmarksIn(config)[0]);
  const given = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
  const kept = await planRun(asked({ studentIntensity: { kind: "histogram", landmarks: given } }));
  assert.equal(landmarksIn(kept.config)[0], given);
});

test("they are learned from images alone: no mask is read for them", async () => {
  const set = at("unmasked");
  await cp(at("mr"), set, { recursive: true });
  const masks = (await readdir(set)).filter((name) => name.includes("mask"));
  assert.ok(masks.length > 0);
  const source = await scanSource(set);
  for (const name of masks) await writeFile(join(set, name), "no mask");
  const [id] = source.cases.map((c) => c.id);
  const config = { ...asked(), cases: { studentTrain: [id!], studentVal: [], teacherTrain: [] } };
  const [learned] = landmarksIn(await withLandmarks(config, { student: source }, narrator));
  assert.equal(learned, standardLandmarks([landmarksOf((await source.loadImage(id!)).data, id!)]));
});

test("an experiment learns them by its own cases", async () => {
  const data = await ExperimentData.ofFolders({ student: at("mr"), teacher: at("mr") }, ["mr", "mr"], narrator);
  const { test: _, ...cases } = await data.cases(false, 0, 2);
  const learned = await data.learned({ ...asked(), cases }, false);
  const { config } = await planRun(asked({ fold: [1, 2] }));
  assert.equal(config.cases.studentTrain, cases.studentTrain);
  assert.equal(landmarksIn(learned)[0], landmarksIn(config)[0]);
});

test("an image without a histogram to standardize is named", async () => {
  const config = asked({ student: at("ct"), teacher: at("mr") });
  await refused(planRun(config), /ct-00\d_image\.nii\.gz: intensity: 1 % of its values lie below -/, DataError);
});

test("flags and presets ask for histograms; what can't be is refused", async () => {
  const intensities = async (flags: Record<string, unknown>) => {
    const { data } = await configFrom(undefined, flags);
    return [data.studentIntensity, data.teacherIntensity];
  };
  const histogram = { kind: "histogram", low: 0, high: null, landmarks: null };
  const percentile = { kind: "percentile", percentile: 98 };
  assert.equal(await intensities({ window: "histogram", teacherWindow: "98%" }), [histogram, percentile]);
  assert.equal(await intensities({ preset: "equal-teacher" }), [
    { ...histogram, high: 1136 },
    { ...histogram, high: 1814 },
  ]);
  const set = ["data.teacherIntensity={kind: histogram, low: 10, high: 900}"];
  assert.equal((await intensities({ set }))[1], { ...histogram, low: 10, high: 900 });
  await refused(
    configFrom(undefined, { set: ["data.teacherIntensity={kind: histogram, low: 10, high: 9}"] }),
    /data\.teacherIntensity\.high: is 9, low is 10; give a value above low/,
    CommandError,
  );
  await refused(
    configFrom(undefined, { set: ["data.teacherIntensity={kind: histogram, landmarks: [3, 2, 1]}"] }),
    /landmarks: is \[3,2,1\]; give 11 numbers \[a, b, …\] above 0 that rise, or null/,
    CommandError,
  );
  await refused(
    configFrom(undefined, { teacherWindow: "high" }),
    /^--teacher-window high: give soft, lung, histogram/,
    CommandError,
  );
});

test.run();
