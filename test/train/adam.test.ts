import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Variable, mul, reshape, square, sum } from "../../engine/index.ts";
import { Adam } from "../../train/adam.ts";
import { device, noise, worst } from "../helpers/device.ts";

const test = suite("adam");

for (const amsgrad of [false, true]) {
  test(`ten updates of two parameters equal Adam in f64${amsgrad ? ", AMSGrad" : ""}`, async () => {
    const d = await device();
    const a0 = noise(7, 1), b0 = noise(100, 2);
    const a = new Variable([7], a0, { name: "a" }), b = new Variable([10, 10], b0, { name: "b" });
    const adam = new Adam([a, b], { rate: 0.05, amsgrad, weightDecay: 0.01 });
    using p = await d.compile(() => {
      const loss = sum(square(mul(sum(a.value), b.value)));
      adam.minimize(loss);
      return { loss };
    }, {}, { mode: "train" });
    for (let i = 0; i < 10; i++) {
      p.run();
      await p.read();
    }
    const x = [...a0, ...b0].map(Number), m = x.map(() => 0), v = x.map(() => 0), w = x.map(() => 0);
    for (let t = 1; t <= 10; t++) {
      const s = x.slice(0, 7).reduce((p, q) => p + q, 0), bb = x.slice(7).reduce((p, q) => p + q * q, 0);
      const g = x.map((e, i) => (i < 7 ? 2 * s * bb : 2 * s * s * e) + 0.01 * e);
      for (let i = 0; i < x.length; i++) {
        m[i] = 0.5 * m[i] + 0.5 * g[i];
        v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
        w[i] = Math.max(w[i], v[i]);
        x[i] -= (0.05 / (1 - 0.5 ** t)) * m[i] / (Math.sqrt((amsgrad ? w[i] : v[i]) / (1 - 0.999 ** t)) + 1e-8);
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
  using p = await d.compile(() => ({ g: adam.gradients(sum(square(reshape(w.value, [3, 2]))))[0] }));
  p.run();
  assert.equal([...(await p.read()).g], [2, 4, 6, 8, 10, 12]);
});

test("a parameter belongs to one optimizer", () => {
  const a = new Variable([3], [1, 2, 3], { name: "a" });
  void new Adam([a], { rate: 1 });
  assert.throws(() => new Adam([a], { rate: 1 }), /already belongs to an optimizer/);
});

test.run();
