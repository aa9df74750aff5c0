// Half precision is storage: values are rounded when they are stored, arithmetic is f32.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { fromHalf, toHalf } from "../../engine/dtype.ts";
import { Variable, add, cast, mul, relu } from "../../engine/index.ts";
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
