import { suite } from "uvu";
import * as assert from "uvu/assert";
import { full, input } from "../../engine/constant.ts";
import { grad } from "../../engine/grad.ts";
import { dropout } from "../../engine/ops/dropout.ts";
import { mul, sub } from "../../engine/ops/elementwise.ts";
import { pcg3d } from "../../engine/random.ts";
import { device, noise, tensor } from "../helpers/device.ts";

const test = suite("dropout");
const key = (value: number) => full([], value, "u32");

/** What the mask holds at flat position i: the same hash on the host. */
const kept = (i: number, k: number, salt: number, rate: number): boolean =>
  (pcg3d(i, k, salt) >>> 8) / 2 ** 24 >= Math.fround(rate);

test("each element is dropped by its own number, the rest is scaled by 1/(1 − rate)", async () => {
  const d = await device();
  const data = noise(2 * 5 * 7 * 3, 4);
  for (const rate of [0.2, 0.5, 0.9]) {
    const y = await d.evaluate(dropout(tensor(data, [2, 5, 7, 3]), rate, key(77), { salt: 3 }));
    data.forEach((x, i) => {
      const want = kept(i, 77, 3, rate) ? x / (1 - rate) : 0;
      assert.ok(Math.abs(y[i]! - want) <= 1e-6 * Math.abs(want), `rate ${rate}: y[${i}] is ${y[i]}, not ${want}`);
    });
  }
});

test("the share that is dropped is the rate, within five standard deviations", async () => {
  const d = await device();
  const n = 200_000;
  for (const [rate, k] of [
    [0.2, 1],
    [0.5, 2],
    [0.5, 3],
  ] as const) {
    const y = await d.evaluate(dropout(full([n], 1), rate, key(k)));
    const dropped = Array.from(y).filter((v) => v === 0).length;
    assert.ok(
      Math.abs(dropped - n * rate) < 5 * Math.sqrt(n * rate * (1 - rate)),
      `${dropped} of ${n} dropped at rate ${rate}`,
    );
  }
});

test("with channels, whole channels of a sample are dropped", async () => {
  const d = await device();
  const [n, h, w, c] = [3, 4, 5, 6];
  const y = await d.evaluate(dropout(full([n, h, w, c], 2), 0.5, key(9), { channels: true }));
  for (let i = 0; i < y.length; i++) {
    const at = Math.floor(i / (h * w * c)) * c + (i % c);
    assert.is(y[i], kept(at, 9, 0, 0.5) ? 4 : 0);
  }
});

test("the gradient passes through the same mask", async () => {
  const d = await device();
  for (const channels of [false, true]) {
    const x = tensor(noise(2 * 3 * 4 * 4, 8), [2, 3, 4, 4]);
    const dy = tensor(noise(2 * 3 * 4 * 4, 9), [2, 3, 4, 4]);
    const options = { channels, salt: 1 };
    const [dx] = grad(dropout(x, 0.3, key(5), options), [x], dy);
    const difference = await d.evaluate(sub(dx, mul(dy, dropout(full([2, 3, 4, 4], 1), 0.3, key(5), options))));
    assert.ok(difference.every((v) => Math.abs(v) <= 1e-6));
  }
});

test("rate 0 is no work, and errors say what is wrong", () => {
  const x = input("x", [2, 3]);
  assert.is(dropout(x, 0, key(1)), x);
  assert.throws(() => dropout(x, 1, key(1)), /dropout: rate is 1; give the share to drop, 0 ≤ rate < 1/);
  assert.throws(() => dropout(x, -0.1, key(1)), /rate is -0.1/);
  assert.throws(() => dropout(x, NaN, key(1)), /rate is NaN/);
  assert.throws(() => dropout(x, 0.5, full([], 1)), /key is f32\[\]; it must be a u32 scalar, as stepKey\(\) gives/);
  assert.throws(
    () => dropout(input("x", [3]), 0.5, key(1), { channels: true }),
    /x is \[3\]; to drop channels it must be \[N, …, C\]/,
  );
});

test.run();
