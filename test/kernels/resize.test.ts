import { suite } from "uvu";
import * as assert from "uvu/assert";
import { input } from "../../engine/constant.ts";
import { grad } from "../../engine/grad.ts";
import { type ResizeOptions, resize } from "../../engine/ops/resize.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { ratio } from "../../kernels/resize/resize-ratio.ts";
import { runGraph } from "../helpers/run-graph.ts";
import * as reference from "../../bench/reference/resize.ts";

const test = suite("resize");

let state = 7;
const numbers = (n: number): Float32Array =>
  Float32Array.from({ length: n }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.fround((state / 2 ** 32) * 2 - 1);
  });
const close = (got: ArrayLike<number>, want: ArrayLike<number>, what: string, tolerance: number): void => {
  assert.is(got.length, want.length, `${what}: length`);
  for (let i = 0; i < want.length; i++) {
    if (!(Math.abs(got[i] - want[i]) <= tolerance * Math.max(1, Math.abs(want[i]))))
      assert.unreachable(`${what}[${i}] is ${got[i]}, not ${want[i]}`);
  }
};
const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => Array.from(a).reduce((s, v, i) => s + v * b[i], 0);
const size = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

const options: Record<reference.Mode, ResizeOptions> = {
  nearest: { mode: "nearest" },
  "half-pixel": { mode: "bilinear" },
  "align-corners": { mode: "bilinear", alignCorners: true },
};
const cases: readonly (readonly [shape: readonly [number, number, number, number], to: readonly [number, number]])[] = [
  [
    [2, 4, 5, 8],
    [8, 10],
  ],
  [
    [2, 5, 3, 1],
    [11, 7],
  ],
  [
    [1, 9, 10, 4],
    [4, 3],
  ],
  [
    [1, 7, 6, 3],
    [1, 1],
  ],
  [
    [1, 1, 1, 5],
    [4, 3],
  ],
  [
    [1, 3, 4, 2],
    [9, 8],
  ],
  [
    [1, 8, 8, 4],
    [4, 4],
  ],
  [
    [1, 7, 11, 1],
    [13, 5],
  ],
  [
    [1, 4, 4, 3],
    [64, 64],
  ],
  [
    [1, 2, 2, 12],
    [3, 3],
  ],
  [
    [1, 16, 1, 4],
    [5, 9],
  ],
  [
    [3, 1, 4, 3],
    [1, 3],
  ],
  [
    [1, 6, 7, 8],
    [7, 6],
  ],
  [
    [1, 33, 2, 4],
    [2, 33],
  ],
  [
    [0, 4, 4, 4],
    [8, 8],
  ],
  [
    [2, 4, 4, 0],
    [8, 2],
  ],
];

for (const mode of ["nearest", "half-pixel", "align-corners"] as const) {
  test(`${mode} and its gradient agree with f64 loops and are each other's transpose`, async () => {
    for (const [shape, to] of cases) {
      const what = `${JSON.stringify(shape)} → ${JSON.stringify(to)}`;
      const [n, h, w, c] = shape;
      const x = input("x", shape);
      const xData = numbers(size(shape));
      const y = resize(x, to, options[mode]);
      assert.equal(y.shape, [n, ...to, c], what);
      const dy = input("dy", y.shape);
      const dyData = numbers(y.size);
      const feeds = new Map<Tensor, ArrayLike<number>>([
        [x, xData],
        [dy, dyData],
      ]);
      const want = reference.resize({ n, h, w, c }, to, mode, xData, dyData);
      const [dx] = grad(y, [x], dy);
      const got = await runGraph(y, feeds);
      const gotDx = await runGraph(dx, feeds);
      close(got, want.y, `y ${what}`, mode === "nearest" ? 0 : 1e-6);
      close(gotDx, want.dx, `dx ${what}`, 2e-6);
      close([dot(got, dyData)], [dot(xData, gotDx)], `⟨Ax, u⟩ ${what}`, 1e-5);
      close(await runGraph(grad(dx, [dy], x)[0], feeds), got, `gradient of the gradient ${what}`, 0);
    }
  });
}

test("nearest takes pixel ⌊o·in/out⌋ exactly for every pair of sizes up to 24", async () => {
  for (let from = 1; from <= 24; from++) {
    for (let to = 1; to <= 24; to += (from % 3) + 1) {
      const { mul, add, den } = ratio(from, to, "nearest");
      assert.is(add, 0);
      for (let o = 0; o < to; o++)
        assert.is(Math.floor((o * mul) / den), Number((BigInt(o) * BigInt(from)) / BigInt(to)));
    }
  }
  const row = Float32Array.from({ length: 24 }, (_, i) => i);
  for (const to of [23, 7, 49, 100]) {
    const x = input("x", [1, 1, 24, 1]);
    const got = await runGraph(resize(x, [1, to], { mode: "nearest" }), new Map<Tensor, ArrayLike<number>>([[x, row]]));
    assert.equal(
      [...Array.from(got)],
      Array.from({ length: to }, (_, o) => Number((BigInt(o) * 24n) / BigInt(to))),
    );
  }
});

test("a constant image stays constant, and doubling a ramp with aligned corners keeps it a ramp", async () => {
  const x = input("x", [1, 5, 7, 4]);
  const flat = await runGraph(
    resize(x, [11, 3], { mode: "bilinear" }),
    new Map<Tensor, ArrayLike<number>>([[x, new Float32Array(140).fill(3)]]),
  );
  close(flat, new Array<number>(flat.length).fill(3), "constant", 1e-7);
  const ramp = input("ramp", [1, 1, 5, 1]);
  const got = await runGraph(
    resize(ramp, [1, 9], { mode: "bilinear", alignCorners: true }),
    new Map<Tensor, ArrayLike<number>>([[ramp, [0, 1, 2, 3, 4]]]),
  );
  close(got, [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4], "ramp", 0);
});

test("the same size is no work", () => {
  const x = input("x", [2, 4, 6, 3]);
  for (const o of Object.values(options)) assert.is(resize(x, [4, 6], o), x);
});

test("errors say what is wrong and what would be right", () => {
  const x = input("x", [1, 4, 6, 3]);
  assert.throws(
    () => resize(input("x", [4, 6]), [2, 2], { mode: "nearest" }),
    /resize: x is \[4, 6\]; it must be an image batch \[N, H, W, C\]/,
  );
  assert.throws(
    () => resize(input("x", [1, 4, 6, 3], "u32"), [2, 2], { mode: "nearest" }),
    /x is u32\[1, 4, 6, 3\]; it must be f32: cast\(x, "f32"\) first/,
  );
  assert.throws(
    () => resize(x, [0, 2], { mode: "nearest" }),
    /size is \[0, 2\]; give two whole numbers ≥ 1 as \[H, W\]/,
  );
  assert.throws(
    () => resize(x, [2, 2], { mode: "cubic" as "nearest" }),
    /mode is "cubic"; it must be "nearest" or "bilinear"/,
  );
  assert.throws(
    () => resize(x, [2, 2], { mode: "nearest", alignCorners: true }),
    /alignCorners has no meaning with mode "nearest"/,
  );
  assert.throws(() => resize(input("x", [1, 0, 6, 3]), [2, 2], { mode: "nearest" }), /H and W must be ≥ 1/);
  assert.throws(
    () => resize(input("x", [1, 50000, 1, 1]), [49999, 1], { mode: "bilinear" }),
    /H from 50000 to 49999 passes the 2³¹ that index arithmetic can hold/,
  );
});

test.run();
