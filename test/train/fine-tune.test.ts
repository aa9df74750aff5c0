// Fine-tuning: the last stages alone learn, the model that was given stays, and slices left out tell what it was worth.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../../data/errors.ts";
import { type Range, rangeOf, softTissueWindow } from "../../data/intensity.ts";
import type { LoadedCase } from "../../data/slices.ts";
import { phantomSet } from "../../data/synthetic.ts";
import { sliceTiles, tilesOf } from "../../data/tiles.ts";
import { RandomStreams, UsageError } from "../../engine/index.ts";
import { type NetworkModel, loadModel, networkModel, saveModel } from "../../inference/index.ts";
import { SEGMENTORS, type SegmentorName, segmentorRow } from "../../models/index.ts";
import { fineTune, lastStagesOf, slicesForModel } from "../../train/index.ts";
import { openDevice } from "../helpers/device.ts";
import { refused } from "../helpers/refused.ts";

const test = suite("fine-tuning");
const SIZE = 32;

function made(network: SegmentorName, structures = 1): NetworkModel {
  const labels = Array.from({ length: structures }, (_, i) => ({ value: i + 1, name: `structure ${i + 1}` }));
  const module = segmentorRow(network).make({ width: 4, outputs: structures === 1 ? 1 : structures + 1 });
  module.initialize(new RandomStreams(7));
  const images = { size: SIZE, fieldMm: 330, intensity: softTissueWindow, labels };
  return networkModel({ network, module, ...images, statistics: "image" });
}

const [patient] = phantomSet({ modality: "CT", seed: 2, size: SIZE, slices: 16 }, 1, 0) as [LoadedCase];
/** All that is brighter than fat: any network learns it within a few steps. */
const bright = Uint8Array.from(patient.image.data, (v) => Number(v > -60));
const range: Range = rangeOf(softTissueWindow, patient.image.data, "phantom");
const corrected = { ...patient, mask: bright };
const learned = [0, 2, 4, 6, 8, 10, 12, 14];

test("the last two decoder stages and the head learn, in each network", () => {
  assert.equal(Object.fromEntries(SEGMENTORS.map((name) => [name, lastStagesOf(made(name)).paths.join(" ")])), {
    unet: "up.2 up.3 head",
    "dense-fcn": "up.3 up.4 decoder.3 decoder.4 head",
    mrrn: "stages.5.0 stages.5.1 stages.5.2 stages.6.0 stages.6.1 stages.6.2 join after.0 after.1 after.2 head",
  });
});

test("the loss falls, Dice on slices left out rises, and nothing but the last stages changes", async () => {
  const model = made("unet");
  const before = await saveModel(model);
  const losses: number[] = [];
  using device = await openDevice();
  const tuned = await fineTune(device, model, slicesForModel(corrected, learned, range, model), {
    steps: 40,
    rate: 5e-3,
    leftOut: slicesForModel(corrected, [3, 7, 11], range, model),
    onStep: ({ step, steps, loss }) => {
      assert.equal([step, steps], [losses.length + 1, 40]);
      losses.push(loss);
    },
  });
  assert.ok(losses.at(-1)! < 0.7 * losses[0]!, `loss ${losses[0]} → ${losses.at(-1)}`);
  const dice = tuned.dice!;
  assert.ok(dice.after > 0.8 && dice.after > dice.before, `Dice ${dice.before} → ${dice.after}`);
  assert.equal(await saveModel(model), before);
  const last = new Set(lastStagesOf(tuned.model).parameters);
  const given = model.module.variables();
  for (const [path, variable] of tuned.model.module.variables()) {
    const isSame = given.get(path)!.initialData().toString() === variable.initialData().toString();
    if (!last.has(variable)) assert.ok(isSame, path);
    // A norm takes away the bias before it.
    else if (path.endsWith("weight") || path === "head.bias") assert.not.ok(isSame, path);
  }
  const back = loadModel(await saveModel(tuned.model));
  assert.equal(back.labels, model.labels);
});

test("several structures learn, by every network, in fewer slices than a batch", async () => {
  const organs = { ...patient, mask: bright.map((v, i) => (v && i % SIZE < SIZE / 2 ? 2 : v)) };
  for (const network of SEGMENTORS) {
    using device = await openDevice();
    const model = made(network, 2);
    const losses: number[] = [];
    const slices = slicesForModel(organs, [5, 9], range, model);
    const onStep = ({ loss }: { loss: number }): void => void losses.push(loss);
    const { dice } = await fineTune(device, model, slices, { steps: 3, rate: 5e-3, onStep });
    assert.ok(losses.at(-1)! < losses[0]!, `${network}: ${losses.join(", ")}`);
    assert.is(dice, undefined);
  }
});

test("a slice wider than the field is seen by the fields that segment it", () => {
  const model = { size: 16, fieldMm: 150 };
  const { images, masks, count, origins } = slicesForModel(corrected, [3, 9], range, model);
  const fields = tilesOf(patient.image, model.fieldMm);
  assert.ok(fields.length > 1);
  assert.is(count, 2 * fields.length);
  assert.equal(
    origins.map(({ z }) => z),
    [3, 9].flatMap((z) => fields.map(() => z)),
  );
  const want = new Float32Array(fields.length * 16 ** 2);
  sliceTiles(patient.image, 9, range, { fields, size: 16 }, want);
  assert.equal(images.slice(want.length), want);
  assert.ok(masks.some((v) => v === 1));
});

test("it stops by the signal's reason, and slices that do not fit are refused", async () => {
  using device = await openDevice();
  const model = made("unet");
  const slices = slicesForModel(corrected, learned, range, model);
  const stop = new AbortController();
  const reason = new Error("enough");
  const running = fineTune(device, model, slices, {
    signal: stop.signal,
    onStep: ({ step }) => step === 2 && stop.abort(reason),
  });
  assert.is(await running.catch((error: unknown) => error), reason);
  const small = slicesForModel(corrected, learned, range, { ...model, size: 16 });
  await refused(fineTune(device, model, small), /8 slices of 16 × 16; the model takes/, UsageError);
  const none = slicesForModel(corrected, [], range, model);
  await refused(fineTune(device, model, none), /0 slices/, UsageError);
});

test("a batch that is none, and masks with a class beyond the model's structures are refused", async () => {
  const model = made("unet");
  using device = await openDevice();
  const slices = slicesForModel(corrected, learned, range, model);
  for (const batch of [0, -1, 2.5, NaN])
    await refused(() => fineTune(device, model, slices, { batch }), /fine-tune: a batch of .* slices/, UsageError);
  const beyond = { ...corrected, mask: bright.map((v) => 7 * v) };
  await refused(
    () => fineTune(device, model, slicesForModel(beyond, learned, range, model)),
    /fineTune: mask: of .* holds class 7, of 1 structure/,
    DataError,
  );
});

test.run();
