// A number in an expression is a number at run time: nobody folds it, neither the engine nor a driver's compiler.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type Tensor,
  abs,
  add,
  concat,
  div,
  equal,
  full,
  greaterEqual,
  leakyRelu,
  lessEqual,
  mean,
  mul,
  neg,
  notEqual,
  reshape,
  slice,
  sqrt,
  square,
  sub,
  sum,
  zerosLike,
} from "../../engine/index.ts";
import { device, tensor } from "../helpers/device.ts";

const test = suite("constants");

/** f(x) and what IEEE makes of it, element by element. */
interface Row {
  readonly f: (x: Tensor) => Tensor;
  readonly want: (v: number) => number;
}
const f32 = Math.fround;
const rows: Record<string, Row> = {
  "x · 0": { f: (x) => mul(x, 0), want: (v) => v * 0 },
  "0 · x": { f: (x) => mul(0, x), want: (v) => v * 0 },
  "x · zeros": { f: (x) => mul(x, zerosLike(x)), want: (v) => v * 0 },
  "x · −0": { f: (x) => mul(x, -0), want: (v) => v * -0 },
  "x · 1": { f: (x) => mul(x, 1), want: (v) => v },
  "x · −1": { f: (x) => mul(x, -1), want: (v) => -v },
  "x · 2 · 0.5": { f: (x) => mul(mul(x, 2), 0.5), want: (v) => f32(2 * v) * 0.5 },
  "x · 3 / 3": { f: (x) => div(mul(x, 3), 3), want: (v) => f32(f32(v * 3) / 3) },
  "0 / x": { f: (x) => div(0, x), want: (v) => 0 / v },
  "x / 0": { f: (x) => div(x, 0), want: (v) => v / 0 },
  "x / 1": { f: (x) => div(x, 1), want: (v) => v },
  "x / −1": { f: (x) => div(x, -1), want: (v) => -v },
  "x + 0": { f: (x) => add(x, 0), want: (v) => v + 0 },
  "x + −0": { f: (x) => add(x, -0), want: (v) => v },
  "x − 0": { f: (x) => sub(x, 0), want: (v) => v },
  "x − −0": { f: (x) => sub(x, -0), want: (v) => v + 0 },
  "0 − x": { f: (x) => sub(0, x), want: (v) => 0 - v },
  "(x + 1) − 1": { f: (x) => sub(add(x, 1), 1), want: (v) => f32(f32(v + 1) - 1) },
  "1 − (1 − x)": { f: (x) => sub(1, sub(1, x)), want: (v) => f32(1 - f32(1 - v)) },
  "(x + ones) − ones": { f: (x) => sub(add(x, full(x.shape, 1)), full(x.shape, 1)), want: (v) => f32(f32(v + 1) - 1) },
  "x − x": { f: (x) => sub(x, x), want: (v) => v - v },
  "x − x, reshaped": { f: (x) => sub(x, reshape(reshape(x, [4, -1]), x.shape)), want: (v) => v - v },
  "x + −x, as columns": {
    f: (x) => reshape(add(reshape(x, [x.size, 1]), reshape(neg(x), [x.size, 1])), x.shape),
    want: (v) => v - v,
  },
  "x + −x, columns of a part": {
    f: (x) => {
      const part = slice(reshape(concat([x, x], 0), [2 * x.size]), [[x.size, 2 * x.size]]);
      return reshape(add(reshape(part, [x.size, 1]), reshape(neg(part), [x.size, 1])), x.shape);
    },
    want: (v) => v - v,
  },
  "x + −x": { f: (x) => add(x, neg(x)), want: (v) => v - v },
  "2x − x − x": { f: (x) => sub(sub(mul(x, 2), x), x), want: (v) => f32(f32(f32(2 * v) - v) - v) },
  "x / x": { f: (x) => div(x, x), want: (v) => v / v },
  "x · x / x": { f: (x) => div(mul(x, x), x), want: (v) => f32(f32(v * v) / v) },
  "(√x)²": { f: (x) => square(sqrt(x)), want: (v) => f32(f32(Math.sqrt(v)) ** 2) },
  "√x · √x": { f: (x) => mul(sqrt(x), sqrt(x)), want: (v) => f32(f32(Math.sqrt(v)) ** 2) },
  "√(x²)": { f: (x) => sqrt(square(x)), want: (v) => f32(Math.sqrt(f32(v * v))) },
  "x = x": { f: (x) => equal(x, x), want: (v) => Number(!Number.isNaN(v)) },
  "x ≠ x": { f: (x) => notEqual(x, x), want: (v) => Number(Number.isNaN(v)) },
  "x ≠ 1": { f: (x) => notEqual(x, 1), want: (v) => Number(v !== 1) },
  "x ≤ x": { f: (x) => lessEqual(x, x), want: (v) => Number(!Number.isNaN(v)) },
  "|x| ≥ 0": { f: (x) => greaterEqual(abs(x), 0), want: (v) => Number(Math.abs(v) >= 0) },
  "x² ≥ 0": { f: (x) => greaterEqual(square(x), 0), want: (v) => Number(v * v >= 0) },
  "leaky relu of slope 0": { f: (x) => leakyRelu(x, 0), want: (v) => (v > 0 ? v : v * 0) },
};

const values = [NaN, Infinity, -Infinity, 1e-9, 3e38, -0, 0, -3, 1, 7, 0.1, -1e-9].map(f32);
const written = (v: number): string => (Object.is(v, -0) ? "-0" : String(v));

test("a constant, or a value that is read twice, is folded into nothing", async () => {
  const d = await device();
  // By fours, and by ones.
  for (const given of [values, [...values, 5]].map((v) => v.map(f32))) {
    const x = tensor(given);
    const usable =
      given.length % 4 === 0 ? rows : Object.fromEntries(Object.entries(rows).filter(([n]) => !/shaped/.test(n)));
    const got = await d.evaluate(Object.fromEntries(Object.entries(usable).map(([name, { f }]) => [name, f(x)])));
    for (const [name, { want }] of Object.entries(usable))
      assert.equal(
        Array.from(got[name]!, written),
        given.map((v) => written(f32(want(v)))),
        `${name} of ${given.map(written).join(", ")}`,
      );
  }
});

test("a NaN reaches the loss through any weight", async () => {
  const d = await device();
  const x = tensor([NaN, Infinity]);
  const got = await d.evaluate({
    term: add(1, mul(0, mean(x))),
    summed: sum(mul(x, 0)),
    weight: mul(sum(x), full([], 0)),
  });
  for (const [name, [v]] of Object.entries(got)) assert.ok(Number.isNaN(v), name);
});

test("what a sum rounds away stays away", async () => {
  const d = await device();
  const x = tensor([1e-9, -1e-9, 3]);
  const y = tensor([1, 2, 4]);
  const got = await d.evaluate({ back: sub(add(x, y), y), over: add(sub(x, y), y), number: sub(add(x, 1), 1) });
  assert.equal([...got.back], [0, 0, 3]);
  assert.equal([...got.over], [0, 0, 3]);
  assert.equal([...got.number], [0, 0, 3]);
});

test.run();
