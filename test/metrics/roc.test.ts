// Expected numbers: the Mann–Whitney statistic of scipy 1.10.1 over the number of pairs, and rates counted by numpy.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { rocCurve, truePositiveAt } from "../../metrics/roc.ts";

const test = suite("ROC");
const round = (v: number): number => Math.round(v * 100) / 100;
const labels = Array.from({ length: 60 }, (_, i) => Number(i % 3 === 0));
const scores = labels.map((inside, i) => round(Math.sin(i * 1.3) * 0.5 + 0.3 * inside));

test("area and points of sixty scores with ties", () => {
  const curve = rocCurve(scores, labels);
  assert.ok(Math.abs(curve.auc - 0.689375) < 1e-12, String(curve.auc));
  const at = (threshold: number): [number, number] => {
    const i = curve.thresholds.findLastIndex((t) => t >= threshold);
    return [curve.falsePositive[i]!, curve.truePositive[i]!];
  };
  assert.equal(at(0.2), [0.4, 0.5]);
  assert.equal(at(-0.1), [0.6, 0.8]);
  assert.is(curve.falsePositive[0], 0);
  assert.is(curve.truePositive.at(-1), 1);
});

test("a perfect order, the reverse, and one score for all", () => {
  assert.is(rocCurve([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1]).auc, 1);
  assert.is(rocCurve([0.9, 0.8, 0.2, 0.1], [0, 0, 1, 1]).auc, 0);
  const level = rocCurve([0.5, 0.5, 0.5, 0.5], [0, 0, 1, 1]);
  assert.is(level.auc, 0.5);
  assert.equal([...level.falsePositive], [0, 1]);
});

test("without one side there is no area", () => {
  assert.ok(Number.isNaN(rocCurve([0.1, 0.2], [0, 0]).auc));
  assert.throws(() => rocCurve([0.1], [0, 1]), /1 scores do not go with 2 labels/);
  assert.throws(() => rocCurve([0.1, Number.NaN], [0, 1]), /score 1 is NaN/);
});

test("points on level and upright lines are left out, and the curve is read between its points", () => {
  const curve = rocCurve([0.9, 0.8, 0.7, 0.6, 0.5], [1, 1, 0, 0, 1]);
  assert.equal([...curve.falsePositive], [0, 0, 1, 1]);
  assert.equal([...curve.truePositive].map(round), [0, 0.67, 0.67, 1]);
  assert.equal(truePositiveAt(curve, [0, 0.5, 1]).map(round), [0.67, 0.67, 1]);
});

test.run();
