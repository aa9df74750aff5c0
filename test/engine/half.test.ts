// Half precision is storage: values are rounded when they are stored, arithmetic is f32.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { fromHalf, toHalf } from "../../engine/dtype.ts";
import { Variable, add, cast, equal, full, greater, mul, relu, sub, sum, where } from "../../engine/index.ts";
import { copy } from "../../engine/ops/elementwise.ts";
import { device, noise, tensor, worst } from "../helpers/device.ts";

const test = suite("half precision");
const round = (v: number): number => fromHalf(toHalf(v));

test("conversion rounds to nearest, ties to even, and knows subnormals, infinity and NaN", () => {
  for (const [v, bits] of [
    [0, 0],
    [-0, 0x8000],
    [1, 0x3c00],
    [-2, 0xc000],
    [65504, 0x7bff],
    [65519, 0x7bff],
    [65520, 0x7c00],
    [Infinity, 0x7c00],
    [2 ** -24, 1],
    [2 ** -25, 0],
    [3 * 2 ** -25, 2],
    [2 ** -14, 0x400],
    [1 + 2 ** -11, 0x3c00],
    [1 + 3 * 2 ** -11, 0x3c02],
  ] as const) {
    assert.is(toHalf(v), bits, String(v));
  }
  assert.ok(Number.isNaN(fromHalf(toHalf(NaN))));
  for (let h = 0; h < 0x7c00; h += 7) assert.is(toHalf(fromHalf(h)), h);
});

test("elementwise chains read and write half precision, by ones and by fours", async () => {
  const d = await device();
  if (!d.gpu.traits.f16) return; // SwiftShader has none
  for (const n of [7, 64]) {
    const x = noise(n, 3, 4);
    const y = noise(n, 4, 4);
    const a = tensor(x, [n], "f16");
    const b = tensor(y, [n], "f16");
    const got = await d.evaluate({
      z: relu(add(mul(a, b), 0.25)),
      wide: mul(cast(a, "f32"), 3),
      back: cast(tensor(x), "f16"),
    });
    assert.is(
      worst(
        got.z,
        x.map((v, i) => round(Math.max(0, round(v) * round(y[i]!) + 0.25))),
      ),
      0,
    );
    assert.is(
      worst(
        got.wide,
        x.map((v) => round(v) * 3),
      ),
      0,
    );
    assert.is(worst(got.back, x.map(round)), 0);
  }
});

test("what is promised as f16 is rounded, whether it is stored or not", async () => {
  const d = await device();
  if (!d.gpu.traits.f16) return;
  for (const n of [3, 8]) {
    // Overflow, rounding, ties to even, subnormals, signs, NaN and infinity.
    const data = [70000, 88.8, 65519, 65520, 2049, 2051, -(2 ** -25), 3 * 2 ** -25, -88.8, 2 ** -15 + 2 ** -26, -0, NaN]
      .concat([-Infinity, 1e-40, 1 + 2 ** -11, 2 ** -14 - 2 ** -26])
      .slice(n === 3 ? 1 : 0, n === 3 ? 12 : 16);
    const want = data.map(round);
    const x = tensor(data);
    const h = cast(x, "f16");
    const got = await d.evaluate({
      there: cast(h, "f32"),
      copied: cast(copy(h), "f32"),
      // Arithmetic in between is f32, and rounded as it leaves f16.
      doubled: cast(mul(h, 2), "f32"),
      difference: cast(sub(h, cast(add(x, 0.5), "f16")), "f32"),
      same: equal(h, cast(tensor(want), "f16")),
      above: greater(mul(h, 1.0001), h),
      total: sum(where(equal(h, h), h, 0)),
    });
    const close = (ys: ArrayLike<number>, zs: readonly number[]): void => assert.equal([...Array.from(ys)], [...zs]);
    close(got.there, want);
    close(got.copied, want);
    close(
      got.doubled,
      want.map((v) => round(2 * v)),
    );
    close(
      got.difference,
      want.map((v, i) => round(v - round(data[i]! + 0.5))),
    );
    close(
      got.same,
      want.map((v) => Number(!Number.isNaN(v))),
    );
    close(
      got.above,
      want.map((v) => Number(round(v * Math.fround(1.0001)) > v)),
    );
    close(got.total, [want.reduce((s, v) => s + (Number.isNaN(v) ? 0 : v), 0)]);
  }
  const pair = await d.evaluate({ same: equal(cast(tensor([2049]), "f16"), full([1], 2049.1, "f16")) });
  assert.equal([...pair.same], [0]);
  const constants = await d.evaluate({ c: equal(full([1], 2049, "f16"), cast(full([1], 2048), "f16")) });
  assert.equal([...constants.c], [1]);
});

test("a variable of half precision is assigned and read", async () => {
  const d = await device();
  if (!d.gpu.traits.f16) return;
  const v = new Variable([5], [1, 2, 3, 4, 5.001], { dtype: "f16", name: "v" });
  using p = await d.compile(() => {
    v.assign(mul(v.value, 2));
    return {};
  });
  p.run();
  await p.read();
  assert.equal([...(await d.read(v))], [2, 4, 6, 8, 10]);
});

test.run();
