// Masks that start at their share: what a training set tells of it, and where a segmentor's first masks stand.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type SliceSet, sliceSet } from "../../data/slices.ts";
import { countSlices, withPrior } from "../../train/run/sets.ts";
import { priorBias } from "../../models/segmentor.ts";
import { presetConfig } from "../../train/config/presets.ts";

const test = suite("prior");

/** One slice of 32 × 32 whose first pixels are of these classes. */
function slices(...classes: readonly number[]): SliceSet {
  const masks = new Uint8Array(32 * 32);
  masks.set(classes);
  const origins = [{ id: "a", patient: "a", z: 0 }];
  return sliceSet({ size: 32, count: 1, images: new Float32Array(32 * 32), masks, origins });
}

function priorOf(labels: readonly number[] | null, student: SliceSet, teacher?: SliceSet): unknown {
  const structures = labels?.length ?? 1;
  const counts = {
    student: countSlices(student, structures, "set"),
    ...(teacher && { teacher: countSlices(teacher, structures, "set") }),
  };
  return withPrior(presetConfig("cmedl", { data: { labels, size: 32 } }), counts).networks.segmentor.prior;
}

test("one structure's share is that of student's and teacher's slices together", () => {
  assert.is(priorOf(null, slices(1, 1, 1, 1), slices(1, 1)), 6 / 2048);
});

test("a teacher without masks does not count", () => {
  assert.is(priorOf(null, slices(1, 1, 1, 1), slices()), 4 / 1024);
});

test("each of several structures has its share, at least a pixel of a slice", () => {
  assert.equal(priorOf([7, 9, 11], slices(1, 1, 2), slices(2, 2, 2)), [2 / 2048, 4 / 2048, 1 / 1024]);
});

test("a prior that is given stays, and so does none", () => {
  const config = presetConfig("paper");
  assert.is(withPrior(config, { student: countSlices(slices(1), 1, "set") }), config);
});

test("the bias is a sigmoid's logit for one structure, logarithms of a softmax's shares for several", () => {
  const bias = (prior: readonly number[]): number[] => [...priorBias(prior).biasInit!([prior.length], 0)];
  assert.ok(Math.abs(bias([0.0474])[0]! + 3) < 1e-2);
  const [background, first, second] = bias([0.1, 0.2]).map(Math.exp);
  assert.ok(Math.abs(background! - 0.7) < 1e-6 && Math.abs(first! - 0.1) < 1e-6 && Math.abs(second! - 0.2) < 1e-6);
  assert.equal(priorBias(undefined), {});
});

test.run();
