// A run without files: phantoms or cases in memory, planned, cut into slices, trained, exported and used.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../../data/errors.ts";
import { phantomSet } from "../../data/synthetic.ts";
import { Device, UsageError } from "../../engine/index.ts";
import { readCheckpoint } from "../../train/checkpoint.ts";
import { presetConfig } from "../../train/config/presets.ts";
import type { EpochReport } from "../../train/loop.ts";
import { readModelZip, writeModelZip } from "../../train/model-zip.ts";
import { memorySource } from "../../train/run/case-source.ts";
import { phantomCases } from "../../train/run/phantoms.ts";
import { planCases } from "../../train/run/plan.ts";
import { makeSets } from "../../train/run/sets.ts";
import { openTraining, trainingParts } from "../../train/run/training-parts.ts";
import { VolumeSegmenter, prepareVolume } from "../../train/volumes/volume-segmenter.ts";
import { environment } from "../helpers/environment.ts";
import { refused } from "../helpers/refused.ts";

const test = suite("run in memory");

const tiny = {
  data: { size: 32 },
  networks: {
    segmentor: { width: 2 },
    generator: { width: 2, blocks: 1 },
    discriminator: { width: 2, layers: 2 },
    features: { width: 2 },
  },
  optimization: { batch: 2, steps: 2, epochs: 1 },
};
const counts = { train: 2, validate: 1, test: 0 };
const sources = { student: phantomCases("CT", 32, 4, counts), teacher: phantomCases("MR", 32, 4, counts) };
const lists = { student: sources.student.lists, teacher: sources.teacher.lists };

test("phantoms are planned, read, trained and exported; the zip segments as the trained networks do", async () => {
  const config = await planCases(presetConfig("cmedl", tiny), sources, { lists });
  assert.equal(config.cases, {
    studentTrain: ["ct-001", "ct-002"],
    studentVal: ["ct-003"],
    teacherTrain: ["mr-001", "mr-002"],
  });
  assert.is(config.data.fieldMm, 330);
  const seen: string[] = [];
  const sets = await makeSets(config, sources, { onProgress: ({ what, id }) => void seen.push(`${what} ${id}`) });
  assert.equal(seen, ["student ct-001", "student ct-002", "teacher mr-001", "teacher mr-002", "validation ct-003"]);
  const { slices } = sets.statistics;
  assert.is(slices.student.count, sets.student.count);
  assert.ok(slices.student.foreground[0]! > 0 && slices.teacher!.foreground[0]! > 0);
  assert.is(sets.validation.count, 16);

  using device = await Device.open((await environment().gpu()).gpu);
  const epochs: EpochReport[] = [];
  const saved: Uint8Array<ArrayBuffer>[] = [];
  using training = await openTraining(device, config, sets);
  const outcome = await training.run({
    onEpoch: (report) => void epochs.push(report),
    save: async (bytes) => void saved.push(bytes),
  });
  assert.is(outcome, "finished");
  assert.is(epochs[0]?.steps, 2);
  assert.ok(Number.isFinite(epochs[0]?.validation?.loss));

  const checkpoint = await readCheckpoint(saved.at(-1)!, "memory");
  const model = readModelZip(writeModelZip({ config, checkpoint, statistics: sets.statistics, version: "1" }));
  assert.match(model.card, /training images \| 2 cases, \d+ slices, of whose pixels [\d.]+ % are foreground/);
  const images = new Float32Array(2 * 32 ** 2);
  for (let i = 0; i < 2; i++) sets.validation.copyImage(i, images, i * 32 ** 2);
  using segmenter = await VolumeSegmenter.open(device, model.config, model, { batch: 8 });
  assert.equal(await segmenter.probabilities(images), await training.segment(images));
  const { image: stored } = await sources.student.load("ct-003");
  const { image, range } = prepareVolume(stored, model.config, "ct-003");
  assert.is((await segmenter.segment(image, range)).length, stored.data.length);
});

test("a run that goes on from a checkpoint has the losses of one that never stopped", async () => {
  const asked = presetConfig("ct-only", tiny, { optimization: { epochs: 2 } });
  const config = await planCases(asked, { student: sources.student }, { lists: { student: lists.student } });
  const sets = await makeSets(config, { student: sources.student });
  const course = async (
    from?: Uint8Array<ArrayBuffer>,
  ): Promise<{ losses: unknown[]; saved: Uint8Array<ArrayBuffer>[] }> => {
    using device = await Device.open((await environment().gpu()).gpu);
    const checkpoint = from && { checkpoint: await readCheckpoint(from, "memory"), file: "memory" };
    using training = await openTraining(device, config, sets, checkpoint ? { from: checkpoint } : {});
    const losses: unknown[] = [];
    const saved: Uint8Array<ArrayBuffer>[] = [];
    await training.run({
      onStep: (step) => void losses.push(step.losses),
      save: async (bytes) => void saved.push(bytes),
    });
    return { losses, saved };
  };
  const whole = await course();
  const rest = await course(whole.saved[0]);
  assert.is(whole.losses.length, 4);
  assert.equal(rest.losses, whole.losses.slice(2));
});

test("cases in memory are split by patient; masks that do not count take every slice that shows something", async () => {
  const cases = phantomSet({ modality: "CT", seed: 1, size: 48, slices: 4 }, 4);
  const student = memorySource("CT", cases);
  const config = await planCases(presetConfig("ct-only", tiny), { student });
  assert.is(config.cases.studentTrain.length + config.cases.studentVal.length, 4);
  const unmarked = memorySource("MR", phantomSet({ modality: "MR", seed: 1, size: 48, slices: 4 }, 2), {
    withMasks: false,
  });
  const asked = presetConfig("no-expert-teacher", tiny);
  const taught = await planCases(asked, { student, teacher: unmarked });
  const sets = await makeSets(taught, { student, teacher: unmarked });
  assert.ok(sets.teacher!.count > 0);
  assert.equal(sets.statistics.slices.teacher!.foreground, [0]);
  // The prior is the student's alone.
  const { networks } = trainingParts(taught, sets).regime;
  assert.ok("SC" in networks);
});

test("what is odd, missing or too late is told in words", async () => {
  const config = await planCases(presetConfig("cmedl", tiny), sources, { lists });
  const swapped = { student: sources.teacher, teacher: sources.student };
  const cases = { studentTrain: ["mr-001"], studentVal: ["mr-002"], teacherTrain: ["ct-001"] };
  const odd: string[] = [];
  await makeSets({ ...config, cases }, swapped, {
    onOdd: ({ problem }, { name }) => void odd.push(`${name}: ${problem}`),
  });
  assert.is(odd.length, 3);
  assert.match(odd[0]!, /^MR phantoms: of mr-001, of 1 images: 0 % of the voxels lie between −1100 and −50/);
  assert.not.match(odd.join(), /--force/);
  const gone = { ...config, cases: { ...config.cases, teacherTrain: ["mr-009"] } };
  await refused(makeSets(gone, sources), /MR phantoms: cases: case mr-009 of the run is gone/, DataError);
  const enough = AbortSignal.abort(new Error("enough"));
  await refused(makeSets(config, sources, { signal: enough }), /enough/, Error);
  const sets = await makeSets(config, sources);
  const { networks } = config;
  const named = { ...config, networks: { ...networks, features: { ...networks.features, file: "vgg.pth" } } };
  await refused(
    () => trainingParts(named, sets),
    /networks.features.file is vgg.pth, whose weights are not given/,
    UsageError,
  );
});

/** Phantoms whose masks hold `label`, from a source that names its labels. */
const named = (modality: "CT" | "MR", label: number, names: readonly (readonly [number, string])[]) => {
  const patients = phantomSet({ modality, seed: 1, size: 32, slices: 4 }, 3, 0);
  const cases = patients.map((c) => ({ ...c, mask: c.mask.map((v) => v * label) as Uint8Array<ArrayBuffer> }));
  return { ...memorySource(`${modality} cases`, cases), labels: new Map(names) };
};

test("a label that is one structure for the student and another for the teacher is refused, names come along", async () => {
  const student = named("CT", 1, [
    [1, "liver"],
    [2, "spleen"],
  ]);
  const teacher = named("MR", 1, [
    [1, "kidney"],
    [2, "liver"],
  ]);
  const asked = presetConfig("cmedl", tiny, { data: { labels: [1] } });
  const other = /MR cases: labels: 1 is kidney, and liver in CT cases/;
  await refused(() => planCases(asked, { student, teacher }), other, DataError);
  const alike = { ...teacher, labels: new Map([[1, "Liver"]]) };
  const config = await planCases(asked, { student, teacher: alike });
  assert.equal(config.data.names, ["liver"]);
  await refused(() => makeSets(config, { student, teacher }), other, DataError);
});

test("masks with a class beyond the structures are refused", async () => {
  const student = named("CT", 3, []);
  const config = await planCases(presetConfig("ct-only", tiny), { student });
  await refused(
    () => makeSets(config, { student }),
    /CT cases: mask: of ct-\d+ holds class 3, of 1 structure/,
    DataError,
  );
});

test("cases are found whatever Unicode form their ids have", async () => {
  const [patient] = phantomSet({ modality: "CT", seed: 1, size: 32, slices: 4 }, 1, 0);
  const source = memorySource("cases", [{ ...patient!, id: "cafe\u0301" }]);
  assert.is((await source.load("caf\u00e9")).id, "cafe\u0301");
});

test.run();
