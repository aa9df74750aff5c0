import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type AugmentationConfig, affineOf, defaultAugmentation, drawTransforms } from "../../data/augment.ts";
import { displacement } from "../reference/augment.ts";

const test = suite("augment");
const still: AugmentationConfig = { flip: 0, degrees: 0, scale: 0, elastic: 0, elasticGrid: 4 };
const row = (t: { affine: Float32Array; elastic: Float32Array }, i: number, grid = 4): number[] => [
  ...t.affine.slice(6 * i, 6 * i + 6),
  ...t.elastic.slice(2 * grid * grid * i, 2 * grid * grid * (i + 1)),
];
const places = (n: number, from = 0): number[] => Array.from({ length: n }, (_, i) => from + i);
const close = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((v, i) => Math.abs(v - b[i]!) < 1e-12);

test("nothing to draw is the identity and a field of zeros", () => {
  const { affine, elastic } = drawTransforms(still, 7, 3, places(3));
  for (let i = 0; i < 3; i++) assert.ok(close([...affine.slice(6 * i, 6 * i + 6)], [1, 0, 0, 0, 1, 0]));
  assert.ok(elastic.length === 3 * 4 * 4 * 2 && elastic.every((v) => Math.abs(v) === 0));
});

test("an affine map leads from the target back to the source: turned back, scaled back, then flipped", () => {
  const at = ([a, b, c, d, e, f]: number[], x: number, y: number): number[] => [
    a! * x + b! * y + c!,
    d! * x + e! * y + f!,
  ];
  assert.ok(close(at(affineOf({ flip: true, radians: 0, scale: 1 }), 0.5, 0.25), [-0.5, 0.25]));
  assert.ok(close(at(affineOf({ flip: false, radians: 0, scale: 2 }), 0.5, 0.25), [0.25, 0.125]));
  // A quarter turn from x towards y brings what was on the right to the bottom.
  assert.ok(close(at(affineOf({ flip: false, radians: Math.PI / 2, scale: 1 }), 0, 1), [1, 0]));
  assert.ok(close(at(affineOf({ flip: true, radians: Math.PI / 2, scale: 2 }), 0, 1), [-0.5, 0]));
});

test("a transform depends on key, epoch and place alone, not on what is drawn beside it", () => {
  const all = drawTransforms(defaultAugmentation, 7, 3, places(12));
  for (const [from, n] of [
    [0, 4],
    [4, 4],
    [8, 3],
    [11, 1],
  ] as const) {
    const some = drawTransforms(defaultAugmentation, 7, 3, places(n, from));
    for (let i = 0; i < n; i++) assert.equal(row(some, i), row(all, from + i));
  }
  const backwards = drawTransforms(defaultAugmentation, 7, 3, places(12).reverse());
  for (let i = 0; i < 12; i++) assert.equal(row(backwards, 11 - i), row(all, i));
  assert.not.equal(row(drawTransforms(defaultAugmentation, 7, 4, [5]), 0), row(all, 5));
  assert.not.equal(row(drawTransforms(defaultAugmentation, 8, 3, [5]), 0), row(all, 5));
  assert.is(new Set(places(12).map((i) => row(all, i).join())).size, 12);
});

test("every draw keeps its bounds and reaches near them", () => {
  const n = 500;
  const { affine, elastic } = drawTransforms(defaultAugmentation, 7, 3, places(n));
  const flips = places(n).filter((i) => affine[6 * i]! < 0).length;
  assert.ok(flips > 200 && flips < 300, `${flips} of ${n} flipped`);
  const scales = places(n).map((i) => 1 / Math.hypot(affine[6 * i]!, affine[6 * i + 1]!));
  const angles = places(n).map((i) => (Math.atan2(-affine[6 * i + 3]!, affine[6 * i + 4]!) * 180) / Math.PI);
  for (const [name, values, low, high] of [
    ["scale", scales, 0.9, 1.1],
    ["degrees", angles, -10, 10],
    ["field", [...elastic], -0.02, 0.02],
  ] as const) {
    const least = values.reduce((a, b) => Math.min(a, b));
    const most = values.reduce((a, b) => Math.max(a, b));
    const rim = 0.02 * (high - low);
    assert.ok(least >= low - 1e-6 && most <= high + 1e-6, `${name} ${least} … ${most}`);
    assert.ok(least < low + rim && most > high - rim, `${name} ${least} … ${most}`);
  }
});

test("flip, angle, scale and field do not follow one another", () => {
  const n = 4000;
  const { affine, elastic } = drawTransforms(defaultAugmentation, 9, 0, places(n));
  const series = [
    (i: number) => Math.sign(affine[6 * i]!),
    (i: number) => affine[6 * i + 3]!,
    (i: number) => Math.hypot(affine[6 * i]!, affine[6 * i + 1]!),
    (i: number) => elastic[32 * i]!,
    (i: number) => elastic[32 * i + 1]!,
    (i: number) => elastic[32 * i + 31]!,
  ]
    .map((f) => places(n).map(f))
    .map((v) => {
      const mean = v.reduce((a, b) => a + b) / n;
      const sd = Math.sqrt(v.reduce((a, b) => a + (b - mean) ** 2, 0) / n);
      return v.map((x) => (x - mean) / sd);
    });
  series.forEach((a, i) =>
    series.slice(i + 1).forEach((b, j) => {
      const r = a.reduce((sum, v, k) => sum + v * b[k]!, 0) / n;
      assert.ok(Math.abs(r) < 0.07, `${i} and ${i + 1 + j}: ${r}`);
    }),
  );
});

test("the default field folds nowhere: neighbouring places keep their order", () => {
  const size = 64;
  const { elastic } = drawTransforms(defaultAugmentation, 3, 0, places(20));
  for (let s = 0; s < 20; s++) {
    const field = elastic.slice(32 * s, 32 * s + 32);
    for (let i = 0; i < size; i += 9)
      for (let j = 1; j < size; j++) {
        assert.ok(
          1 / size + displacement(field, [size, size], i, j)[0] - displacement(field, [size, size], i, j - 1)[0] >
            0.5 / size,
        );
        assert.ok(
          1 / size + displacement(field, [size, size], j, i)[1] - displacement(field, [size, size], j - 1, i)[1] >
            0.5 / size,
        );
      }
  }
});

test.run();
