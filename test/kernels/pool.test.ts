import { suite } from "uvu";
import * as assert from "uvu/assert";
import { input } from "../../engine/constant.ts";
import { grad } from "../../engine/grad.ts";
import { type AvgPoolOptions, adaptiveAvgPool2d, avgPool2d } from "../../engine/ops/avg-pool.ts";
import { maxPool2d, maxPool2dIndices } from "../../engine/ops/max-pool.ts";
import type { MaxPoolOptions } from "../../engine/ops/pool-windows.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { runGraph } from "../helpers/run-graph.ts";
import * as reference from "../../bench/reference/pool.ts";

const test = suite("pooling");

let state = 1;
/** Floats in [−1, 1) in steps of 1/levels: few levels make ties. */
const numbers = (n: number, levels = 2 ** 20): Float32Array =>
  Float32Array.from({ length: n }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * 2 * levels) / levels - 1;
  });
const nan = (bits: number): number => new Float32Array(new Uint32Array([bits]).buffer)[0];

const close = (got: ArrayLike<number>, want: ArrayLike<number>, what: string, tolerance = 1e-6): void => {
  assert.is(got.length, want.length, `${what}: length`);
  for (let i = 0; i < want.length; i++) {
    const good = Number.isNaN(want[i])
      ? Number.isNaN(got[i])
      : got[i] === want[i] || Math.abs(got[i] - want[i]) <= tolerance * Math.max(1, Math.abs(want[i]));
    if (!good) assert.unreachable(`${what}[${i}] is ${got[i]}, not ${want[i]}`);
  }
};
const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => Array.from(a).reduce((s, v, i) => s + v * b[i], 0);

const two = (
  v: number | readonly [number, number] | undefined,
  otherwise: readonly [number, number],
): readonly [number, number] => (v === undefined ? otherwise : typeof v === "number" ? [v, v] : v);
const loops = (o: MaxPoolOptions): reference.Windows => {
  const kernel = two(o.kernel, [1, 1]);
  return {
    kernel,
    stride: two(o.stride, kernel),
    pad: two(o.pad, [0, 0]),
    dilation: two(o.dilation, [1, 1]),
    ceilMode: o.ceilMode ?? false,
  };
};
type Shape4 = readonly [n: number, h: number, w: number, c: number];
const imageOf = ([n, h, w, c]: Shape4): reference.Image => ({ n, h, w, c });
const size = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

const maxCases: readonly (readonly [Shape4, MaxPoolOptions])[] = [
  [[2, 8, 8, 8], { kernel: 2 }],
  [[2, 7, 5, 3], { kernel: 2 }],
  [[2, 7, 5, 4], { kernel: 2, ceilMode: true }],
  [[1, 9, 9, 4], { kernel: 3, stride: 2, pad: 1 }],
  [[1, 9, 9, 5], { kernel: 3, stride: 2, pad: 1 }],
  [[1, 3, 6, 2], { kernel: 3, stride: 2, pad: 1, dilation: [1, 2], ceilMode: true }],
  [[1, 7, 7, 1], { kernel: 2, stride: 1, dilation: 2 }],
  [[1, 4, 9, 8], { kernel: [1, 3], stride: [1, 2] }],
  [[3, 4, 4, 1], { kernel: 1 }],
  [[2, 10, 15, 3], { kernel: 1, stride: [3, 4] }],
  [[1, 6, 7, 12], { kernel: 2, stride: 3, pad: 1, ceilMode: true }],
  [[1, 17, 16, 4], { kernel: 5, stride: 5, pad: 2 }],
  [[1, 33, 32, 1], { kernel: 16 }],
  [[1, 1, 3, 4], { kernel: 2, ceilMode: true }],
  [[1, 5, 5, 3], { kernel: 5, stride: 1, pad: 2 }],
  [[2, 3, 3, 4], { kernel: 2, stride: 1, pad: 2, dilation: 4 }],
  [[0, 4, 4, 4], { kernel: 2 }],
  [[2, 4, 4, 0], { kernel: 3, stride: 1 }],
];

async function checkMax(shape: Shape4, options: MaxPoolOptions, data: Float32Array): Promise<void> {
  const what = `${JSON.stringify(shape)} ${JSON.stringify(options)}`;
  const image = imageOf(shape);
  const o = loops(options);
  const x = input("x", shape);
  const y = maxPool2d(x, options);
  const want = reference.maxPool(data, image, o);
  assert.equal(y.shape, [image.n, reference.count(image.h, 0, o), reference.count(image.w, 1, o), image.c], what);
  const feeds = new Map<Tensor, ArrayLike<number>>([[x, data]]);
  close(await runGraph(y, feeds), want.y, `y ${what}`, 0);
  close(await runGraph(maxPool2dIndices(x, options), feeds), want.index, `index ${what}`, 0);

  const dy = input("dy", y.shape);
  const dyData = numbers(y.size);
  feeds.set(dy, dyData);
  const [dx] = grad(y, [x], dy);
  close(await runGraph(dx, feeds), reference.maxPoolGrad(dyData, data, image, o), `dx ${what}`);

  // The gradient is linear in dy; its own gradient takes the tangent u where the maxima stood.
  const u = input("u", shape);
  const uData = numbers(size(shape));
  feeds.set(u, uData);
  const [ddy] = grad(dx, [dy], u);
  close(
    await runGraph(ddy, feeds),
    want.from.map((at) => (at < 0 ? 0 : uData[at])),
    `ddy ${what}`,
    0,
  );
  const again = grad(ddy, [u], dy)[0];
  close(await runGraph(again, feeds), reference.maxPoolGrad(dyData, data, image, o), `transpose of ddy ${what}`);
}

test("max pooling, its indices, gradient and second derivative agree with f64 loops", async () => {
  for (const [shape, options] of maxCases) await checkMax(shape, options, numbers(size(shape)));
});

test("the first of equal maxima in row-major order takes the gradient", async () => {
  for (const [shape, options] of maxCases) await checkMax(shape, options, numbers(size(shape), 1));
});

test("NaN and infinities win or lose as in PyTorch, signed NaN too", async () => {
  for (const [shape, options] of maxCases) {
    const data = numbers(size(shape));
    data.forEach((_, i) => {
      if (i % 7 === 0) data[i] = nan(i % 2 ? 0x7fc00000 : 0xffc00001);
      else if (i % 5 === 0) data[i] = i % 2 ? Infinity : -Infinity;
    });
    await checkMax(shape, options, data);
  }
  await checkMax([1, 4, 4, 4], { kernel: 2 }, new Float32Array(64).fill(-Infinity));
});

test("padding is −∞: negative images keep their maxima", async () => {
  const data = numbers(4 * 4 * 4).map((v) => v - 5);
  await checkMax([1, 4, 4, 4], { kernel: 3, stride: 2, pad: 1 }, data);
});

const avgCases: readonly (readonly [Shape4, AvgPoolOptions])[] = [
  [[2, 8, 8, 8], { kernel: 2 }],
  [[2, 7, 5, 3], { kernel: 2 }],
  [[1, 9, 9, 4], { kernel: 3, stride: 2, pad: 1 }],
  [[1, 9, 9, 5], { kernel: 3, stride: 2, pad: 1, countIncludePad: false }],
  [[1, 7, 7, 4], { kernel: 3, stride: 2, pad: 1, countIncludePad: false, ceilMode: true }],
  [[1, 7, 7, 1], { kernel: 4, stride: 2, pad: 1, ceilMode: true }],
  [[1, 9, 9, 3], { kernel: 6, stride: 3, pad: [2, 3], ceilMode: true, divisorOverride: 2 }],
  [[1, 9, 9, 3], { kernel: 3, stride: 1, pad: 1, ceilMode: true, countIncludePad: false, divisorOverride: -3 }],
  [[1, 17, 3, 4], { kernel: [17, 3], stride: 1 }],
  [[2, 10, 15, 3], { kernel: 1, stride: [3, 4] }],
  [[1, 2, 2, 3], { kernel: 2, stride: 3, pad: 1 }],
  [[1, 5, 5, 1], { kernel: 5, stride: 1, pad: 2 }],
  [[1, 6, 6, 12], { kernel: [2, 3], stride: [1, 2] }],
  [[1, 1, 5, 8], { kernel: 2, ceilMode: true }],
  [[0, 4, 4, 2], { kernel: 2 }],
];

test("average pooling and its gradient agree with f64 loops and are each other's transpose", async () => {
  for (const [shape, options] of avgCases) {
    const what = `${JSON.stringify(shape)} ${JSON.stringify(options)}`;
    const image = imageOf(shape);
    const o = loops(options);
    const mean = { countIncludePad: options.countIncludePad ?? true, divisorOverride: options.divisorOverride };
    const x = input("x", shape);
    const xData = numbers(size(shape));
    const y = avgPool2d(x, options);
    const dy = input("dy", y.shape);
    const dyData = numbers(y.size);
    const feeds = new Map<Tensor, ArrayLike<number>>([
      [x, xData],
      [dy, dyData],
    ]);
    const got = await runGraph(y, feeds);
    close(got, reference.avgPool(xData, image, o, mean), `y ${what}`);
    const [dx] = grad(y, [x], dy);
    const gotDx = await runGraph(dx, feeds);
    close(gotDx, reference.avgPoolGrad(dyData, image, o, mean), `dx ${what}`);
    close([dot(got, dyData)], [dot(xData, gotDx)], `⟨Ax, u⟩ ${what}`, 1e-5);
    const [ddy] = grad(dx, [dy], x);
    close(await runGraph(ddy, feeds), got, `gradient of the gradient ${what}`, 0);
  }
});

test("adaptive average pooling and its gradient agree with f64 loops and are each other's transpose", async () => {
  const cases: readonly (readonly [Shape4, readonly [number, number]])[] = [
    [
      [2, 8, 8, 8],
      [8, 7],
    ],
    [
      [1, 4, 3, 3],
      [5, 3],
    ],
    [
      [1, 4, 3, 4],
      [4, 2],
    ],
    [
      [1, 4, 3, 1],
      [5, 5],
    ],
    [
      [1, 7, 9, 2],
      [3, 4],
    ],
    [
      [1, 16, 16, 4],
      [4, 4],
    ],
    [
      [2, 5, 11, 5],
      [1, 3],
    ],
    [
      [1, 1, 1, 4],
      [3, 2],
    ],
    [
      [1, 13, 6, 12],
      [7, 5],
    ],
    [
      [1, 10, 10, 3],
      [9, 9],
    ],
    [
      [1, 3, 5, 8],
      [6, 10],
    ],
    [
      [0, 4, 4, 4],
      [2, 3],
    ],
  ];
  for (const [shape, to] of cases) {
    const what = `${JSON.stringify(shape)} → ${JSON.stringify(to)}`;
    const x = input("x", shape);
    const xData = numbers(size(shape));
    const y = adaptiveAvgPool2d(x, to);
    assert.equal(y.shape, [shape[0], ...to, shape[3]], what);
    const dy = input("dy", y.shape);
    const dyData = numbers(y.size);
    const feeds = new Map<Tensor, ArrayLike<number>>([
      [x, xData],
      [dy, dyData],
    ]);
    const want = reference.adaptiveAvgPool(imageOf(shape), to, xData, dyData);
    const got = await runGraph(y, feeds);
    const gotDx = await runGraph(grad(y, [x], dy)[0], feeds);
    close(got, want.y, `y ${what}`);
    close(gotDx, want.dx, `dx ${what}`);
    close([dot(got, dyData)], [dot(xData, gotDx)], `⟨Ax, u⟩ ${what}`, 1e-5);
  }
  const x = input("x", [1, 4, 6, 3]);
  assert.is(adaptiveAvgPool2d(x, [4, 6]), x, "the same size is no work");
  assert.equal(adaptiveAvgPool2d(x, 1).shape, [1, 1, 1, 3]);
});

test("errors say what is wrong and what would be right", () => {
  const x = input("x", [1, 6, 5, 3]);
  assert.throws(
    () => maxPool2d(input("x", [6, 5, 3]), { kernel: 2 }),
    /maxPool2d: x is \[6, 5, 3\]; it must be an image batch \[N, H, W, C\]/,
  );
  assert.throws(
    () => maxPool2d(input("x", [1, 6, 5, 3], "i32"), { kernel: 2 }),
    /x is i32\[1, 6, 5, 3\]; it must be f32: cast\(x, "f32"\) first/,
  );
  assert.throws(() => maxPool2d(x, { kernel: 0 }), /kernel is 0; give a whole number ≥ 1, or two as \[y, x\]/);
  assert.throws(() => maxPool2d(x, { kernel: 2, stride: [1, 0.5] }), /stride is \[1, 0.5\]; give a whole number ≥ 1/);
  assert.throws(
    () => avgPool2d(x, { kernel: [2, 6] }),
    /avgPool2d: W = 5 with pad 0 on both sides is smaller than a window, which spans 6/,
  );
  assert.throws(
    () => maxPool2d(x, { kernel: 3, pad: 2 }),
    /pad 2 along y is more than half of a window, which spans 3; use at most 1, or pad\(\) before/,
  );
  assert.throws(() => maxPool2d(input("x", [1, 0, 5, 3]), { kernel: 1 }), /H = 0/);
  assert.throws(
    () => avgPool2d(x, { kernel: 2, divisorOverride: 0 }),
    /divisorOverride is 0; give a number other than 0/,
  );
  assert.throws(() => adaptiveAvgPool2d(x, [0, 2]), /adaptiveAvgPool2d: size is \[0, 2\]; give a whole number ≥ 1/);
});

test.run();
