// Each op's gradient against a finite difference along one random direction: d/dε f(x + ε v) = ⟨∇f, v⟩, f = Σ head ·
// op(x). Then second derivatives where ops have them.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type Tensor,
  cast,
  cosineSimilarity,
  elu,
  erf,
  erfc,
  gelu,
  iota,
  prelu,
  selu,
  silu,
  softsign,
  std,
  total,
  unitLength,
  abs,
  add,
  atan,
  avgPool2d,
  batchNorm,
  clamp,
  concat,
  conv2d,
  convTranspose2d,
  cos,
  div,
  exp,
  expand,
  expm1,
  flip,
  grad,
  groupNorm,
  instanceNorm,
  layerNorm,
  leakyRelu,
  linear,
  log,
  log1p,
  logSoftmax,
  logSumExp,
  matmul,
  max,
  maxPool2d,
  maximum,
  mean,
  min,
  minimum,
  moments,
  mul,
  neg,
  norm2,
  pad,
  pow,
  prod,
  reciprocal,
  relu,
  reshape,
  resize,
  rsqrt,
  sigmoid,
  sin,
  slice,
  softmax,
  softplus,
  sqrt,
  square,
  stack,
  sub,
  sum,
  tanh,
  transpose,
  variance,
  where,
  greater,
} from "../../engine/index.ts";
import {
  bceLoss,
  bceWithLogits,
  crossEntropyLoss,
  klDivergence,
  l1Loss,
  mseLoss,
  nllLoss,
  smoothL1Loss,
  softDiceLoss,
} from "../../losses/index.ts";
import { device, noise, tensor } from "../helpers/device.ts";

const test = suite("gradients");

interface Case {
  f: (...xs: Tensor[]) => Tensor;
  shapes: number[][];
  at?: (v: number) => number;
  step?: number;
}
const positive = (v: number): number => 1.2 + 0.9 * v;
/** Away from kinks at 0 and ±½. */
const awayFromKinks = (v: number): number => (v < 0 ? v - 0.2 : v + 0.2) * 1.1;
const image = [2, 6, 5, 4];

const cases: Record<string, Case> = {
  add: { f: add, shapes: [[3, 4], [4]] },
  sub: {
    f: sub,
    shapes: [
      [3, 1],
      [1, 4],
    ],
  },
  mul: {
    f: mul,
    shapes: [
      [3, 4],
      [3, 1],
    ],
  },
  div: { f: div, shapes: [[3, 4], [4]], at: positive },
  pow: { f: pow, shapes: [[12], [12]], at: positive },
  "maximum and minimum": {
    f: (a, b) => add(maximum(a, b), mul(2, minimum(a, b))),
    shapes: [[20], [20]],
    at: awayFromKinks,
  },
  neg: { f: neg, shapes: [[5]] },
  abs: { f: abs, shapes: [[20]], at: awayFromKinks },
  square: { f: square, shapes: [[20]] },
  sqrt: { f: sqrt, shapes: [[20]], at: positive },
  rsqrt: { f: rsqrt, shapes: [[20]], at: positive },
  reciprocal: { f: reciprocal, shapes: [[20]], at: positive },
  exp: { f: exp, shapes: [[20]] },
  expm1: { f: expm1, shapes: [[20]] },
  log: { f: log, shapes: [[20]], at: positive },
  log1p: { f: log1p, shapes: [[20]], at: positive },
  sin: { f: sin, shapes: [[20]] },
  cos: { f: cos, shapes: [[20]] },
  atan: { f: atan, shapes: [[20]] },
  tanh: { f: tanh, shapes: [[20]] },
  sigmoid: { f: sigmoid, shapes: [[20]] },
  softplus: { f: (x) => softplus(x, { beta: 2 }), shapes: [[20]] },
  erf: { f: erf, shapes: [[20]], at: (v) => 1.6 * v },
  erfc: { f: erfc, shapes: [[20]], at: (v) => 1.6 * v },
  gelu: { f: (x) => add(gelu(x), gelu(x, { approximate: true })), shapes: [[20]] },
  "elu, selu, silu, softsign": {
    f: (x) => total(elu(x, 0.7), selu(x), silu(x), softsign(x)),
    shapes: [[20]],
    at: awayFromKinks,
  },
  prelu: { f: prelu, shapes: [[5, 4], [4]], at: awayFromKinks },
  relu: { f: relu, shapes: [[20]], at: awayFromKinks },
  leakyRelu: { f: (x) => leakyRelu(x, 0.2), shapes: [[20]], at: awayFromKinks },
  clamp: { f: (x) => clamp(x, { min: -0.6, max: 0.5 }), shapes: [[20]], at: (v) => 1.4 * awayFromKinks(v) },
  where: { f: (a, b) => where(greater(a, 0), mul(a, b), b), shapes: [[20], [20]], at: awayFromKinks },
  "sum, mean, prod": { f: (x) => add(sum(x, 0), add(mean(x, 0), prod(x, 0))), shapes: [[4, 3]], at: positive },
  "max and min": { f: (x) => add(max(x, 1), mul(2, min(x, 1))), shapes: [[4, 5]] },
  moments: { f: (x) => add(moments(x, [0, 2]).mean, mul(3, moments(x, [0, 2]).variance)), shapes: [[3, 4, 5]] },
  variance: { f: (x) => variance(x, 0, { correction: 1 }), shapes: [[5, 3]] },
  "prod of elements near 0": { f: (x) => prod(x, [0, 2]), shapes: [[3, 2, 3]] },
  std: { f: (x) => std(x, [0, 2], { correction: 1 }), shapes: [[3, 2, 4]] },
  unitLength: {
    f: (x) => total(unitLength(x, 1), unitLength(x, 1, { p: 1 }), unitLength(x, 1, { p: 3 })),
    shapes: [[3, 5]],
    at: awayFromKinks,
  },
  cosineSimilarity: {
    f: (a, b) => cosineSimilarity(a, b, 1),
    shapes: [
      [3, 5],
      [1, 5],
    ],
  },
  "mse, l1, smooth l1": {
    f: (x, t) => total(mseLoss(x, t), l1Loss(x, t), smoothL1Loss(x, t, { beta: 0.3 })),
    shapes: [[12], [12]],
    at: positive,
  },
  "binary cross entropy": {
    f: (x, t, w) =>
      add(bceLoss(mul(x, 0.4), t, { reduction: "sum" }), bceWithLogits(x, t, { positive: w, reduction: "sum" })),
    shapes: [[3, 4], [3, 4], [4]],
    at: positive,
  },
  klDivergence: {
    f: (x, t) => add(klDivergence(x, t), klDivergence(x, t, { logTarget: true })),
    shapes: [[12], [12]],
    at: positive,
  },
  "cross entropy": {
    f: (x, w) =>
      total(
        crossEntropyLoss(x, cast(iota([4]), "i32"), { weight: w, smoothing: 0.2, ignore: 2 }),
        crossEntropyLoss(x, softmax(x), { smoothing: 0.1 }),
        nllLoss(x, cast(iota([4]), "i32")),
      ),
    shapes: [[4, 5], [5]],
    at: positive,
  },
  softDiceLoss: {
    f: (x, t) => softDiceLoss(x, t),
    shapes: [
      [2, 6, 3],
      [2, 6, 3],
    ],
    at: positive,
  },
  norm2: { f: (x) => norm2(x, 1), shapes: [[4, 5]] },
  "softmax family": {
    f: (x) => add(softmax(x), add(logSoftmax(x), expand(logSumExp(x, -1, { keepDims: true }), x.shape))),
    shapes: [[4, 5]],
  },
  views: {
    f: (x) =>
      transpose(
        flip(
          slice(reshape(x, [4, 6]), [
            [1, 4],
            [0, 6, 2],
          ]),
          1,
        ),
      ),
    shapes: [[2, 12]],
  },
  "concat and stack": {
    f: (a, b) => concat([reshape(stack([a, b], 1), [3, 8]), a], 1),
    shapes: [
      [3, 4],
      [3, 4],
    ],
  },
  matmul: {
    f: (a, b) => matmul(a, b),
    shapes: [
      [2, 3, 5],
      [5, 4],
    ],
  },
  linear: { f: (x, w, b) => linear(x, w, b), shapes: [[3, 5], [5, 4], [4]] },
  "instance norm": { f: (x, weight, bias) => instanceNorm(x, { weight, bias }), shapes: [image, [4], [4]] },
  "batch norm": { f: (x, weight, bias) => batchNorm(x, { weight, bias }).y, shapes: [image, [4], [4]] },
  "batch norm of one channel": { f: (x) => batchNorm(x).y, shapes: [[2, 3, 3, 1]] },
  "layer norm": {
    f: (x, weight, bias) => layerNorm(x, 2, { weight, bias }),
    shapes: [
      [3, 4, 5],
      [4, 5],
      [4, 5],
    ],
  },
  "group norm": { f: (x, weight) => groupNorm(x, 2, { weight }), shapes: [image, [4]] },
  conv2d: { f: (x, w, bias) => conv2d(x, w, { bias, pad: 1 }), shapes: [image, [3, 3, 4, 8], [8]] },
  "conv2d, stride 2, dilated": {
    f: (x, w) => conv2d(x, w, { stride: 2, pad: 2, dilation: 2 }),
    shapes: [
      [1, 9, 8, 3],
      [3, 3, 3, 2],
    ],
  },
  "conv2d, reflect": {
    f: (x, w) => conv2d(x, w, { pad: 2, padMode: "reflect" }),
    shapes: [
      [1, 6, 6, 1],
      [5, 5, 1, 4],
    ],
  },
  "conv2d, groups": { f: (x, w) => conv2d(x, w, { pad: 1, groups: 2 }), shapes: [image, [3, 3, 2, 4]] },
  "conv2d to one channel, then tanh": {
    f: (x, w, bias) => tanh(conv2d(x, w, { bias, pad: 3 })),
    shapes: [image, [7, 7, 4, 1], [1]],
  },
  convTranspose2d: {
    f: (x, w, bias) => convTranspose2d(x, w, { bias, stride: 2, pad: 1, outputPad: 1 }),
    shapes: [[2, 4, 3, 8], [3, 3, 4, 8], [4]],
  },
  maxPool2d: { f: (x) => maxPool2d(x, { kernel: 2, stride: 2 }), shapes: [image] },
  "maxPool2d, overlapping": { f: (x) => maxPool2d(x, { kernel: 3, stride: 2, pad: 1 }), shapes: [image] },
  avgPool2d: { f: (x) => avgPool2d(x, { kernel: 3, stride: 2, pad: 1 }), shapes: [image] },
  "resize, aligned corners": {
    f: (x) => resize(x, [12, 10], { mode: "bilinear", alignCorners: true }),
    shapes: [image],
  },
  "resize, half-pixel": { f: (x) => resize(x, [9, 4], { mode: "bilinear" }), shapes: [image] },
  "resize, nearest": { f: (x) => resize(x, [12, 10], { mode: "nearest" }), shapes: [image] },
  pad: {
    f: (x) =>
      pad(
        x,
        [
          [0, 0],
          [2, 1],
          [1, 2],
          [0, 0],
        ],
        { mode: "reflect" },
      ),
    shapes: [image],
  },
};

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => Array.from(a).reduce((s, v, i) => s + v * b[i]!, 0);

for (const [name, { f, shapes, at = (v: number) => v, step = 1 / 128 }] of Object.entries(cases)) {
  test(`${name}: the gradient is the slope`, async () => {
    const d = await device();
    const data = shapes.map((s, i) =>
      noise(
        s.reduce((n, m) => n * m, 1),
        i + 11,
      ).map(at),
    );
    const directions = data.map((x, i) => noise(x.length, i + 31));
    const shape = f(...data.map((x, i) => tensor(x, shapes[i]))).shape;
    const head = tensor(
      noise(
        shape.reduce((n, m) => n * m, 1),
        77,
      ),
      shape,
    );
    using program = await d.compile(
      (xs) => {
        const inputs = shapes.map((_, i) => xs[`x${i}`]!);
        const y = f(...inputs);
        return { y, ...Object.fromEntries(grad(sum(mul(y, head)), inputs).map((g, i) => [`g${i}`, g])) };
      },
      Object.fromEntries(shapes.map((s, i) => [`x${i}`, s])),
      { mode: "train" },
    );
    const headData = noise(
      shape.reduce((n, m) => n * m, 1),
      77,
    );
    const run = async (e: number): Promise<Record<string, ArrayLike<number>>> => {
      program.run(Object.fromEntries(data.map((x, i) => [`x${i}`, x.map((v, k) => v + e * directions[i]![k]!)])));
      return program.read();
    };
    // Four points cancel the third-order term; the head sums in f64, so that only the op rounds.
    const headSum = async (e: number): Promise<number> => dot((await run(e)).y!, headData);
    const near = (await headSum(step)) - (await headSum(-step));
    const far = (await headSum(2 * step)) - (await headSum(-2 * step));
    const slope = (8 * near - far) / (12 * step);
    const here = await run(0);
    const wanted = directions.reduce((s, v, i) => s + dot(here[`g${i}`]!, v), 0);
    const scale = Math.max(1, ...directions.map((v, i) => Math.abs(dot(here[`g${i}`]!, v))));
    assert.ok(Math.abs(slope - wanted) <= 2e-3 * scale, `slope ${slope}, gradient ${wanted}`);
  });
}

for (const name of [
  "mul",
  "tanh",
  "sigmoid",
  "matmul",
  "instance norm",
  "conv2d",
  "conv2d, reflect",
  "convTranspose2d",
]) {
  test(`${name}: the second derivative is the slope of the first`, async () => {
    const d = await device();
    const { f, shapes, at = (v: number) => v } = cases[name]!;
    const data = shapes.map((s, i) =>
      noise(
        s.reduce((n, m) => n * m, 1),
        i + 11,
      ).map(at),
    );
    const direction = noise(data[0]!.length, 31);
    const step = 1 / 128;
    const size = f(...data.map((x, i) => tensor(x, shapes[i]))).size;
    const head = noise(size, 77);
    using program = await d.compile(
      (xs) => {
        const inputs = shapes.map((_, i) => xs[`x${i}`]!);
        const y = f(...inputs);
        const [g] = grad(sum(mul(square(y), tensor(head, y.shape))), [inputs[0]!]);
        const [h] = grad(sum(square(g)), [inputs[0]!]);
        return { g, h };
      },
      Object.fromEntries(shapes.map((s, i) => [`x${i}`, s])),
      { mode: "train" },
    );
    const run = async (e: number) => {
      program.run(
        Object.fromEntries(data.map((x, i) => [`x${i}`, i === 0 ? x.map((v, k) => v + e * direction[k]!) : x])),
      );
      return program.read();
    };
    const squares = async (e: number): Promise<number> => {
      const { g } = await run(e);
      return dot(g, g);
    };
    const near = (await squares(step)) - (await squares(-step));
    const far = (await squares(2 * step)) - (await squares(-2 * step));
    const slope = (8 * near - far) / (12 * step);
    const wanted = dot((await run(0)).h, direction);
    assert.ok(
      Math.abs(slope - wanted) <= 5e-3 * Math.max(1, Math.abs(wanted)),
      `slope ${slope}, second derivative ${wanted}`,
    );
  });
}

test.run();
