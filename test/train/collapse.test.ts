// The collapse watch: what it judges by numbers alone, and a planted collapse that it names.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Device } from "../../engine/index.ts";
import { UNet } from "../../models/unet.ts";
import { type EpochSigns, type Vitals, judgeEpoch, startOfWatch, withVitals } from "../../train/collapse.ts";
import { type EpochReport, Training } from "../../train/loop.ts";
import { environment } from "../helpers/environment.ts";
import { discs, tinyBatches, tinyCmedl } from "../helpers/tiny-cmedl.ts";

const test = suite("collapse");

const healthy: Vitals = {
  segmentationGradient: 1,
  distillationGradient: 0.5,
  studentVariance: [0.3, 0.3],
  teacherVariance: [0.3, 0.3],
  contrast: 0.8,
};
const calm: EpochSigns = { part: 1, losses: { lossDM: 0.2, advM: 0.4 }, predicted: 0.01, expected: 0.012 };

/** Codes that epochs are judged by, in order. */
function codes(...epochs: readonly { vitals?: Partial<Vitals>; signs?: Partial<EpochSigns> }[]): string[][] {
  let state = startOfWatch();
  return epochs.map(({ vitals, signs: given }) => {
    const judged = judgeEpoch(withVitals(state, { ...healthy, ...vitals }), { ...calm, ...given });
    state = judged.state;
    return judged.signs.map(({ code }) => code);
  });
}

test("a healthy run has no sign", () => {
  assert.equal(codes({}, {}, {}), [[], [], []]);
});

test("an empty mask is named after two epochs in a row, in the second half of a run, and once", () => {
  const empty = { signs: { predicted: 0 } };
  assert.equal(codes(empty, {}, empty, empty, empty), [[], [], [], ["constant-mask"], []]);
  assert.equal(codes({ signs: { predicted: 1 } }, { signs: { predicted: 1 } })[1], ["constant-mask"]);
  const early = { signs: { predicted: 0, part: 0.2 } };
  assert.equal(codes(early, early), [[], []]);
});

test("cases without foreground have empty masks rightly", () => {
  const none = { signs: { predicted: 0, expected: 0 } };
  assert.equal(codes(none, none), [[], []]);
});

test("a hint that is many times the segmentation is named with its ratio", () => {
  const { signs } = judgeEpoch(withVitals(startOfWatch(), { ...healthy, distillationGradient: 37 }), calm);
  assert.equal(
    signs.map((s) => s.code),
    ["distillation-rules"],
  );
  assert.match(signs[0]!.message, /37 times/);
  assert.match(signs[0]!.mend, /losses\.schedule\.hint/);
});

test("features that shrink are named, of student or teacher", () => {
  assert.equal(codes({}, { vitals: { studentVariance: [0.3, 0.1] } }), [[], ["shrinking-features"]]);
  assert.equal(codes({}, { vitals: { teacherVariance: [0.05, 0.3] } }), [[], ["shrinking-features"]]);
});

test("a discriminator that tells all, and pseudo images without contrast, are named", () => {
  assert.equal(codes({ signs: { losses: { lossDC: 0.001, advC: 0.98 } } }), [["discriminator-won"]]);
  assert.equal(codes({ vitals: { contrast: 0.02 } }), [["flat-translation"]]);
});

test("numbers that are missing or not finite are no sign", () => {
  assert.equal(codes({ vitals: { distillationGradient: NaN, contrast: NaN, studentVariance: [NaN] } }), [[]]);
  assert.equal(judgeEpoch(startOfWatch(), { part: 1, losses: {} }).signs, []);
});

/** The epochs of a run of two, of two steps each. */
async function run(weight: number): Promise<EpochReport[]> {
  using device = await Device.open((await environment().gpu()).gpu);
  const regime = tinyCmedl({ weights: { hint: weight }, segmentor: () => new UNet({ width: 4, depth: 2 }) });
  const epochs: EpochReport[] = [];
  using training = await Training.create(device, regime, tinyBatches(2), {
    epochs: 2,
    validation: discs(2, 9, 0.3),
    watch: true,
  });
  await training.run({ onEpoch: (report) => void epochs.push(report) });
  return epochs;
}

test("a planted collapse, a hint of weight 100 from the first step, is named within two epochs", async () => {
  const epochs = await run(100);
  assert.ok(epochs.some(({ signs }) => signs.some(({ code }) => code === "distillation-rules")));
});

test("the watch moves nothing: losses with it are those without it, bit for bit", async () => {
  const losses = async (watch: boolean): Promise<unknown> => {
    using device = await Device.open((await environment().gpu()).gpu);
    const seen: unknown[] = [];
    using training = await Training.create(device, tinyCmedl(), tinyBatches(2), { epochs: 2, watch });
    await training.run({ onStep: (report) => void seen.push(report.losses) });
    return seen;
  };
  assert.equal(await losses(true), await losses(false));
});

test.run();
