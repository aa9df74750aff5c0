import { suite } from "uvu";
import * as assert from "uvu/assert";
import { lungWindow, mrPercentile, rangeOf, scaleInto, softTissueWindow, unscale } from "../../data/intensity.ts";
import { percentiles } from "../../data/percentiles.ts";

const test = suite("intensity");
const scaled = (values: number[], range: { low: number; high: number }): number[] => {
  const out = new Float32Array(values.length);
  scaleInto(out, 0, values, range);
  return [...out];
};

test("a window maps its ends to −1 and 1 and clamps the rest", () => {
  const range = rangeOf(softTissueWindow, new Int16Array(1), "ct");
  assert.equal(scaled([-1000, -160, 40, 240, 3000], range), [-1, -1, 0, 1, 1]);
  assert.equal(scaled([-1000, -250, 500], rangeOf(lungWindow, new Int16Array(1), "ct")), [-1, 0, 1]);
  assert.is(unscale(0, range), 40);
});

test("percentiles are those of the sorted values, linear between neighbours", () => {
  const values = [5, 1, 4, 2, 3];
  for (const data of [
    Int16Array.from(values),
    Float32Array.from(values),
    Uint8Array.from(values),
    Int32Array.from(values),
  ]) {
    assert.equal(percentiles(data, [0, 25, 37.5, 100]), [1, 2, 2.5, 5]);
  }
  assert.equal(percentiles(Int16Array.of(-300, 300), [0, 50]), [-300, 0]);
});

test("MR goes from 0 at −1 to its 99.5 percentile at 1", () => {
  const data = Float32Array.from({ length: 1001 }, (_, i) => i);
  const range = rangeOf(mrPercentile, data, "mr");
  assert.equal(range, { low: 0, high: 995 });
  assert.equal(scaled([0, 995, 1000], range), [-1, 1, 1]);
});

test("an MR with negative values starts at its 0.5 percentile", () => {
  const data = Float32Array.from({ length: 2001 }, (_, i) => i - 1000);
  assert.equal(rangeOf(mrPercentile, data, "mr"), { low: -990, high: 990 });
});

test("an empty image and a window upside down are refused", () => {
  assert.throws(() => rangeOf(mrPercentile, new Uint8Array(50), "mr.nii"), /mr\.nii: intensity: .* is empty/);
  assert.throws(
    () => rangeOf({ kind: "window", low: 240, high: -160 }, new Uint8Array(1), "ct.nii"),
    /ct\.nii: window/,
  );
});

test.run();
