import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Tensor, Variable, add, concat, mul, reshape, square, sum } from "../../engine/index.ts";
import { Adam, type AdamOptions, type AdamState } from "../../train/adam.ts";
import { device, noise, worst } from "../helpers/device.ts";

const test = suite("adam");

for (const amsgrad of [false, true]) {
  test(`ten updates of two parameters equal Adam in f64${amsgrad ? ", AMSGrad" : ""}`, async () => {
    const d = await device();
    const a0 = noise(7, 1);
    const b0 = noise(100, 2);
    const a = new Variable([7], a0, { name: "a" });
    const b = new Variable([10, 10], b0, { name: "b" });
    const adam = new Adam([a, b], { rate: 0.05, amsgrad, weightDecay: 0.01 });
    using p = await d.compile(
      () => {
        const loss = sum(square(mul(sum(a.value), b.value)));
        adam.minimize(loss);
        return { loss };
      },
      {},
      { mode: "train" },
    );
    for (let i = 0; i < 10; i++) {
      p.run();
      await p.read();
    }
    const x = [...a0, ...b0].map(Number);
    const m = x.map(() => 0);
    const v = x.map(() => 0);
    const w = x.map(() => 0);
    for (let t = 1; t <= 10; t++) {
      const s = x.slice(0, 7).reduce((p, q) => p + q, 0);
      const bb = x.slice(7).reduce((p, q) => p + q * q, 0);
      const g = x.map((e, i) => (i < 7 ? 2 * s * bb : 2 * s * s * e) + 0.01 * e);
      for (let i = 0; i < x.length; i++) {
        m[i] = 0.5 * m[i]! + 0.5 * g[i]!;
        v[i] = 0.999 * v[i]! + 0.001 * g[i]! * g[i]!;
        w[i] = Math.max(w[i]!, v[i]!);
        x[i]! -= ((0.05 / (1 - 0.5 ** t)) * m[i]!) / (Math.sqrt((amsgrad ? w[i]! : v[i]!) / (1 - 0.999 ** t)) + 1e-8);
      }
    }
    assert.ok(worst(await d.read(a), x.slice(0, 7)) < 1e-5);
    assert.ok(worst(await d.read(b), x.slice(7)) < 1e-5);
    assert.is(adam.steps, 10);
  });
}

test("a parameter that is reshaped before use still gets its gradient", async () => {
  const d = await device();
  const w = new Variable([2, 3], [1, 2, 3, 4, 5, 6], { name: "w" });
  const adam = new Adam([w], { rate: 1 });
  using p = await d.compile(() => ({ g: adam.gradients(sum(square(reshape(w.value, [3, 2]))))[0]! }));
  p.run();
  assert.equal([...(await p.read()).g], [2, 4, 6, 8, 10, 12]);
});

test("arenas of a few parameters each give the updates of a single one", async () => {
  const d = await device();
  const trained = async (arenaBytes?: number) => {
    const ws = [7, 100, 64, 3].map((n, i) => new Variable([n], noise(n, i + 1), { name: `w${i}` }));
    const adam = new Adam(ws, { rate: 0.05, amsgrad: true, accumulate: 2, ema: 0.5, arenaBytes });
    const step = () => {
      const loss = ws.map((w) => sum(square(square(w.value)))).reduce(add);
      adam.minimize(loss);
      return { loss };
    };
    using p = await d.compile(step, {}, { mode: "train" });
    for (let i = 0; i < 6; i++) p.run();
    using shown = await d.compile(() => ({
      w: adam.averaged(() =>
        sum(
          concat(
            ws.map((w) => w.value),
            0,
          ),
        ),
      ),
    }));
    shown.run();
    const values = await d.readAll(ws);
    return { arenas: adam.arenas.length, values, average: (await shown.read()).w, sizes: adam.state.map(sizesOf) };
  };
  const sizesOf = ({ parts }: AdamState) => parts.reduce((n, v) => n + v.size, 0);
  const one = await trained();
  const cut = await trained(512);
  assert.is(one.arenas, 1);
  assert.is(cut.arenas, 3);
  assert.equal(cut.sizes, one.sizes);
  cut.values.forEach((w, i) => assert.equal(w, one.values[i]));
  assert.equal(cut.average, one.average);
});

test("a parameter belongs to the optimizer that took it last", () => {
  const a = new Variable([3], [1, 2, 3], { name: "a" });
  const old = new Adam([a], { rate: 1, name: "old" });
  const now = new Adam([a], { rate: 1, name: "now" });
  const stateOf = (adam: Adam) => adam.arenas[0]!.state[0];
  assert.is(a.arena?.variable, stateOf(now));
  assert.is.not(a.arena?.variable, stateOf(old));
});

/** One parameter of three numbers whose gradient is what is fed. */
function fed(options: Partial<AdamOptions> = {}) {
  const w = new Variable([3], [1, 2, 3], { name: "w" });
  const adam = new Adam([w], { rate: 0.1, ...options });
  return {
    w,
    adam,
    step: ({ g }: { g: Tensor }) => {
      adam.minimize(sum(mul(w.value, g)));
      return { norm: adam.norm! };
    },
  };
}

test("a gradient that is not finite moves nothing, and the next one goes on as if it had not been", async () => {
  const d = await device();
  const spoiled = fed();
  const clean = fed();
  using p = await d.compile(spoiled.step, { g: [3] }, { mode: "train" });
  using q = await d.compile(clean.step, { g: [3] }, { mode: "train" });
  const g = [
    [1, -2, 0.5],
    [NaN, 0, 1],
    [0, Infinity, 1],
    [0.3, 0.1, -4],
  ].map((v) => Float32Array.from(v));
  for (const values of g) {
    p.run({ g: values });
    const norm = (await p.read()).norm[0];
    assert.is(Number.isFinite(norm), values.every(Number.isFinite));
    if (!values.every(Number.isFinite)) continue;
    assert.ok(Math.abs(norm! - Math.hypot(...values)) < 1e-5);
    q.run({ g: values });
  }
  assert.equal([...(await d.read(spoiled.w))], [...(await d.read(clean.w))]);
});

test("clipping shortens the whole gradient to the given norm", async () => {
  const d = await device();
  const clipped = fed({ clip: 1 });
  const short = fed();
  using p = await d.compile(clipped.step, { g: [3] }, { mode: "train" });
  using q = await d.compile(short.step, { g: [3] }, { mode: "train" });
  for (const g of [
    [3, -4, 12],
    [0.1, 0.2, 0.3],
  ]) {
    p.run({ g: Float32Array.from(g) });
    q.run({ g: Float32Array.from(g, (v) => v / Math.max(1, Math.hypot(...g))) });
  }
  assert.ok(worst(await d.read(clipped.w), [...(await d.read(short.w))]) < 1e-5);
});

test("gradients of several runs make one update, of their mean", async () => {
  const d = await device();
  const many = fed({ accumulate: 3 });
  const one = fed();
  using p = await d.compile(many.step, { g: [3] }, { mode: "train" });
  using q = await d.compile(one.step, { g: [3] }, { mode: "train" });
  for (const round of [
    [
      [1, 2, 3],
      [3, 1, 0],
      [-1, 6, 3],
    ],
    [
      [0, 0, 1],
      [3, 0, 1],
      [0, 9, 1],
    ],
  ]) {
    for (const g of round) {
      const before = [...(await d.read(many.w))];
      p.run({ g: Float32Array.from(g) });
      assert.is(
        before.every((v, i) => v === many.w.initialData()[i]),
        many.adam.steps <= 3,
      );
    }
    q.run({ g: Float32Array.from([0, 1, 2], (i) => (round[0]![i]! + round[1]![i]! + round[2]![i]!) / 3) });
  }
  assert.ok(worst(await d.read(many.w), [...(await d.read(one.w))]) < 1e-6);
});

test("a scaled loss gives the same updates, and an overflow halves the scale", async () => {
  const d = await device();
  const scaled = fed({ scaled: true });
  const plain = fed();
  using p = await d.compile(scaled.step, { g: [3] }, { mode: "train" });
  using q = await d.compile(plain.step, { g: [3] }, { mode: "train" });
  const control = scaled.adam.state.find((v) => v.name.endsWith(".control"))!;
  for (const g of [
    [1, 2, 3],
    [1e35, 0, 0],
    [4, -5, 6],
  ]) {
    p.run({ g: Float32Array.from(g) });
    if (g[0]! < 1e30) q.run({ g: Float32Array.from(g) });
  }
  assert.ok(worst(await d.read(scaled.w), [...(await d.read(plain.w))]) < 1e-6);
  assert.is((await d.read(control.parts[0]!))[4], 2 ** 15);
});

test("the moving average follows the parameters, and stands for them where asked", async () => {
  const d = await device();
  const { w, adam, step } = fed({ ema: 0.5 });
  using p = await d.compile(step, { g: [3] }, { mode: "train" });
  using shown = await d.compile(() => ({ average: adam.averaged(() => mul(w.value, 1)), now: mul(w.value, 1) }));
  const average = [1, 2, 3];
  for (let i = 0; i < 4; i++) {
    p.run({ g: Float32Array.from([1, -1, 2]) });
    const now = await d.read(w);
    average.forEach((a, k) => (average[k] = 0.5 * a + 0.5 * now[k]!));
  }
  shown.run();
  const values = await shown.read();
  assert.ok(worst(values.average, average) < 1e-6);
  assert.equal([...values.now], [...(await d.read(w))]);
});

test.run();
