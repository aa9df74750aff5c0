import { suite } from "uvu";
import * as assert from "uvu/assert";
import { input } from "../../engine/constant.ts";
import { grad } from "../../engine/grad.ts";
import { gather, take } from "../../engine/ops/gather.ts";
import { maxUnpool2d } from "../../engine/ops/max-pool.ts";
import { sizeOf } from "../../engine/shape.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { noise, worst } from "../helpers/device.ts";
import { runGraph } from "../helpers/run-graph.ts";
import * as reference from "../reference/gather.ts";

const test = suite("gather");

/** n whole numbers in [low, high). */
const wholes = (n: number, low: number, high: number, seed = 3): Int32Array =>
  Int32Array.from(noise(n, seed), (v) => Math.floor(low + ((v + 1) / 2) * (high - low)));

type TakeCase = readonly [shape: number[], axis: number, indexShape: number[], index?: ArrayLike<number>];
const takeCases: TakeCase[] = [
  [[7], 0, [5]],
  [[1], 0, [4]],
  [[5, 4, 3, 2], 1, [3]],
  [[6, 5], -1, [2, 3]],
  [[6, 5], 0, []],
  [[3, 4, 8], 2, [17]],
  [[2, 9, 1], 1, [30]],
  [[50, 3], 0, [200]],
  [[4, 1, 5], 1, [3]],
  [[10, 16], 0, [10], Int32Array.from({ length: 10 }, (_, i) => 9 - i)],
  [[4, 3], 0, [6], Int32Array.from([0, 0, 0, 0, 0, 0])],
  [[5], 0, [4], Int32Array.from([-1, 4, -5, 0])],
  [[2, 3, 4], 1, [1, 1, 1]],
  [[3, 700], 1, [333]],
];

test("take, its gradient and the gradient's gradient agree with f64 loops", async () => {
  for (const [shape, axis, indexShape, given] of takeCases) {
    const what = `${JSON.stringify(shape)} at ${JSON.stringify(indexShape)} along ${axis}`;
    const d = axis < 0 ? axis + shape.length : axis;
    const n = shape[d];
    const m = sizeOf(indexShape);
    const l = {
      outer: sizeOf(shape.slice(0, d)),
      n,
      inner: sizeOf(shape.slice(d + 1)),
      m,
      indexOuter: 1,
      indexInner: 1,
    };
    const x = input("x", shape);
    const index = input("index", indexShape, "i32");
    const y = take(x, index, axis);
    const dy = input("dy", y.shape);
    assert.equal(y.shape, [...shape.slice(0, d), ...indexShape, ...shape.slice(d + 1)], what);
    const xData = noise(x.size, 1);
    const indexData = given ?? wholes(m, -n, n);
    const dyData = noise(y.size, 2);
    const feeds = new Map<Tensor, ArrayLike<number>>([
      [x, xData],
      [index, indexData],
      [dy, dyData],
    ]);
    assert.equal(Array.from(await runGraph(y, feeds)), reference.gather(xData, indexData, l), what);
    const [dx] = grad(y, [x], dy);
    assert.ok(worst(await runGraph(dx, feeds), reference.scatterAdd(dyData, indexData, l)) < 1e-6, `dx ${what}`);
    assert.equal(
      Array.from(await runGraph(grad(dx, [dy], x)[0], feeds)),
      reference.gather(xData, indexData, l),
      `gradient of the gradient ${what}`,
    );
  }
});

test("gather and its gradient agree with f64 loops", async () => {
  const cases: [number[], number[], number][] = [
    [[4, 3], [2, 3], 0],
    [[4, 3], [4, 5], 1],
    [[4, 3], [9, 2], 0],
    [[3, 5, 4], [3, 7, 4], 1],
    [[3, 5, 4], [2, 2, 3], -1],
    [[6], [11], 0],
    [[1, 1, 8], [1, 1, 8], 2],
    [[2, 3, 4, 5], [2, 3, 2, 5], 2],
    [[2, 3, 4, 5], [1, 3, 6, 1], 2],
    [[64, 2], [64, 2], 0],
    [[8, 1], [3, 1], 0],
    [[2, 100], [2, 300], 1],
  ];
  for (const [shape, indexShape, axis] of cases) {
    const what = `${JSON.stringify(shape)} at ${JSON.stringify(indexShape)} along ${axis}`;
    const d = axis < 0 ? axis + shape.length : axis;
    const n = shape[d];
    const x = input("x", shape);
    const index = input("index", indexShape, "i32");
    const y = gather(x, index, axis);
    const dy = input("dy", indexShape);
    const xData = noise(x.size, 1);
    const indexData = wholes(index.size, -n, n);
    const dyData = noise(y.size, 2);
    const feeds = new Map<Tensor, ArrayLike<number>>([
      [x, xData],
      [index, indexData],
      [dy, dyData],
    ]);
    // The part of x that the index's own size spans off the axis.
    const near = shape.map((size, e) => (e === d ? size : indexShape[e]));
    const strides = shape.map((_, e) => sizeOf(shape.slice(e + 1)));
    const places = near.reduce<number[]>(
      (at, size, e) => at.flatMap((i) => Array.from({ length: size }, (_, k) => i + k * strides[e])),
      [0],
    );
    const l = {
      outer: sizeOf(near.slice(0, d)),
      n,
      inner: sizeOf(near.slice(d + 1)),
      m: indexShape[d],
      indexOuter: sizeOf(near.slice(0, d)),
      indexInner: sizeOf(near.slice(d + 1)),
    };
    assert.equal(
      Array.from(await runGraph(y, feeds)),
      reference.gather(
        places.map((p) => xData[p]),
        indexData,
        l,
      ),
      what,
    );
    const want = new Array<number>(x.size).fill(0);
    reference.scatterAdd(dyData, indexData, l).forEach((v, i) => (want[places[i]] = v));
    assert.ok(worst(await runGraph(grad(y, [x], dy)[0], feeds), want) < 1e-6, `dx ${what}`);
  }
});

test("an index outside gives NaN, for integers 0, and no gradient", async () => {
  const x = input("x", [3, 2]);
  const whole = input("whole", [3], "i32");
  const index = input("index", [4], "i32");
  const dy = input("dy", [4, 2]);
  const feeds = new Map<Tensor, ArrayLike<number>>([
    [x, [1, 2, 3, 4, 5, 6]],
    [whole, [7, 8, 9]],
    [index, [3, -4, 2, -3]],
    [dy, [1, 1, 1, 1, 2, 3, 4, 5]],
  ]);
  const y = take(x, index);
  assert.equal(Array.from(await runGraph(y, feeds)), [NaN, NaN, NaN, NaN, 5, 6, 1, 2]);
  assert.equal(Array.from(await runGraph(take(whole, index), feeds)), [0, 0, 9, 7]);
  assert.equal(Array.from(await runGraph(grad(y, [x], dy)[0], feeds)), [4, 5, 0, 0, 2, 3]);
});

test("words are moved as they are: NaN's bits, −0, subnormals, large integers", async () => {
  const bits = Uint32Array.from([0x7fc12345, 0xffc00001, 0x80000000, 1, 0x7f800000]);
  const x = input("x", [5]);
  const whole = input("whole", [2], "i32");
  const index = input("index", [5], "i32");
  const two = input("two", [2], "i32");
  const feeds = new Map<Tensor, ArrayLike<number>>([
    [x, new Float32Array(bits.buffer)],
    [index, [0, 1, 2, 3, 4]],
    [whole, [2 ** 31 - 1, -(2 ** 31)]],
    [two, [1, 0]],
  ]);
  assert.equal(
    Array.from(new Uint32Array(((await runGraph(take(x, index), feeds)) as Float32Array).slice().buffer)),
    Array.from(bits),
  );
  assert.equal(Array.from(await runGraph(take(whole, two), feeds)), [-(2 ** 31), 2 ** 31 - 1]);
});

test("a sum over sources keeps its order: the bits agree run after run", async () => {
  const x = input("x", [7]);
  const index = input("index", [3000], "i32");
  const dy = input("dy", [3000]);
  const feeds = new Map<Tensor, ArrayLike<number>>([
    [x, noise(7)],
    [index, wholes(3000, 0, 7)],
    [dy, noise(3000, 9)],
  ]);
  const [dx] = grad(take(x, index), [x], dy);
  const first = Array.from(await runGraph(dx, feeds));
  for (let i = 0; i < 3; i++) assert.equal(Array.from(await runGraph(dx, feeds)), first);
});

test("max unpooling writes each value to its place, the last of several, and its gradient reads each", async () => {
  for (const [n, p, q, c, h, w] of [
    [2, 3, 4, 3, 6, 8],
    [1, 2, 2, 4, 5, 5],
    [1, 1, 1, 1, 3, 2],
    [1, 5, 4, 2, 3, 3],
    [3, 2, 3, 8, 4, 7],
  ]) {
    const x = input("x", [n, p, q, c]);
    const index = input("index", [n, p, q, c], "i32");
    const y = maxUnpool2d(x, index, [h, w]);
    const dy = input("dy", y.shape);
    const xData = noise(x.size);
    const indexData = wholes(x.size, -1, h * w);
    const dyData = noise(y.size, 5);
    const feeds = new Map<Tensor, ArrayLike<number>>([
      [x, xData],
      [index, indexData],
      [dy, dyData],
    ]);
    const want = new Array<number>(y.size).fill(0);
    const wantDx: number[] = [];
    xData.forEach((v, i) => {
      const to = (Math.floor(i / (p * q * c)) * h * w + indexData[i]) * c + (i % c);
      if (indexData[i] >= 0) want[to] = v;
      wantDx[i] = indexData[i] >= 0 ? dyData[to] : NaN;
    });
    assert.equal(Array.from(await runGraph(y, feeds)), want);
    const got = await runGraph(grad(y, [x], dy)[0], feeds);
    assert.ok(wantDx.every((v, i) => Number.isNaN(v) || v === got[i]));
  }
});

test("errors say what is wrong and what would be right", () => {
  const x = input("x", [4, 3]);
  const index = input("index", [2], "i32");
  assert.throws(
    () => take(x, input("index", [2])),
    /take: the index is f32\[2\]; it must hold whole numbers: cast\(index, "i32"\)/,
  );
  assert.throws(() => take(x, index, 2), /take: axis 2 is outside a tensor of rank 2; use -2 … 1/);
  assert.throws(
    () => take(input("x", [4, 0]), index, 1),
    /take: x \[4, 0\] is empty along axis 1, so the index \[2\] has nothing to point to/,
  );
  assert.throws(
    () => gather(x, index, 0),
    /gather: the index \[2\] is of rank 1, x \[4, 3\] of rank 2; they must be equal \(take\(\) looks up whole slices\)/,
  );
  assert.throws(
    () => gather(x, input("index", [2, 4], "i32"), 0),
    /gather: dimension 1 of the index \[2, 4\] is 4, that of x \[4, 3\] is 3; off axis 0 it must not be larger/,
  );
  const image = input("x", [1, 2, 2, 3]);
  assert.throws(
    () => maxUnpool2d(image, input("i", [1, 2, 2, 3]), 4),
    /maxUnpool2d: indices are f32\[1, 2, 2, 3\]; they must be i32\[1, 2, 2, 3\]/,
  );
  assert.throws(
    () => maxUnpool2d(image, input("i", [1, 2, 3, 3], "i32"), 4),
    /maxUnpool2d: indices are i32\[1, 2, 3, 3\]; they must be i32\[1, 2, 2, 3\]/,
  );
});

test.run();
