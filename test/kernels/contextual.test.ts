// Contextual similarity: kernels for CPU and for GPU adapters against f64 loops, value and both gradients.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { windows } from "../../kernels/contextual/contextual.ts";
import type { Traits } from "../../kernels/kernel.ts";
import { contextualGradOp, contextualPullOp } from "../../engine/ops/contextual-grad.ts";
import { contextualOp } from "../../engine/ops/contextual.ts";
import { contextualMatch } from "../../engine/ops/contextual-match.ts";
import { input } from "../../engine/constant.ts";
import { noise, worst } from "../helpers/device.ts";
import { rawDevice, runOp } from "../helpers/run-op.ts";
import * as reference from "../reference/contextual.ts";

const test = suite("contextual kernels");

const ATTRS = { bandWidth: 0.5, bias: 1, scale: 1, least: -3e38 };
const cases = [
  { batch: 1, n: 1, m: 1, c: 4 },
  { batch: 1, n: 1, m: 9, c: 4 },
  { batch: 1, n: 9, m: 1, c: 8 },
  { batch: 2, n: 5, m: 7, c: 4 },
  { batch: 1, n: 17, m: 16, c: 12 },
  { batch: 2, n: 70, m: 33, c: 8 },
  { batch: 1, n: 64, m: 64, c: 28 },
  { batch: 2, n: 130, m: 129, c: 20 },
  { batch: 1, n: 33, m: 300, c: 32 },
  { batch: 1, n: 600, m: 700, c: 16 },
  { batch: 1, n: 40, m: 50, c: 260 },
];

/** Unit vectors, [count, c]. */
function units(count: number, c: number, seed: number): Float32Array {
  const x = noise(count * c, seed);
  for (let i = 0; i < count; i++) {
    const p = x.subarray(i * c, (i + 1) * c);
    const length = Math.hypot(...p);
    p.forEach((v, k) => (p[k] = v / length));
  }
  return x;
}

async function check(
  { batch, n, m, c }: (typeof cases)[number],
  best: "source" | "target",
  traits: Partial<Traits>,
  attrs = ATTRS,
): Promise<void> {
  const x = units(batch * n, c, 1);
  const y = units(batch * m, c, 2);
  const length = best === "source" ? m : n;
  const dc = noise(batch * length, 3);
  const a = { ...attrs, best };
  const parts = Array.from({ length: batch }, (_, b) =>
    reference.contextual(
      x.subarray(b * n * c, (b + 1) * n * c),
      y.subarray(b * m * c, (b + 1) * m * c),
      { n, m, c, ...a },
      () => dc.subarray(b * length, (b + 1) * length),
    ),
  );
  const want = (of: "largest" | "dx" | "dy"): number[] => parts.flatMap((p) => [...p[of]]);
  const X = { shape: [batch, n, c], data: x };
  const Y = { shape: [batch, m, c], data: y };
  const [largest, rowData, spread, chosen] = await runOp(contextualOp, a, [X, Y], traits);
  assert.ok(worst(largest, want("largest")) < 1e-5, `largest: ${worst(largest, want("largest"))}`);
  if (best === "source")
    assert.equal(
      [...chosen],
      parts.flatMap((p) => [...p.chosen]),
    );
  const rows = { shape: [batch, n, 4], data: rowData, dtype: "u32" as const };
  const ofColumns = chosen ? { shape: [batch, m], data: chosen, dtype: "u32" as const } : rows;
  const C = { shape: [batch, length], data: largest };
  const gain = { shape: [batch, length], data: dc.map((v, i) => v * largest[i]) };
  const [pull, order] = await runOp(
    contextualPullOp,
    a,
    [rows, { shape: [batch, n], data: spread }, ofColumns, C, gain],
    traits,
  );
  for (const own of ["x", "y"] as const) {
    const listed = order ? { shape: [batch, n + 1], data: order, dtype: "u32" as const } : rows;
    const [got] = await runOp(
      contextualGradOp,
      { ...a, own },
      [X, Y, rows, { shape: [batch, n, 2], data: pull }, ofColumns, gain, listed],
      traits,
    );
    const error = worst(got, want(own === "x" ? "dx" : "dy"));
    assert.ok(error < 3e-5, `d${own}: ${error}`);
  }
}

const variants = async (): Promise<Partial<Traits>[]> => [
  ...((await rawDevice()).device.features.has("subgroups") ? [{ cpu: true, subgroups: true }] : []),
  { cpu: false },
];

for (const best of ["source", "target"] as const) {
  // More channels than a workgroup takes compile other pipelines, so one of the two ways is enough.
  for (const shape of best === "source" ? cases : cases.filter(({ c }) => c <= 32)) {
    const points = `${shape.n} × ${shape.m} points of ${shape.c} channels, batch ${shape.batch}`;
    test(`best ${best}, ${points}, agree with f64 loops`, async () => {
      for (const traits of await variants()) await check(shape, best, traits);
    });
  }
}

test("half the distance, a distance that is clamped, and a narrow band agree too", async () => {
  for (const traits of await variants()) {
    await check(cases[5], "source", traits, { ...ATTRS, bias: 0.5, scale: 0.5 });
    await check(cases[5], "source", traits, { ...ATTRS, least: 0.5 });
    await check(cases[5], "target", traits, { ...ATTRS, least: 0.5 });
    await check(cases[5], "source", traits, { ...ATTRS, bandWidth: 0.1 });
  }
});

test("equal points match wholly, and the first of equals is the one chosen", async () => {
  const n = 20;
  const c = 8;
  const one = units(n, c, 4);
  const twice = { shape: [1, 2 * n, c], data: new Float32Array([...one, ...one]) };
  const once = { shape: [1, n, c], data: one };
  for (const traits of await variants()) {
    const [largest, , , chosen] = await runOp(contextualOp, { ...ATTRS, best: "source" }, [twice, once], traits);
    assert.ok(worst(largest, new Array(n).fill(1)) < 1e-6);
    assert.equal(
      [...chosen],
      Array.from({ length: n }, (_, j) => j),
    );
  }
});

test("a NaN reaches every column of its image, its own row, and no other image", async () => {
  const x = units(40, 4, 5);
  x[30] = NaN;
  for (const traits of await variants()) {
    for (const best of ["source", "target"] as const) {
      const [largest] = await runOp(
        contextualOp,
        { ...ATTRS, best },
        [
          { shape: [2, 20, 4], data: x },
          { shape: [2, 30, 4], data: units(60, 4, 6) },
        ],
        traits,
      );
      const half = largest.length / 2;
      const lost = largest.slice(0, half).filter(Number.isNaN).length;
      assert.is(lost, best === "source" ? half : 1);
      assert.ok(largest.slice(half).every(Number.isFinite));
    }
  }
});

test("windows cover all own points once, in whole tiles, and keep a dispatch within 32 GFLOP", () => {
  for (const [own, flops] of [
    [1, 1],
    [4096, 4096 * 512],
    [65536, 65536 * 128],
    [65537, 65536 * 256],
    [100, 1e12],
  ]) {
    const all = windows(own, flops);
    assert.is(
      all.reduce((s, w) => s + w.count, 0),
      own,
    );
    all.forEach((w, i) =>
      assert.ok(w.first % 64 === 0 && (i === 0 || w.first === all[i - 1].first + all[i - 1].count)),
    );
    assert.ok(all.every((w) => w.count <= 64 || w.count * flops <= 32e9));
  }
});

test("errors name the shapes", () => {
  const t = (...shape: number[]) => input("t", shape);
  assert.throws(
    () => contextualMatch(t(1, 4, 4, 8), t(1, 16, 8)),
    /x is \[1, 4, 4, 8\]; it must be points \[N, S, C\]/,
  );
  assert.throws(() => contextualMatch(t(1, 16, 8), t(1, 16, 4)), /N and C must be equal/);
  assert.throws(() => contextualMatch(t(1, 0, 8), t(1, 16, 8)), /at least one point/);
  assert.throws(() => contextualMatch(t(1, 16, 8), t(1, 16, 8), { bandWidth: 0 }), /bandWidth is 0/);
});

test.run();
