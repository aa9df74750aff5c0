// Operators at their edges: nothing to reduce, and numbers of another type, by PyTorch's rules (values of torch 1.13).
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type Tensor,
  add,
  div,
  grad,
  greater,
  less,
  matmul,
  maximum,
  mean,
  moments,
  mul,
  norm2,
  pow,
  prod,
  sqrt,
  std,
  sum,
  variance,
  where,
} from "../../engine/index.ts";
import { crossEntropyLoss, mseLoss, nllLoss } from "../../losses/index.ts";
import { device, tensor } from "../helpers/device.ts";

const test = suite("edges");
const i32 = (...values: number[]): Tensor => tensor(values, [values.length], "i32");
const f32 = (...values: number[]): Tensor => tensor(values);
const nothing = tensor([], [2, 0]);

const empty: Record<string, { y: Tensor; want: number[] }> = {
  "mean of all": { y: mean(tensor([], [0])), want: [NaN] },
  "mean along an empty axis": { y: mean(nothing, 1), want: [NaN, NaN] },
  "mean along several": { y: mean(tensor([], [2, 0, 3]), [1, 2]), want: [NaN, NaN] },
  "mean along a full axis": { y: mean(nothing, 0), want: [] },
  "mean of moments": { y: moments(nothing, 1).mean, want: [NaN, NaN] },
  "variance of moments": { y: moments(nothing, 1).variance, want: [NaN, NaN] },
  variance: { y: variance(nothing, 1), want: [NaN, NaN] },
  std: { y: std(nothing, 1), want: [NaN, NaN] },
  "variance of one, unbiased": { y: variance(f32(3), 0, { correction: 1 }), want: [NaN] },
  sum: { y: sum(nothing, 1), want: [0, 0] },
  "sum of integers": { y: sum(tensor([], [2, 0], "i32"), 1), want: [0, 0] },
  prod: { y: prod(nothing, 1), want: [1, 1] },
  "prod of integers": { y: prod(tensor([], [2, 0], "i32"), 1), want: [1, 1] },
  norm2: { y: norm2(nothing, 1), want: [0, 0] },
  matmul: { y: matmul(tensor([], [2, 0]), tensor([], [0, 2])), want: [0, 0, 0, 0] },
  "0 · a mean": { y: mul(0, mean(tensor([], [0]))), want: [NaN] },
  mseLoss: { y: mseLoss(tensor([], [0]), tensor([], [0])), want: [NaN] },
  "crossEntropyLoss of nothing": { y: crossEntropyLoss(tensor([], [0, 3]), i32()), want: [NaN] },
  "crossEntropyLoss, all ignored": { y: crossEntropyLoss(tensor([1, 2, 3], [1, 3]), i32(-100)), want: [NaN] },
  nllLoss: { y: nllLoss(tensor([], [0, 3]), i32()), want: [NaN] },
  "gradient of a broadcast of nothing": {
    y: grad(sum(mul(tensor([], [0, 2]), tensor([1, 2], [1, 2]))), [tensor([1, 2], [1, 2])])[0],
    want: [0, 0],
  },
};
test("a sum of nothing is 0, a product 1, a mean NaN", async () => {
  const d = await device();
  for (const [name, { y, want }] of Object.entries(empty)) assert.equal([...(await d.evaluate(y))], want, name);
});

const mixed: Record<string, { y: Tensor; dtype: string; want: number[] }> = {
  "i32 to an f32 power": { y: pow(i32(1, 2, 3), f32(2, 0.5, -1)), dtype: "f32", want: [1, Math.SQRT2, 1 / 3] },
  "f32 to an i32 power": { y: pow(f32(1.5, -2, 4), i32(2, 3, -1)), dtype: "f32", want: [2.25, -8, 0.25] },
  "u32 to an f32 power": { y: pow(tensor([4, 9], [2], "u32"), f32(0.5, 0.5)), dtype: "f32", want: [2, 3] },
  "i32 to an i32 power": { y: pow(i32(2, -3), i32(3, 3)), dtype: "i32", want: [8, -27] },
  "i32 to a whole power": { y: pow(i32(2, -3), 3), dtype: "i32", want: [8, -27] },
  "i32 to a fraction": { y: pow(i32(4, 9), 0.5), dtype: "f32", want: [2, 3] },
  "a fraction to an i32 power": { y: pow(0.5, i32(1, -2)), dtype: "f32", want: [0.5, 4] },
  "i32 · fraction": { y: mul(i32(1, -4), 0.5), dtype: "f32", want: [0.5, -2] },
  "i32 + fraction": { y: add(i32(1, -4), 0.25), dtype: "f32", want: [1.25, -3.75] },
  "i32 / fraction": { y: div(i32(1, -4), 0.5), dtype: "f32", want: [2, -8] },
  "i32 / whole": { y: div(i32(7, -7), 2), dtype: "i32", want: [3, -3] },
  "fraction or i32": { y: maximum(i32(0, 2), 0.5), dtype: "f32", want: [0.5, 2] },
  "i32 > fraction": { y: greater(i32(0, 1), 0.5), dtype: "bool", want: [0, 1] },
  "i32 < −fraction": { y: less(i32(0, -1), -0.5), dtype: "bool", want: [0, 1] },
  "i32 < infinity": { y: less(i32(0, 5), Infinity), dtype: "bool", want: [1, 1] },
  "i32 or a fraction": { y: where(greater(i32(1, 0), 0), i32(1, 2), 0.5), dtype: "f32", want: [1, 0.5] },
};
test("integers beside floats are floats", async () => {
  const d = await device();
  for (const [name, { y, dtype, want }] of Object.entries(mixed)) {
    assert.is(y.dtype, dtype, name);
    const got = await d.evaluate(y);
    assert.ok(
      got.length === want.length && want.every((v, i) => Math.abs(got[i]! - v) <= 1e-6 * Math.abs(v)),
      `${name}: ${[...got].join(", ")}`,
    );
  }
});

test("a power of mixed types has the gradient of its float operand", async () => {
  const d = await device();
  const x = f32(2, 3);
  const [dx] = grad(sum(pow(x, i32(3, 2))), [x]);
  const [db] = grad(sum(pow(i32(2, 3), x)), [x]);
  const got = await d.evaluate({ dx, db });
  for (const [i, v] of [12, 6].entries()) assert.ok(Math.abs(got.dx[i]! - v) < 1e-5);
  for (const [i, v] of [4 * Math.log(2), 27 * Math.log(3)].entries()) assert.ok(Math.abs(got.db[i]! - v) < 1e-4);
});

test("the root of a subnormal number is no 0, on no adapter", async () => {
  const d = await device();
  const data = [1e-40, 1e-45, 1.1754942e-38, -1e-40].map(Math.fround);
  const got = await d.evaluate(sqrt(tensor(data)));
  for (const [i, v] of data.slice(0, 3).entries())
    assert.ok(Math.abs(got[i]! / Math.sqrt(v) - 1) < 1e-6, `√${v} is ${got[i]}`);
  assert.ok(Number.isNaN(got[3]));
});

test.run();
