// A trained model as one file: what it holds, that it gives back what it was written from, and what is refused.
import { zipSync } from "fflate";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../../data/errors.ts";
import { phantomCase } from "../../data/synthetic.ts";
import { Zip } from "../../data/weights/zip.ts";
import { Device, UsageError } from "../../engine/index.ts";
import { StateDictError, toStateDict } from "../../models/pytorch.ts";
import { startOfRun } from "../../train/checkpoint.ts";
import type { TrainConfig } from "../../train/config/config.ts";
import { presetConfig } from "../../train/config/presets.ts";
import { type ModelToZip, isModelZip, readModelZip, writeModelZip } from "../../train/model-zip.ts";
import { makeRegime } from "../../train/regimes/make.ts";
import type { RunStatistics } from "../../train/statistics.ts";
import { predictVolume } from "../../train/volumes/prediction.ts";
import { VolumeSegmenter, prepareVolume } from "../../train/volumes/volume-segmenter.ts";
import { VolumeTranslator } from "../../train/volumes/volume-translator.ts";
import { environment } from "../helpers/environment.ts";
import { refused } from "../helpers/refused.ts";

const test = suite("model zip");

const tiny = {
  data: {
    ...{ student: "/home/someone/ct", teacher: "/home/someone/mr", splits: "/home/someone/splits.json" },
    ...{ size: 32, fieldMm: 330, labels: [3, 7], names: ["liver", "left | kidney"] },
  },
  init: "/home/someone/first",
  networks: {
    segmentor: { width: 2 },
    generator: { width: 2, blocks: 1 },
    discriminator: { width: 2, layers: 2 },
    drit: { width: 4, blocks: 1 },
    features: { width: 2, file: "/home/someone/vgg.pth" },
  },
  cases: { studentTrain: ["Jane Doe", "b"], studentVal: ["c"], teacherTrain: ["d"] },
};

/** What a run with untrained networks, an optimizer's moments and moving averages of SC is exported from. */
function modelOf(preset: string, given: object = {}): ModelToZip {
  const config = presetConfig(preset, tiny, given);
  const tensors = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const [name, network] of Object.entries(makeRegime(config).networks))
    for (const [key, t] of toStateDict(network, (v) => v.initialData())) {
      tensors.set(`${name}.${key}`, t);
      if (name === "SC") tensors.set(`average.SC.${key}`, { ...t, data: t.data.map((v) => v / 2) });
    }
  tensors.set("optimizer.S.m", { shape: [2], data: new Float32Array(2) });
  const progress = { ...startOfRun(), epoch: 3, steps: 30, best: { epoch: 2, loss: 0.4, dice: 0.61 } };
  return { config, checkpoint: { tensors, progress }, statistics, version: "1.2.3" };
}

const set = {
  images: 2,
  rule: { kind: "window", low: -160, high: 240 } as const,
  ...({ least: [-1000, -990], greatest: [900, 1000], airPeak: [-1000, -990] } as const),
  ...({ air: [0.4, 0.5], airAndFat: [0.5, 0.6], soft: [0.2, 0.3], dark: [0.5, 0.6] } as const),
  percentiles: Array.from({ length: 7 }, (_, i) => [i, i + 1] as const),
  histogram: Array.from({ length: 40 }, () => 1 / 40),
  farthest: 0.1,
};
const statistics: RunStatistics = {
  version: 1,
  student: set,
  teacher: set,
  slices: {
    student: { count: 10, size: 32, foreground: [100, 24] },
    teacher: { count: 5, size: 32, foreground: [0, 0] },
  },
};

test("a zip holds the networks that are used, by their averages, and no path or patient; the same bytes twice", () => {
  const bytes = writeModelZip(modelOf("cmedl"));
  assert.equal(writeModelZip(modelOf("cmedl")), bytes);
  assert.ok(isModelZip(bytes, "model.zip"));
  assert.equal(new Zip(bytes, "model.zip").names, ["config.json", "weights.safetensors", "statistics.json", "card.md"]);
  const found = readModelZip(bytes);
  const networks = new Set([...found.tensors.keys()].map((name) => name.split(".")[0]));
  assert.equal([...networks].sort(), ["GCM", "GMC", "SC", "SM"]);
  const { tensors } = modelOf("cmedl").checkpoint;
  for (const [name, t] of found.tensors) {
    const kept = tensors.get(`average.${name}`) ?? tensors.get(name)!;
    assert.equal([t.shape, t.data], [kept.shape, kept.data], name);
  }
  assert.equal(found.statistics, statistics);
  const { config } = modelOf("cmedl");
  assert.equal(found.config, {
    ...config,
    init: null,
    data: { ...config.data, student: "", teacher: "", splits: null },
    networks: { ...config.networks, features: { ...config.networks.features, file: null } },
    cases: { studentTrain: [], studentVal: [], teacherTrain: [] },
  });
  assert.not.match(new TextDecoder().decode(bytes) + found.card, /someone|Jane/);
});

test("the card tells what the model is for, and is a table whatever structures are called", () => {
  const { card } = readModelZip(writeModelZip({ ...modelOf("cmedl"), licence: "CC BY 4.0" }));
  for (const row of [
    /Not for diagnostic use/,
    /\| networks \| GCM, GMC, SC, SM \|/,
    /\| segmentor \| unet \(.*\), 2 channels at full resolution \|/,
    /\| image size \| 32 × 32 pixels \|/,
    /\| field \| 330 × 330 mm, pixels of 10.3125 mm \|/,
    /\| structures \| 3 liver, 7 left \\\| kidney \|/,
    /\| training images \| 2 cases, 10 slices, of whose pixels 1.2 % are foreground \|/,
    /\| validation \| Dice 0.610 at the lowest loss, after epoch 3, on 1 cases \|/,
    /\| weights \| of that epoch, after 30 steps \|/,
    /\| made by \| cmedl 1.2.3 \|/,
    /\| licence \| CC BY 4.0 \|/,
  ])
    assert.match(card, row);
  const { statistics: _, ...plain } = modelOf("ct-only");
  const alone = readModelZip(writeModelZip(plain));
  assert.match(alone.card, /\| training images \| 2 cases \|/);
  assert.match(alone.card, /\| licence \| not stated \|/);
  assert.not.match(alone.card, /teacher/);
  assert.is(alone.statistics, undefined);
});

test("regimes of every kind go through a zip", () => {
  for (const preset of ["ct-only", "vae-cmedl", "weighted-ct+pmri", "mutual"]) {
    const { config, tensors } = readModelZip(writeModelZip(modelOf(preset, { networks: { alpha: { width: 2 } } })));
    assert.is(config.regime, preset);
    for (const name of tensors.keys()) assert.not.match(name, /^(D|optimizer|average)/);
  }
});

test("a volume is segmented and translated by a zip as by the checkpoint it was made of, bit for bit", async () => {
  const { config, checkpoint } = modelOf("cmedl", { data: { labels: null, names: null } });
  const zipped = readModelZip(writeModelZip({ config, checkpoint, version: "1" }));
  const { image: stored } = phantomCase({ modality: "CT", seed: 1, index: 0, size: 48, slices: 3 });
  using device = await Device.open((await environment().gpu()).gpu);
  const results: unknown[] = [];
  for (const [model, weights] of [
    [config, checkpoint],
    [zipped.config, zipped],
  ] as [TrainConfig, typeof checkpoint][]) {
    const seen: string[] = [];
    const onProgress = ({ phase, done, total }: { phase: string; done: number; total: number }): void =>
      void seen.push(`${phase} ${done}/${total}`);
    const { image, range } = prepareVolume(stored, model, "phantom");
    using segmenter = await VolumeSegmenter.open(device, model, weights, { onProgress });
    assert.ok(seen.some((text) => text.startsWith("pipelines")));
    const { mask, probabilities } = await predictVolume(segmenter, stored, { image, range }, { probabilities: true });
    using translator = await VolumeTranslator.open(device, model, weights);
    seen.length = 0;
    results.push([mask, probabilities, await translator.translate(image, range, { onProgress })]);
    assert.equal(seen, ["slices 0/3", "slices 1/3", "slices 2/3", "slices 3/3"]);
  }
  assert.equal(results[0], results[1]);
});

test("an abort ends opening and segmenting with its reason", async () => {
  const { config, checkpoint } = modelOf("cmedl", { data: { labels: null, names: null } });
  const { image: stored } = phantomCase({ modality: "CT", seed: 1, index: 0, size: 48, slices: 3 });
  const { image, range } = prepareVolume(stored, config, "phantom");
  using device = await Device.open((await environment().gpu()).gpu);
  using segmenter = await VolumeSegmenter.open(device, config, checkpoint);
  using translator = await VolumeTranslator.open(device, config, checkpoint);
  const signal = AbortSignal.abort(new Error("enough"));
  for (const call of [
    () => VolumeSegmenter.open(device, config, checkpoint, { signal }),
    () => VolumeTranslator.open(device, config, checkpoint, { signal }),
    () => segmenter.segment(image, range, { signal }),
    () => translator.translate(image, range, { signal }),
  ])
    assert.is(await call().then(String, (error: Error) => error.message), "enough");
});

test("zips that are damaged, that lie or that lead outside are refused by file, field and mend", async () => {
  const good = new Zip(writeModelZip(modelOf("ct-only")), "good");
  const parts = Object.fromEntries(good.names.map((name) => [name, good.read(name)]));
  const text = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
  const config = JSON.parse(new TextDecoder().decode(parts["config.json"])) as TrainConfig;
  const zip = (given: Readonly<Record<string, Uint8Array | undefined>>): Uint8Array =>
    zipSync(
      Object.fromEntries(Object.entries({ ...parts, ...given }).filter(([, v]) => v !== undefined)) as Record<
        string,
        Uint8Array
      >,
    );
  const networks = (given: object): Uint8Array => text({ ...config, networks: { ...config.networks, ...given } });
  const cut = zip({}).slice(0, 500);
  const larger = zip({ "weights.safetensors": new Uint8Array(1 << 22) });
  for (const [bytes, file, field, problem] of [
    [new Uint8Array(10), "m.zip", "zip", /does not begin as a zip/],
    [cut, "m.zip", "zip", /truncated/],
    [zip({ "../up.txt": text(1) }), "m.zip", "zip directory", /\.\.\/up.txt, which is outside/],
    [zip({ "/etc/passwd": text(1) }), "m.zip", "zip directory", /outside/],
    [zip({ "C:\\x": text(1) }), "m.zip", "zip directory", /outside/],
    [zip({ "config.json": undefined }), "m.zip", "zip entry config.json", /is missing/],
    [zip({ "weights.safetensors": undefined }), "m.zip", "zip entry weights.safetensors", /is missing/],
    [zip({ "config.json": new Uint8Array(3 << 20) }), "m.zip", "zip entry config.json", /3145728 bytes; at most/],
    [zip({ "config.json": new Uint8Array(3) }), "m.zip/config.json", "content", /is no JSON/],
    [zip({ "config.json": text({ ...config, seed: -1 }) }), "m.zip/config.json", "seed", /is -1/],
    [
      zip({ "config.json": text({ ...config, data: { ...config.data, fieldMm: null } }) }),
      "m.zip/config.json",
      "data.fieldMm",
      /is null/,
    ],
    [
      zip({ "config.json": networks({ segmentor: { ...config.networks.segmentor, width: 1e9 } }) }),
      "m.zip/weights.safetensors",
      "tensors",
      /are not those of config.json/,
    ],
    [
      zip({ "config.json": networks({ generator: { width: 2, blocks: 1e9 } }) }),
      "m.zip/weights.safetensors",
      "tensors",
      /fewer than the blocks/,
    ],
    [larger, "m.zip/weights.safetensors", "size", /is said to be 4194304 bytes of a file of/],
    [
      zip({ "statistics.json": text({ version: 1, student: {} }) }),
      "m.zip/statistics.json",
      "student",
      /no statistics/,
    ],
    [zip({ "statistics.json": text(null) }), "m.zip/statistics.json", "version", /is not 1/],
  ] as [Uint8Array, string, string, RegExp][]) {
    await refused(
      () => {
        try {
          readModelZip(bytes, "m.zip");
        } catch (error) {
          if (error instanceof DataError) {
            assert.equal([error.file, error.field], [file, field], error.message);
            assert.ok(error.mend.length > 0);
          }
          throw error;
        }
      },
      problem,
      DataError,
    );
  }
  const lies = writeModelZip(modelOf("ct-only"));
  // A byte of the weights is changed, and the checksum tells.
  lies[lies.length >> 1]! ^= 1;
  await refused(() => readModelZip(lies), /checksum/, DataError);
});

test("a run whose weights are of other networks, or without a field, is no model", async () => {
  const wide = presetConfig("cmedl", tiny, { networks: { segmentor: { width: 4 } } });
  await refused(() => writeModelZip({ ...modelOf("cmedl"), config: wide }), /./, StateDictError);
  const open = presetConfig("cmedl", tiny, { data: { fieldMm: null } });
  await refused(() => writeModelZip({ ...modelOf("cmedl"), config: open }), /fieldMm is null/, UsageError);
  const unlearned = presetConfig("cmedl", tiny, {
    data: { fieldMm: 330, teacherIntensity: { kind: "histogram", low: 0, high: null, landmarks: null } },
  });
  await refused(
    () => writeModelZip({ ...modelOf("cmedl"), config: unlearned }),
    /teacherIntensity\.landmarks are null/,
    UsageError,
  );
});

test.run();
