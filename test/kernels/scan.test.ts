import { suite } from "uvu";
import * as assert from "uvu/assert";
import { input } from "../../engine/constant.ts";
import { grad } from "../../engine/grad.ts";
import { argMax, argMin } from "../../engine/ops/arg-extreme.ts";
import { cumSum } from "../../engine/ops/scan.ts";
import { sizeOf } from "../../engine/shape.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { noise, worst } from "../helpers/device.ts";
import { runGraph } from "../helpers/run-graph.ts";

const test = suite("running sums and positions of extremes");

/** Shapes and an axis: scalar and vec4 lanes, one walk and chunks. */
const cases: [number[], number][] = [
  [[5], 0],
  [[1], 0],
  [[128], 0],
  [[129], 0],
  [[5000], 0],
  [[3, 1025], 1],
  [[700, 3], 0],
  [[2, 300, 8], 1],
  [[2, 3, 4], 2],
  [[2, 3, 4], 1],
  [[4, 1, 5], 1],
  [[2, 3, 4, 5, 6], 2],
  [[1, 32, 46, 4], 2],
  [[2, 1100, 4], -2],
  [[0, 3], 1],
  [[3, 2, 0], 1],
];

/** Lines of a tensor along an axis: the flat places of each one's elements. */
function linesOf(shape: readonly number[], axis: number): number[][] {
  const d = axis < 0 ? axis + shape.length : axis;
  const inner = sizeOf(shape.slice(d + 1));
  const n = shape[d];
  return Array.from({ length: sizeOf(shape.slice(0, d)) * inner }, (_, k) =>
    Array.from({ length: n }, (_, j) => (Math.floor(k / inner) * n + j) * inner + (k % inner)),
  );
}

test("cumSum, reversed too, and its gradient agree with f64 loops", async () => {
  for (const [shape, axis] of cases) {
    for (const reverse of [false, true]) {
      const what = `${JSON.stringify(shape)} along ${axis}${reverse ? " from the end" : ""}`;
      const x = input("x", shape);
      const dy = input("dy", shape);
      const xData = noise(x.size, 3);
      const dyData = noise(x.size, 4);
      const feeds = new Map<Tensor, ArrayLike<number>>([
        [x, xData],
        [dy, dyData],
      ]);
      const running = (data: ArrayLike<number>, backwards: boolean): number[] => {
        const y = new Array<number>(x.size).fill(0);
        for (const line of linesOf(shape, axis)) {
          let s = 0;
          for (const i of backwards ? line.reverse() : line) y[i] = s += data[i];
        }
        return y;
      };
      const y = cumSum(x, axis, { reverse });
      assert.ok(worst(await runGraph(y, feeds), running(xData, reverse)) < 1e-6, what);
      const [dx] = grad(y, [x], dy);
      assert.ok(worst(await runGraph(dx, feeds), running(dyData, !reverse)) < 1e-6, `dx ${what}`);
    }
  }
});

test("NaN and infinity stay from where they stand on", async () => {
  const x = input("x", [5]);
  assert.equal(Array.from(await runGraph(cumSum(x, 0), new Map([[x, [1, Infinity, 2, NaN, 3]]]))), [
    1,
    Infinity,
    Infinity,
    NaN,
    NaN,
  ]);
});

/** PyTorch's rule: the first NaN, else the first of the extremes. */
function positions(x: ArrayLike<number>, shape: readonly number[], axis: number, least: boolean): number[] {
  return linesOf(shape, axis).map((line) => {
    let at = 0;
    line.forEach((i, j) => {
      const best = x[line[at]];
      if (!Number.isNaN(best) && (Number.isNaN(x[i]) || (least ? x[i] < best : x[i] > best))) at = j;
    });
    return at;
  });
}

const nan = (bits: number): number => new Float32Array(new Uint32Array([bits]).buffer)[0];
const contents: Record<string, (v: number, i: number) => number> = {
  "any numbers": (v) => v,
  ties: (v) => Math.floor(v * 2),
  "NaN of either sign, infinities": (v, i) =>
    i % 97 === 41 ? nan(i % 2 ? 0x7fc00000 : 0xffc00001) : i % 11 === 3 ? (i % 2 ? Infinity : -Infinity) : v,
  "−∞ throughout": () => -Infinity,
  "zeros of either sign": (_, i) => (i % 2 ? 0 : -0),
};

for (const [name, content] of Object.entries(contents)) {
  test(`argMax and argMin agree with loops: ${name}`, async () => {
    for (const [shape, axis] of cases) {
      const x = input("x", shape);
      const data = noise(x.size, 8).map(content);
      const feeds = new Map([[x, data]]);
      for (const [f, least] of [
        [argMax, false],
        [argMin, true],
      ] as const) {
        assert.equal(
          Array.from(await runGraph(f(x, axis), feeds)),
          positions(data, shape, axis, least),
          `${least ? "argMin" : "argMax"} ${JSON.stringify(shape)} along ${axis}`,
        );
      }
    }
    const y = argMax(input("x", [2, 3, 4]), 1, { keepDims: true });
    assert.equal([y.shape, y.dtype], [[2, 1, 4], "i32"]);
  });
}

test("errors say what is wrong and what would be right", () => {
  assert.throws(() => cumSum(input("x", [2, 3]), 2), /cumSum: axis 2 is outside a tensor of rank 2; use -2 … 1/);
  assert.throws(
    () => cumSum(input("x", [2], "i32"), 0),
    /cumSum: x is i32\[2\]; it must be f32: cast\(x, "f32"\) first/,
  );
  assert.throws(
    () => argMax(input("x", [2, 0]), 1),
    /argMax: \[2, 0\] is empty along axis 1, and an empty set has no largest element/,
  );
  assert.throws(
    () => argMin(input("x", [2, 0]), -1),
    /argMin: \[2, 0\] is empty along axis 1, and an empty set has no smallest element/,
  );
  assert.throws(() => argMin(input("x", [2], "u32"), 0), /argMin: x is u32\[2\]; it must be f32/);
});

test.run();
