// Every regime, a few steps on tiny slices: losses are finite, what should move moves and nothing else, a resume is
// bit-exact.
import { existsSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Device, type Variable } from "../../engine/index.ts";
import { UnpairedBatches } from "../../data/batches.ts";
import { type IntensityRule, mrPercentile, softTissueWindow } from "../../data/intensity.ts";
import type { SliceSet } from "../../data/slices.ts";
import { loadSlices, scanDataset } from "../../node/dataset/index.ts";
import { type Checkpoint, readCheckpoint } from "../../train/checkpoint.ts";
import type { PartialConfig } from "../../train/config/config.ts";
import { Training, type StepReport } from "../../train/loop.ts";
import { featuresOf, makeRegime } from "../../train/regimes/make.ts";
import { presetConfig } from "../../train/config/presets.ts";
import type { Regime } from "../../train/regime.ts";
import { sharedPath } from "../data/shared-data.ts";
import { environment } from "../helpers/environment.ts";
import { SIZE, discs } from "../helpers/tiny-cmedl.ts";

const test = suite("regimes");
const STEPS = 4;

const tiny: PartialConfig = {
  seed: 3,
  data: { size: SIZE, labels: null },
  networks: {
    segmentor: { kind: "unet", width: 2 },
    generator: { width: 2, blocks: 1 },
    discriminator: { width: 2, layers: 2 },
    drit: { width: 2, blocks: 2, styles: 2 },
    features: { width: 2 },
    alpha: { width: 2 },
  },
  optimization: { epochs: 1, steps: STEPS, pool: 3, patience: null },
};

/** Rows of the paper that are trained differently, and the losses that tell them apart. */
const rows: readonly (readonly [
  preset: string,
  has: readonly string[],
  hasNot: readonly string[],
  more?: PartialConfig,
])[] = [
  ["ct-only", ["diceCT"], ["lossG"]],
  ["cmedl", ["cx", "cycC", "hintG", "hintS", "diceRM", "dicePM", "lossDM"], ["dicePC", "distS"]],
  ["vae-cmedl", ["vaeC", "cc", "self", "lr", "advContent", "lossDMz", "hintG", "segPMG", "hintS"], ["cycC"]],
  ["pmri-cycle", ["cycC", "dicePM", "diceRM"], ["cx", "hintG", "segPMG", "hintS"]],
  ["pmri-drit", ["vaeC", "dicePM"], ["hintG", "segPMG"]],
  ["pmri-cmedl", ["cx", "hintG", "segPMG"], []],
  ["ct+pmri", ["cycC", "dicePM"], ["cx", "diceRM"]],
  ["weighted-ct+pmri", ["cycC", "dicePM"], ["cx", "diceRM"]],
  ["mutual", ["mutual", "diceCT", "dicePC"], ["hintS"]],
  ["weak-teacher+pmri", ["hintS", "dicePC"], []],
  ["equal-teacher", ["hintS", "diceCT"], [], { data: { labels: [1, 2] } }],
  ["no-expert-teacher", ["dicePM", "hintS"], ["diceRM"]],
  ["without-seg-pm", ["diceRM"], ["dicePM", "segPMG"]],
  ["hints-low", ["hintS"], []],
  ["hints-mid", ["hintS"], []],
  ["output-distillation", ["distS"], ["hintS", "hintG"]],
];

interface Sets {
  student: SliceSet;
  teacher: SliceSet;
}
interface Course {
  reports: StepReport[];
  checkpoint?: Checkpoint;
  moved: Set<string>;
}

/** Trains `preset` for STEPS steps, or until `until`, or on from a checkpoint. */
async function course(
  { student, teacher }: Sets,
  preset: string,
  more: PartialConfig,
  { until = STEPS, from }: { until?: number; from?: Checkpoint } = {},
): Promise<Course> {
  const config = presetConfig(preset, tiny, more);
  using device = await Device.open((await environment().gpu()).gpu);
  const regime = makeRegime(config);
  const batches = new UnpairedBatches(student, teacher, {
    batch: 2,
    seed: 5,
    steps: STEPS,
    augment: config.augmentation,
  });
  const found: Course = { reports: [], moved: new Set() };
  const stop = new AbortController();
  let bytes: Uint8Array<ArrayBuffer> | undefined;
  using training = await Training.create(
    device,
    regime,
    batches,
    { epochs: 1, config },
    from && { checkpoint: from, file: "memory" },
  );
  const before = from ? undefined : await values(device, regime);
  await training.run(
    {
      onStep: (r) => {
        found.reports.push(r);
        if (r.steps === until) stop.abort();
      },
      save: async (b) => {
        bytes = b;
      },
    },
    stop.signal,
  );
  found.checkpoint = await readCheckpoint(bytes!, "memory");
  if (before)
    for (const [name, v] of await values(device, regime))
      if (v.some((x, i) => x !== before.get(name)![i])) found.moved.add(name);
  return found;
}

/** Every parameter, trained or not, by its path. */
async function values(device: Device, regime: Regime): Promise<Map<string, Float32Array>> {
  const all: [string, Variable][] = [...regime.variables()].filter(([path]) => /(weight|bias)$/.test(path));
  const data = await device.readAll(all.map(([, v]) => v));
  return new Map(all.map(([path], i) => [path, Float32Array.from(data[i]!)]));
}

const REAL = "data/sts-ct-mr-tumour";
const isReal = existsSync(sharedPath(REAL));

/** Tumour slices of three CT and three MR scans, where they are at hand. */
async function load(): Promise<Sets> {
  if (!isReal) return { student: discs(6, 1, 0.3), teacher: discs(6, 2, 0.8) };
  const read = async (folder: string, rule: IntensityRule): Promise<SliceSet> => {
    const path = sharedPath(`${REAL}/${folder}`);
    return loadSlices((await scanDataset(path)).cases.slice(0, 3), path, { grid: { fieldMm: 400, size: SIZE }, rule });
  };
  return { student: await read("ct", softTissueWindow), teacher: await read("mr_t1", mrPercentile) };
}
let sets: Promise<Sets> | undefined;

for (const [preset, has, hasNot, more = {}] of rows) {
  const images = isReal ? "real CT and MR" : "discs";
  const holds = "losses are finite, its networks move and no others, a resume goes on bit for bit";
  test(`${preset} on ${images}: ${holds}`, async () => {
    sets ??= load();
    const both = await sets;
    const straight = await course(both, preset, more);
    assert.is(straight.reports.length, STEPS);
    const names = new Set(straight.reports.flatMap((r) => Object.keys(r.losses)));
    for (const name of has) assert.ok(names.has(name), `${name} is not among ${[...names].join(", ")}`);
    for (const name of hasNot) assert.not.ok(names.has(name), name);
    for (const { losses, norms } of straight.reports)
      for (const [name, v] of Object.entries({ ...losses, ...norms })) assert.ok(Number.isFinite(v), `${name} is ${v}`);
    const regime = makeRegime(presetConfig(preset, tiny, more));
    const features = featuresOf(regime);
    const frozen = new Set(features?.variables().values());
    for (const [path, v] of regime.variables()) {
      if (!/(weight|bias)$/.test(path) || (v.size === 1 && path.endsWith("bias"))) continue;
      if (frozen.has(v)) assert.not.ok(straight.moved.has(path), `${path} is frozen and moved`);
      else if (path.endsWith("weight")) assert.ok(straight.moved.has(path), `${path} did not move`);
    }
    const half = await course(both, preset, more, { until: 2 });
    assert.is(half.checkpoint!.progress.steps, 2);
    const rest = await course(both, preset, more, { from: half.checkpoint });
    assert.equal(
      rest.reports.map((r) => [r.steps, r.losses, r.norms]),
      straight.reports.slice(2).map((r) => [r.steps, r.losses, r.norms]),
    );
    for (const [name, { data }] of straight.checkpoint!.tensors)
      assert.equal(rest.checkpoint!.tensors.get(name)?.data, data, name);
  });
}

test.run();
