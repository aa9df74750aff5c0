// The gradient of each op of arithmetic, reduction, product and view is the slope along a random direction; so are
// second derivatives of some.
import { suite } from "uvu";
import {
  cosineSimilarity,
  elu,
  erf,
  erfc,
  gelu,
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
  cast,
  clamp,
  concat,
  cos,
  cumSum,
  div,
  exp,
  expand,
  expm1,
  flip,
  gridSample,
  iota,
  leakyRelu,
  linear,
  log,
  log1p,
  logSoftmax,
  logSumExp,
  matmul,
  max,
  maximum,
  mean,
  min,
  minimum,
  moments,
  mul,
  neg,
  norm2,
  pow,
  prod,
  reciprocal,
  relu,
  reshape,
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
  take,
  tanh,
  transpose,
  variance,
  where,
  greater,
} from "../../engine/index.ts";
import {
  type Differentiated,
  awayFromKinks,
  gradientIsSlope,
  positive,
  secondDerivativeIsSlope,
} from "../helpers/slope.ts";

const test = suite("gradients");

const cases: Record<string, Differentiated> = {
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
  "pow, of its exponent": { f: (b, a) => pow(a, b), shapes: [[12], [12]], at: positive },
  "pow, both broadcast": {
    f: pow,
    shapes: [
      [3, 1],
      [2, 1, 4],
    ],
    at: positive,
  },
  "div, both broadcast": {
    f: div,
    shapes: [
      [3, 1],
      [2, 1, 4],
    ],
    at: positive,
  },
  "mul of a scalar": { f: mul, shapes: [[], [2, 3]] },
  "maximum and minimum, both broadcast": {
    f: (a, b) => add(maximum(a, b), mul(2, minimum(a, b))),
    shapes: [
      [3, 1],
      [1, 4],
    ],
    at: awayFromKinks,
  },
  "where, both broadcast": {
    f: (a, b) => where(greater(a, 0), mul(a, b), b),
    shapes: [
      [3, 1],
      [1, 4],
    ],
    at: awayFromKinks,
  },
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
  "prelu, a weight for each element": {
    f: prelu,
    shapes: [
      [5, 4],
      [5, 4],
    ],
    at: awayFromKinks,
  },
  "prelu, weights along another axis": {
    f: prelu,
    shapes: [
      [5, 4],
      [5, 1],
    ],
    at: awayFromKinks,
  },
  "prelu, more weights than elements": {
    f: prelu,
    shapes: [
      [1, 4],
      [5, 1],
    ],
    at: awayFromKinks,
  },
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
  cumSum: { f: (x) => cumSum(x, 0, { reverse: true }), shapes: [[5, 4]] },
  take: { f: (x) => take(x, cast(iota([3]), "i32"), 1), shapes: [[4, 5]] },
  gridSample: {
    f: (grid, x) => gridSample(x, grid, { mode: "bicubic" }),
    shapes: [
      [1, 2, 3, 2],
      [1, 5, 4, 3],
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
};

for (const [name, op] of Object.entries(cases)) test(`${name}: the gradient is the slope`, () => gradientIsSlope(op));

for (const name of [
  ...["mul", "tanh", "sigmoid", "matmul", "pow", "pow, of its exponent", "sin", "cos", "atan", "erf", "erfc"],
  ...["cumSum", "take", "gridSample"],
])
  test(`${name}: the second derivative is the slope of the first`, () => secondDerivativeIsSlope(cases[name]!));

test.run();
