// A model as a file: what comes back is what was saved, and every field that is wrong is named.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readSafetensors, writeSafetensors } from "../../data/index.ts";
import { RandomStreams } from "../../engine/index.ts";
import {
  DataError,
  type NetworkModel,
  Segmenter,
  loadModel,
  networkModel,
  saveModel,
  segmentVolume,
} from "../../inference/index.ts";
import { type SegmentorName, type UNet, segmentorRow } from "../../models/index.ts";
import { phantomCase } from "../../data/synthetic.ts";
import { openDevice } from "../helpers/device.ts";
import { refused } from "../helpers/refused.ts";

const test = suite("model files");
const SIZE = 32;
const labels = [
  { value: 2, name: "left lung" },
  { value: 300, name: "Herz – groß" },
];

function made(network: SegmentorName, given: NetworkModel["labels"] = labels): NetworkModel {
  const outputs = given.length === 1 ? 1 : given.length + 1;
  const module = segmentorRow(network).make({ width: 2, outputs });
  module.initialize(new RandomStreams(7));
  const intensity = { kind: "window", low: -160, high: 240 } as const;
  return networkModel({ network, module, size: SIZE, fieldMm: 330, intensity, labels: given, statistics: "image" });
}
const volume = phantomCase({ modality: "CT", seed: 1, index: 0, size: SIZE }).image;

test("every network comes back as it was, with all that is said of it, and segments the same", async () => {
  using device = await openDevice();
  for (const network of ["unet", "dense-fcn", "mrrn"] as const) {
    const model = made(network);
    const bytes = await saveModel(model);
    const back = loadModel(bytes);
    for (const key of ["network", "size", "fieldMm", "intensity", "labels", "statistics"] as const)
      assert.equal(back[key], model[key], `${network}, ${key}`);
    assert.equal(await saveModel(back), bytes);
    if (network !== "unet") continue;
    const masks = [await segmentVolume(device, model, volume), await segmentVolume(device, back, volume)] as const;
    assert.instance(masks[0], Int16Array);
    assert.equal(masks[0], masks[1]);
    assert.equal(
      [...new Set(masks[0])].filter((v) => ![0, 2, 300].includes(v)),
      [],
    );
  }
});

test("what a device changed is what is saved", async () => {
  using device = await openDevice();
  const model = made("unet");
  const { bias } = (model.module as UNet).head;
  using segmenter = await Segmenter.open(device, model);
  const before = await segmenter.segment(volume);
  device.write(bias!, [0, 50, 0]);
  const after = await segmenter.segment(volume);
  assert.ok(after.every((v) => v === 2));
  assert.not.equal(before, after);
  using other = await openDevice();
  assert.equal(await segmentVolume(other, loadModel(await saveModel(model, device)), volume), after);
});

test("slices and progress are told in order, and an abort ends it", async () => {
  using device = await openDevice();
  const model = made("unet", [{ value: 1, name: "tumour" }]);
  const [, , depth] = volume.shape;
  const slices: number[] = [];
  const told: string[] = [];
  const mask = await segmentVolume(device, model, volume, {
    onSlice: (z, planes) => {
      slices.push(z);
      assert.is(planes.length, 1);
    },
    onProgress: ({ phase, done, total }) => told.push(`${phase} ${done}/${total}`),
  });
  assert.is(mask.length, volume.data.length);
  assert.equal(
    slices,
    Array.from({ length: depth }, (_, z) => z),
  );
  assert.ok(told.includes("trace 0/1"));
  assert.is(told.at(-1), `slices ${depth}/${depth}`);
  const { buffers } = device.counters;
  const controller = new AbortController();
  const reason = new Error("enough");
  const abort = (z: number): void => void (z === 1 && controller.abort(reason));
  const error = await segmentVolume(device, model, volume, { signal: controller.signal, onSlice: abort }).catch(
    (e: unknown) => e,
  );
  assert.is(error, reason);
  assert.is(device.counters.buffers, buffers);
});

test("histograms are standardized as in the run that the model is of", async () => {
  const landmarks = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
  for (const high of [null, 8]) {
    const intensity = { kind: "histogram", low: 0, high, landmarks } as const;
    assert.equal(loadModel(await saveModel({ ...made("unet"), intensity })).intensity, intensity);
  }
});

test("a header's fields are read one by one, and the wrong one is named", async () => {
  const bytes = await saveModel(made("unet"));
  const { tensors, metadata } = readSafetensors(bytes);
  const [[key = "", text = ""] = []] = metadata;
  const header = JSON.parse(text) as Record<string, unknown>;
  const withHeader = (changed: unknown): Uint8Array =>
    writeSafetensors(tensors, changed === undefined ? [] : [[key, JSON.stringify(changed)]]);
  const window = (low: unknown, high: unknown): unknown => ({ kind: "window", low, high });
  const wrong: [field: string, value: unknown, message: RegExp][] = [
    ["version", 2, /version: is 2; it must be 1/],
    ["network", "vgg19", /network: is "vgg19"; it must be one of unet, dense-fcn, mrrn/],
    ["network", "mrrn", /tensors: the weights are not those of mrrn/],
    ["size", 31.5, /size: is 31\.5; it must be a whole number/],
    ["size", 8, /size: /],
    ["size", undefined, /size: is missing/],
    ["fieldMm", "330", /fieldMm: is "330"; it must be a number of mm above 0/],
    ["intensity", window(3, 3), /intensity: .* it must be \{ "kind": "window"/],
    ["intensity", { kind: "percentile", percentile: 5 }, /intensity: /],
    ["intensity", { kind: "histogram", low: 0, high: null, landmarks: [1, 2] }, /intensity: /],
    ["intensity", null, /intensity: is null/],
    ["statistics", "batch", /statistics: is "batch"; it must be running or image/],
    ["labels", [], /labels: /],
    ["labels", [{ value: 1, name: "" }], /labels: /],
    ["labels", [labels[0], labels[0]], /labels: /],
    ["labels", [null], /labels: /],
    ["labels", [labels[0]], /labels: name 1 structures, for which the network needs 1 outputs; it has 3/],
  ];
  for (const [field, value, message] of wrong) {
    const { [field]: _, ...rest } = header;
    const changed = value === undefined ? rest : { ...header, [field]: value };
    await refused(() => loadModel(withHeader(changed), "x.safetensors"), message, DataError);
  }
  await refused(
    () => loadModel(withHeader(undefined), "x.safetensors"),
    /x\.safetensors: metadata: has no /,
    DataError,
  );
  await refused(() => loadModel(withHeader([])), /version: is missing/, DataError);
  const broken = writeSafetensors(tensors, [[key, "{"]]);
  await refused(() => loadModel(broken), /is no JSON object/, DataError);
  const few = new Map([...tensors].slice(1));
  await refused(() => loadModel(writeSafetensors(few, metadata)), /tensors: .*missing/, DataError);
  await refused(() => loadModel(bytes.slice(0, -4)), /./, DataError);
});

test.run();
