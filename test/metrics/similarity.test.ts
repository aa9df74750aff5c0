// Expected numbers: scikit-image 0.19.3 (structural_similarity, peak_signal_noise_ratio by their defaults) and
// scipy 1.10.1 (stats.entropy of numpy's histograms, stats.variation with ddof=1).
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { coefficientOfVariation, histogram, klDivergence, psnr, ssim } from "../../metrics/similarity.ts";

const test = suite("similarity of images");
const close = (a: number, b: number, relative = 1e-10): void =>
  assert.ok(Math.abs(a - b) <= relative * Math.abs(b), `${a} is not ${b}`);

const [height, width] = [19, 23];
const image = (of: (x: number, y: number) => number): Float64Array =>
  Float64Array.from({ length: height * width }, (_, i) => of(i % width, Math.floor(i / width)));
const a = image((x, y) => Math.sin(0.31 * x + 0.17 * y));
const b = image((x, y) => 0.8 * Math.sin(0.31 * x + 0.2 * y) + 0.1 * Math.cos(1.3 * x * y));
const pair = { a, b, dataRange: 2, height, width };

test("SSIM by windows of 7 and of 11 pixels", () => {
  close(ssim(pair), 0.660438946513713);
  close(ssim({ ...pair, window: 11 }), 0.6746269205676436);
  close(ssim({ ...pair, b: a }), 1);
  assert.throws(() => ssim({ ...pair, window: 8 }), /even/);
  assert.throws(() => ssim({ ...pair, width: 22 }), /no image of 19 × 22/);
});

test("PSNR", () => {
  close(psnr(pair), 17.89958628085863);
  assert.is(psnr({ a, b: a, dataRange: 2 }), Infinity);
  assert.throws(() => psnr({ a, b: b.subarray(1), dataRange: 2 }), /differ in size/);
});

const p = Float64Array.from({ length: 500 }, (_, i) => Math.sin(i * 0.7) * 0.9);
const q = Float64Array.from({ length: 300 }, (_, i) => Math.cos(i * 0.41) * 0.6 + 0.1);

test("KL divergence, with and without a prior, is no distance", () => {
  const range = [-1, 1] as const;
  close(klDivergence(p, q, { range }), 0.40623152192671586);
  close(klDivergence(q, p, { range }), 0.35652058914224743);
  close(klDivergence(p, q, { range, bins: 16 }), 1.2381654891141407);
  close(klDivergence(q, p, { range, bins: 16, prior: 0 }), 0.6870063007989473);
  assert.is(klDivergence(p, q, { range, bins: 16, prior: 0 }), Infinity);
  assert.is(klDivergence(p, p, { range }), 0);
  assert.ok(Number.isNaN(klDivergence([], q, { range })));
});

test("histograms take what lies outside in the outer bins", () => {
  assert.equal([...histogram([-5, 0, 0.49, 0.5, 1, 9], [0, 1], 2)], [3, 3]);
  assert.throws(() => histogram(p, [1, 1], 4), /range 1 to 1 is empty/);
  assert.throws(() => histogram(p, [0, 1], 0.5), /no number of bins/);
});

test("the coefficient of variation of raters", () => {
  close(coefficientOfVariation([12.1, 13.4, 11.8, 12.9, 14.2]), 0.07555428960063888);
  assert.ok(Number.isNaN(coefficientOfVariation([3])));
});

test.run();
