// Kernels where a tile, a workgroup or a chunk is cut short in every axis, beside f64 loops, element by element: shapes
// with more than one tile along each axis and a last partial one, by each family of kernels. Convolutions stand in
// conv2d.test.ts, norms in ../engine/norm.test.ts.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Shape, type Tensor, Device, grad, input } from "../../engine/index.ts";
import { avgPool2d } from "../../engine/ops/avg-pool.ts";
import { contextualMatch } from "../../engine/ops/contextual-match.ts";
import { matmul } from "../../engine/ops/matmul.ts";
import { maxPool2d } from "../../engine/ops/max-pool.ts";
import { max, sum } from "../../engine/ops/reduce.ts";
import { resize } from "../../engine/ops/resize.ts";
import { cumSum } from "../../engine/ops/scan.ts";
import { softmax } from "../../engine/ops/softmax.ts";
import { sizeOf } from "../../engine/shape.ts";
import type { Traits } from "../../kernels/kernel.ts";
import { noise } from "../helpers/device.ts";
import { environment } from "../helpers/environment.ts";
import { contextual } from "../reference/contextual.ts";
import * as loops from "../reference/matmul.ts";
import * as pools from "../../bench/reference/pool.ts";
import * as resizing from "../../bench/reference/resize.ts";

const test = suite("tile edges");

type Values = ArrayLike<number>;
interface Case {
  readonly inputs: readonly Shape[];
  readonly y: (...inputs: Tensor[]) => Tensor;
  /** y, then the gradient of each input that has one, for cotangent dy. */
  readonly want: (inputs: readonly Values[], dy: Values) => readonly Values[];
  /** Largest error beside the largest value. Default 2e-6. */
  readonly tolerance?: number;
}

const pooled = (shape: readonly [number, number, number, number], kernel: number, stride: number): Case[] => {
  const [n, h, w, c] = shape;
  const image = { n, h, w, c };
  const windows = { kernel: [kernel, kernel], stride: [stride, stride], pad: [1, 1], dilation: [1, 1], ceilMode: true };
  const o = windows as unknown as pools.Windows;
  const options = { kernel, stride, pad: 1, ceilMode: true };
  return [
    {
      inputs: [shape],
      y: (x) => maxPool2d(x, options),
      want: ([x], dy) => [pools.maxPool(x!, image, o).y, pools.maxPoolGrad(dy, x!, image, o)],
    },
    {
      inputs: [shape],
      y: (x) => avgPool2d(x, { ...options, countIncludePad: false }),
      want: ([x], dy) => [
        pools.avgPool(x!, image, o, { countIncludePad: false }),
        pools.avgPoolGrad(dy, image, o, { countIncludePad: false }),
      ],
    },
  ];
};

const resized = (
  [n, h, w, c]: readonly [number, number, number, number],
  to: readonly [number, number],
  mode: resizing.Mode,
): Case => ({
  inputs: [[n, h, w, c]],
  y: (x) => resize(x, to, mode === "nearest" ? { mode } : { mode: "bilinear", alignCorners: mode === "align-corners" }),
  want: ([x], dy) => {
    const { y, dx } = resizing.resize({ n, h, w, c }, to, mode, x!, dy);
    return [y, dx];
  },
});

const product = (batch: number, m: number, k: number, n: number): Case => ({
  inputs: [
    [batch, m, k],
    [batch, k, n],
  ],
  y: (a, b) => matmul(a, b),
  want: ([a, b], dy) => [
    loops.matmul(a!, b!, { batch, m, k, n }),
    loops.matmul(dy, b!, { batch, m, k: n, n: k, transposeB: true }),
    loops.matmul(a!, dy, { batch, m: k, k: m, n, transposeA: true }),
  ],
});

const matched = (n: number, m: number, c: number, best: "source" | "target"): Case => ({
  inputs: [
    [1, n, c],
    [1, m, c],
  ],
  y: (x, y) => contextualMatch(x, y, { best, bandWidth: 0.5, bias: 3 }),
  want: ([x, y], dy) => {
    const attrs = { n, m, c, bandWidth: 0.5, best, bias: 3, scale: 1, least: -3e38 };
    const { largest, dx, dy: toY } = contextual(x!, y!, attrs, () => dy);
    return [largest, dx, toY];
  },
  tolerance: 2e-4,
});

/** [outer, n, inner]: f of each line along the middle axis. */
const lines = (
  [outer, n, inner]: readonly [number, number, number],
  y: Case["y"],
  f: (line: Float64Array) => readonly number[],
): Case => ({
  inputs: [[outer, n, inner]],
  y,
  want: ([x]) => {
    const results: number[][] = [];
    for (let a = 0; a < outer; a++)
      for (let c = 0; c < inner; c++)
        results.push([...f(Float64Array.from({ length: n }, (_, b) => x![(a * n + b) * inner + c]!))]);
    const long = results[0]!.length;
    return [
      Float64Array.from({ length: outer * long * inner }, (_, i) => {
        const [a, b, c] = [Math.floor(i / (long * inner)), Math.floor(i / inner) % long, i % inner];
        return results[a * inner + c]![b]!;
      }),
    ];
  },
});
const total = (line: Float64Array): number => line.reduce((s, v) => s + v, 0);
const softmaxOf = (line: Float64Array): number[] => {
  const most = Math.max(...line);
  const powers = line.map((v) => Math.exp(v - most));
  return [...powers.map((v) => v / total(powers))];
};
const runningSum = (line: Float64Array): number[] => {
  let s = 0;
  return [...line.map((v) => (s += v))];
};

const cases: Readonly<Record<string, readonly Case[]>> = {
  pools: [...pooled([1, 19, 23, 5], 3, 2), ...pooled([2, 37, 21, 8], 2, 2), ...pooled([1, 21, 35, 1], 3, 1)],
  resize: [
    resized([1, 9, 13, 5], [37, 41], "half-pixel"),
    resized([2, 17, 11, 4], [33, 23], "align-corners"),
    resized([1, 35, 29, 3], [18, 13], "nearest"),
    resized([1, 35, 29, 8], [18, 13], "half-pixel"),
  ],
  matmul: [product(1, 67, 35, 71), product(2, 69, 68, 132), product(1, 5, 261, 130), product(3, 129, 4, 3)],
  contextual: [matched(67, 73, 12, "source"), matched(131, 66, 20, "target")],
  reductions: [
    lines(
      [3, 1031, 5],
      (x) => sum(x, 1, { keepDims: true }),
      (v) => [total(v)],
    ),
    lines(
      [67, 259, 1],
      (x) => sum(x, 1, { keepDims: true }),
      (v) => [total(v)],
    ),
    lines(
      [1, 2053, 66],
      (x) => max(x, 1, { keepDims: true }),
      (v) => [Math.max(...v)],
    ),
    lines([67, 131, 1], (x) => softmax(x, 1), softmaxOf),
    lines([5, 519, 3], (x) => softmax(x, 1), softmaxOf),
    lines([3, 1031, 5], (x) => cumSum(x, 1), runningSum),
  ],
};

const families: Readonly<Record<string, Partial<Traits>>> = {
  "this adapter's": {},
  "a CPU's without subgroups": { cpu: true, subgroups: false },
  "a GPU's": { cpu: false },
  "a GPU's without subgroups": { cpu: false, subgroups: false },
};

for (const [family, traits] of Object.entries(families))
  for (const [ops, some] of Object.entries(cases))
    test(`${ops} by ${family} kernels: every element, the last partial tiles' too`, async () => {
      const { gpu } = await environment().gpu();
      using device = await Device.open(gpu, { traits: { ...environment().traits, ...traits } });
      for (const { inputs, y, want, tolerance = 2e-6 } of some) {
        const shapes = Object.fromEntries(inputs.map((shape, i) => [`x${i}`, shape]));
        const result = y(...inputs.map((shape, i) => input(`x${i}`, shape))).shape;
        const feeds = Object.fromEntries(inputs.map((shape, i) => [`x${i}`, noise(sizeOf(shape), i + 1, 0.7)]));
        const dy = noise(sizeOf(result), 9, 0.7);
        const expected = want(Object.values(feeds), dy);
        using program = await device.compile(
          (t: Readonly<Record<string, Tensor>>) => {
            const xs = inputs.map((_, i) => t[`x${i}`]!);
            const output = y(...xs);
            const dxs = expected.length > 1 ? grad(output, xs, t.dy!) : [];
            return { y: output, ...Object.fromEntries(dxs.map((dx, i) => [`dx${i}`, dx])) };
          },
          { ...shapes, dy: result },
        );
        program.run({ ...feeds, dy });
        const got = Object.entries((await program.read()) as Readonly<Record<string, Values>>);
        expected.forEach((values, k) => agree(got[k]!, values, tolerance, JSON.stringify(inputs)));
      }
    });

/** Names the first element that is off. */
function agree([name, got]: [string, Values], want: Values, tolerance: number, of: string): void {
  assert.is(got.length, want.length, `${name} of ${of}`);
  const largest = Array.from(want).reduce((m, v) => Math.max(m, Math.abs(v)), 1e-3);
  for (let i = 0; i < want.length; i++)
    if (!(Math.abs(got[i]! - want[i]!) <= tolerance * largest))
      assert.unreachable(`${name}[${i}] of ${of} is ${got[i]}, not ${want[i]}`);
}

test.run();
