// Expected numbers: scipy 1.17.1, scipy.stats.wilcoxon(a, b) with its defaults, and scipy.special.erfc.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { summarize } from "../../metrics/summary.ts";
import { erfc, fewestPairs, wilcoxon } from "../../metrics/wilcoxon.ts";

const test = suite("wilcoxon and summaries");
const close = (a: number, b: number, relative = 1e-10): void =>
  assert.ok(Math.abs(a - b) <= relative * Math.abs(b), `${a} is not ${b}`);
const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const sines = (n: number): number[] => upTo(n).map((i) => Math.sin(i * 1.7) * 3 + i * 0.01);
const cosines = (n: number): number[] => upTo(n).map((i) => Math.cos(i * 0.9) * 2 - 0.5);

for (const [name, a, b, statistic, p, exact] of [
  [
    "eight pairs, exact",
    [0.62, 0.71, 0.55, 0.8, 0.67, 0.73, 0.59, 0.66],
    [0.6, 0.75, 0.61, 0.85, 0.74, 0.81, 0.7, 0.79],
    1,
    0.015625,
    true,
  ],
  ["six pairs, all one way", [1, 2, 3, 4, 5, 6], [1.1, 2.2, 3.3, 4.4, 5.5, 6.6], 0, 0.03125, true],
  ["25 pairs, exact", sines(25), cosines(25), 115, 0.20993918180465698, true],
  ["40 pairs, exact", sines(40), cosines(40), 276, 0.07250633211879176, true],
  ["60 pairs, normal", sines(60), cosines(60), 621, 0.030440467413401947, false],
  [
    "ties and equal pairs",
    [13, 18, 10, 20, 15, 25, 14, 12, 19, 30, 16, 22, 11, 17, 21],
    [11, 18, 13, 15, 15, 20, 16, 10, 14, 24, 19, 20, 9, 15, 22],
    22.5,
    0.1036600213588621,
    false,
  ],
  [
    "30 pairs with ties",
    upTo(30).map((k) => (k * 7) % 11),
    upTo(30).map((k) => ((k * 5) % 8) + 0.5),
    116.5,
    0.0165538863576669,
    false,
  ],
] as [string, number[], number[], number, number, boolean][]) {
  test(`${name}: the statistic and p of scipy`, () => {
    const got = wilcoxon(a, b);
    assert.is(got.statistic, statistic);
    close(got.p, p);
    assert.is(got.exact, exact);
    close(wilcoxon(b, a).p, p);
  });
}

for (const [what, differences, p] of [
  ["one way", [5, 4, 3, 2, 2], 0.0625],
  ["a zero", [5, 4, 3, 2, 1, 0], 0.0625],
  ["all tied, four", [1, 1, 1, 1], 0.125],
  ["all tied, five", [1, 1, 1, 1, 1], 0.0625],
  ["ten pairs", [-9, -5, -8, 7, -1, -9, -9, -10, -7, -6], 0.015625],
  ["one against six", [-1, 1, 1, 1, 2, 2, 2], 0.078125],
  ["the largest against nine", [-5, 1, 1, 2, 2, 3, 3, 4, 4, 5], 0.068359375],
  ["thirteen", [1, 1, -2, 3, 3, 4, 4, -5, 6, 6, 7, 7, 8], undefined],
  ["thirteen, a zero among them", [1, 1, -2, 3, 3, 4, 4, -5, 6, 6, 0, 7, 8], undefined],
  ["five that differ of twenty", [3, 1, 2, 2, 1, ...new Array<number>(15).fill(0)], 0.0625],
] as [string, number[], number | undefined][]) {
  test(`ties and zeros, ${what}: p by all assignments of signs, the same for b − a`, () => {
    const zeros = differences.map(() => 0);
    const got = wilcoxon(differences, zeros);
    // By definition: the share of all assignments whose smaller rank sum is no larger, two-sided.
    const moved = differences.filter((d) => d !== 0);
    const ranks = moved.map(
      (d) =>
        moved.filter((e) => Math.abs(e) < Math.abs(d)).length +
        (moved.filter((e) => Math.abs(e) === Math.abs(d)).length + 1) / 2,
    );
    let uneven = 0;
    for (let signs = 0; signs < 2 ** moved.length; signs++) {
      const sum = ranks.reduce((s, r, i) => ((signs >> i) & 1 ? s + r : s), 0);
      if (sum <= got.statistic) uneven++;
    }
    assert.is(got.p, Math.min(1, (2 * uneven) / 2 ** moved.length));
    if (p !== undefined) assert.is(got.p, p);
    assert.ok(got.exact);
    assert.equal(wilcoxon(zeros, differences), got);
  });
}

test("p is never smaller than any signs of the pairs that differ can give", () => {
  for (let n = 1; n < 14; n++)
    for (const zeros of [0, 3, 30]) {
      const a = [...new Array<number>(n).fill(1), ...new Array<number>(zeros).fill(0)];
      const { p } = wilcoxon(
        a,
        a.map(() => 0),
      );
      assert.ok(n > 12 || p >= Math.min(1, 2 / 2 ** n), `${n} of ${n + zeros}: ${p}`);
      if (n < fewestPairs()) assert.ok(p >= 0.05);
    }
});

test("no difference is no evidence; a NaN takes its pair away; equal infinities are equal", () => {
  assert.is(wilcoxon([1, 2], [1, 2]).p, 1);
  assert.is(wilcoxon([], []).p, 1);
  assert.equal(wilcoxon([1, NaN, 3, 5], [2, 2, NaN, 4.5]), wilcoxon([1, 5], [2, 4.5]));
  assert.is(wilcoxon([Infinity, 1, 2], [Infinity, 2, 4]).n, 2);
  assert.is(wilcoxon([Infinity, 1, 2], [3, 2, 4]).statistic, 3);
  assert.throws(() => wilcoxon([1], [1, 2]), /make no pairs/);
});

test("with five pairs p cannot fall below 0.05, with six it can", () => {
  assert.is(fewestPairs(), 6);
  assert.is(wilcoxon([1, 2, 3, 4, 5], [0, 0, 0, 0, 0]).p, 0.0625);
  assert.ok(wilcoxon([1, 2, 3, 4, 5, 6], [0, 0, 0, 0, 0, 0]).p < 0.05);
});

test("erfc at both sides of where its series gives way", () => {
  for (const [x, y] of [
    [0, 1],
    [0.5, 0.4795001221869535],
    [1, 0.15729920705028516],
    [2.4, 0.0006885138966450789],
    [2.5, 0.00040695201744495886],
    [3, 2.2090496998585445e-5],
    [5, 1.5374597944280347e-12],
    [8, 1.1224297172982928e-29],
  ] as const)
    close(erfc(x), y, 1e-11);
});

test("mean ± standard deviation of a sample, undefined values left out", () => {
  assert.equal(summarize([2, 4, 4, 4, 5, 5, 7, 9, NaN]), { mean: 5, std: Math.sqrt(32 / 7), n: 8 });
  assert.is(summarize([3]).mean, 3);
  assert.ok(Number.isNaN(summarize([3]).std) && Number.isNaN(summarize([]).mean));
});

test.run();
