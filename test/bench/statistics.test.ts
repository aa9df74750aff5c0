// What benches say of samples, and when they call a run slower.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compareReports, compareRows, isRegression } from "../../bench/measure/compare.ts";
import { disagreement, judge, ratioOf } from "../../bench/peers/peers.ts";
import { type Report, type Row, fileNameOf, rooflineMs } from "../../bench/say/report.ts";
import { geometricMean, relativeL2, uniform } from "../../bench/measure/statistics.ts";
import { quantile, summarize } from "../../lab/statistics.ts";
import { comparisonLines, rowLine, sideBySide } from "../../bench/say/table.ts";

const test = suite("bench statistics");

test("quantiles lie between neighbours, and do not depend on the order", () => {
  assert.is(quantile([4, 1, 3, 2], 0.5), 2.5);
  assert.is(quantile([5], 0.9), 5);
  assert.is(quantile([0, 10], 0.1), 1);
  assert.ok(Number.isNaN(quantile([], 0.5)));
  assert.equal(summarize([3, 1, 2]), { median: 2, p10: 1.2, p90: 2.8, samples: 3 });
});

test("the geometric mean of 2 and 8 is 4", () => assert.ok(Math.abs(geometricMean([2, 8]) - 4) < 1e-12));

test("relative L2: 0 for equal, infinite for other lengths and for NaN", () => {
  assert.is(relativeL2([1, 2], [1, 2]), 0);
  assert.is(relativeL2([3, 4], [0, 0]), Infinity);
  assert.is(relativeL2([3], [3, 4]), Infinity);
  assert.is(relativeL2([NaN, 1], [1, 1]), Infinity);
  assert.ok(Math.abs(relativeL2([0, 5], [0, 4]) - 0.25) < 1e-12);
});

test("uniform values lie in [−1, 1), centred, and follow the seed alone", () => {
  const v = uniform(10000, 3);
  assert.ok(v.every((x) => x >= -1 && x < 1));
  assert.ok(Math.abs(v.reduce((a, b) => a + b) / v.length) < 0.02);
  assert.equal(uniform(5, 3), v.slice(0, 5));
  assert.not.equal(uniform(5, 4), v.slice(0, 5));
});

test("the roofline is the slower of arithmetic and memory", () => {
  assert.is(rooflineMs(2e9, 1e6, { gflops: 1000, gbs: 100 }), 2);
  assert.is(rooflineMs(2e6, 1e9, { gflops: 1000, gbs: 100 }), 10);
});

const row = (median: number, spread = 0.05, more: Partial<Row> = {}): Row => ({
  name: "a",
  group: "kernel",
  clock: "wall",
  ms: { median, p10: median * (1 - spread), p90: median * (1 + spread), samples: 9 },
  ...more,
});

for (const [what, old, now, verdict] of [
  ["10 % more", row(10), row(11), "same"],
  ["20 % more", row(10), row(12), "slower"],
  ["20 % less", row(12), row(10), "faster"],
  ["20 % more within the old spread", row(10, 0.5), row(12), "same"],
  ["20 % more with a spread that reaches down", row(10), row(12, 0.3), "same"],
  ["twice, however the spread", row(10, 0.3), row(20, 0.3), "slower"],
  ["a result that is now wrong", row(10), row(0, 0, { ms: undefined, wrong: "off" }), "broken"],
  ["another clock", row(10), row(20, 0.05, { clock: "gpu" }), "not comparable"],
] as const) {
  test(`compared: ${what} is ${verdict}`, () => {
    const c = compareRows(old, now);
    assert.is(c.verdict, verdict);
    assert.is(isRegression(c), verdict === "slower" || verdict === "broken");
  });
}

const report = (adapter: string, rows: Row[]): Report => ({
  engine: "cmedl",
  adapter,
  software: true,
  date: "",
  command: "",
  host: "",
  rows,
});

test("reports compare by name on one adapter only", () => {
  assert.is(compareReports(report("x", [row(10)]), report("x", [row(20), { ...row(1), name: "new" }])).length, 1);
  assert.throws(() => compareReports(report("x", [row(10)]), report("y", [row(10)])), /one adapter/);
});

test("what changed is noisy where others took part of the machine in either run", () => {
  const idle = { ...report("x", [row(10)]), load: 0.9 };
  const busy = { ...report("x", [row(20)]), load: 9 };
  const verdicts = (old: Report, now: Report) => compareReports(old, now).map((c) => c.verdict);
  assert.equal(verdicts(idle, busy), ["noisy"]);
  assert.equal(verdicts(busy, idle), ["noisy"]);
  assert.equal(verdicts(idle, { ...busy, load: 1 }), ["slower"]);
  assert.equal(verdicts(idle, { ...busy, rows: [row(10)] }), ["same"]);
  assert.not.ok(compareReports(idle, busy).some(isRegression));
  assert.match(comparisonLines(compareReports(idle, busy)).join("\n"), /1 changed, but the machine was busy/);
});

test("a wrong result prints no time", () => {
  const line = rowLine({ name: "conv", group: "kernel", clock: "wall", wrong: "off by 1e-1" });
  assert.match(line, "WRONG: off by 1e-1");
  assert.not.match(line, " ms");
  assert.match(rowLine(row(12)), "12.0");
});

test("tables: what changed, the worst first; another engine's times beside ours", () => {
  const lines = comparisonLines([
    { name: "a", ratio: 1.5, verdict: "slower" },
    { name: "b", ratio: 3, verdict: "slower" },
    { name: "c", ratio: 1, verdict: "same" },
  ]);
  assert.ok(lines[1].startsWith("b") && lines[2].startsWith("a"));
  assert.is(lines[3], "1 of 3 the same within noise");
  assert.match(sideBySide(report("x", [row(10)]), { ...report("x", [row(25)]), engine: "pytorch f32" })[1], "2.50×");
});

test("peers: who agrees with no one is wrong, and the ratio is to the faster that is right", () => {
  const results = (...v: number[]) => ({ y: Float32Array.from(v) });
  const wrong = judge(
    new Map([
      ["cmedl", results(1, 2)],
      ["tfjs", results(1, 3)],
      ["jaxjs", results(1, 2)],
    ]),
  );
  assert.equal([...wrong.keys()], ["tfjs"]);
  assert.is(
    judge(
      new Map([
        ["cmedl", results(1, 2)],
        ["tfjs", results(1, 3)],
      ]),
    ).size,
    2,
  );
  assert.is(judge(new Map([["cmedl", results(1)]])).size, 0);
  assert.is(disagreement({ y: Float32Array.of(1) }, { z: Float32Array.of(1) }), Infinity);
  assert.is(ratioOf([row(10), row(40), row(25)]), 2.5);
  assert.is(ratioOf([row(10), { ...row(1), ms: undefined, wrong: "no" }]), undefined);
});

test("an adapter's results have a file of their own", () =>
  assert.is(fileNameOf("llvmpipe (LLVM 15.0.6, 256 bits)"), "llvmpipe-llvm-15-0-6-256-bits.json"));

test.run();
