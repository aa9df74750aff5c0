// Each op that has a form in ONNX, run by onnxruntime beside our engine: the same numbers.
import { suite } from "uvu";
import {
  type Shape,
  type Tensor,
  Variable,
  add,
  adaptiveAvgPool2d,
  avgPool2d,
  clamp,
  concat,
  conv2d,
  convTranspose2d,
  div,
  elu,
  exp,
  gelu,
  groupNorm,
  instanceNorm,
  layerNorm,
  leakyRelu,
  matmul,
  max,
  maxPool2d,
  mean,
  mul,
  pad,
  pow,
  prelu,
  relu,
  reshape,
  resize,
  slice,
  softmax,
  softplus,
  square,
  stopGradient,
  sub,
  sum,
  tanh,
  transpose,
  variance,
  where,
  greater,
  flip,
} from "../../engine/index.ts";
import { noise } from "../helpers/device.ts";
import { agrees, loadRuntime } from "../helpers/onnxruntime.ts";

const test = suite("onnx ops");
test.before(loadRuntime);

const w = (shape: Shape, seed = 2): Tensor =>
  new Variable(
    shape,
    noise(
      shape.reduce((n, d) => n * d, 1),
      seed,
    ),
    { name: `w${shape.join("x")}` },
  ).value;
const cases: Record<string, readonly [Shape, (x: Tensor) => Tensor]> = {
  "convolution with stride, dilation, groups and uneven pads": [
    [1, 9, 8, 4],
    (x) => conv2d(x, w([3, 3, 2, 6]), { stride: [2, 1], dilation: [1, 2], groups: 2, pad: [1, 0, 2, 3], bias: w([6]) }),
  ],
  "convolution that crops": [[1, 9, 8, 2], (x) => conv2d(x, w([3, 3, 2, 3]), { pad: [-1, 1, -2, 0] })],
  "convolution with mirrored borders": [
    [1, 6, 5, 2],
    (x) => conv2d(x, w([3, 3, 2, 3]), { stride: 2, pad: [5, 0, 2, 4], padMode: "reflect", bias: w([3]) }),
  ],
  "convolution that mirrors and crops": [
    [1, 9, 8, 2],
    (x) => conv2d(x, w([3, 3, 2, 3]), { pad: [-1, 3, 2, -2], padMode: "reflect" }),
  ],
  "convolution by computed weights": [[1, 6, 6, 2], (x) => conv2d(x, mul(square(w([3, 3, 2, 3])), 0.5))],
  "transposed convolution with output padding and groups": [
    [1, 5, 4, 4],
    (x) => convTranspose2d(x, w([3, 3, 3, 4]), { stride: 2, pad: 1, outputPad: 1, groups: 2, bias: w([6]) }),
  ],
  "transposed convolution that grows": [
    [2, 5, 4, 2],
    (x) => convTranspose2d(x, w([4, 2, 3, 2]), { stride: [3, 2], pad: [0, 0, 1, 1] }),
  ],
  "max pool in ceil mode": [[1, 7, 7, 3], (x) => maxPool2d(x, { kernel: 3, stride: 2, pad: 1, ceilMode: true })],
  "average pool without padding counted": [
    [1, 7, 7, 3],
    (x) => avgPool2d(x, { kernel: 3, stride: 2, pad: 1, countIncludePad: false }),
  ],
  "average pool by a divisor": [[1, 6, 6, 3], (x) => avgPool2d(x, { kernel: 2, divisorOverride: 3 })],
  "adaptive pools": [
    [2, 8, 6, 3],
    (x) => mul(adaptiveAvgPool2d(x, [4, 3]), mean(adaptiveAvgPool2d(x, 1), [1, 2], { keepDims: true })),
  ],
  "nearest resize by any ratio": [[1, 5, 7, 2], (x) => resize(x, [12, 14], { mode: "nearest" })],
  "bilinear resize of both kinds": [
    [1, 5, 7, 2],
    (x) => resize(resize(x, [11, 6], { mode: "bilinear" }), [7, 9], { mode: "bilinear", alignCorners: true }),
  ],
  "pads of each mode": [
    [1, 5, 6, 2],
    (x) =>
      pad(
        pad(
          pad(
            x,
            [
              [0, 0],
              [1, 2],
              [3, 0],
              [0, 0],
            ],
            { mode: "reflect" },
          ),
          [
            [0, 0],
            [1, 0],
            [0, 1],
            [0, 0],
          ],
          { mode: "replicate" },
        ),
        [
          [0, 0],
          [0, 1],
          [1, 1],
          [1, 2],
        ],
        { value: 0 },
      ),
  ],
  "constant pad of another value": [
    [1, 5, 6, 2],
    (x) =>
      pad(
        x,
        [
          [0, 0],
          [1, 2],
          [3, 0],
          [0, 0],
        ],
        { value: 1.5 },
      ),
  ],
  "slices, flips and joins along every axis": [
    [2, 5, 6, 3],
    (x) =>
      concat(
        [slice(x, [null, [1, 4], [5, 0, -2], [0, 2]]), flip(slice(x, [null, [0, 3], [0, 3], [1, 3]]), [1, 2, 3])],
        3,
      ),
  ],
  "transposes and reshapes through other ranks": [
    [2, 4, 6, 3],
    (x) => reshape(transpose(reshape(transpose(x, [0, 3, 1, 2]), [2, 3, 24]), [0, 2, 1]), [2, 6, 4, 3]),
  ],
  "matrix products with transposes": [[3, 5], (x) => matmul(matmul(x, w([4, 5]), { transposeB: true }), w([3, 4, 6]))],
  "softmax over channels and space": [[1, 4, 4, 3], (x) => add(softmax(x, 3), softmax(x, 1))],
  "norms of every kind": [
    [2, 6, 5, 4],
    (x) =>
      add(
        add(groupNorm(x, 2, { weight: w([4]), bias: w([4], 3) }), layerNorm(x, 3)),
        instanceNorm(x, { weight: w([4]), bias: w([4], 3) }),
      ),
  ],
  reductions: [[2, 3, 4, 5], (x) => add(max(x, [1, 3]), mul(sum(x, [1, 3]), variance(x, [1, 3])))],
  "sizes of 1 that come and go": [
    [2, 1, 1, 5],
    (x) => reshape(mul(reshape(x, [2, 5]), reshape(sum(reshape(x, [1, 2, 5]), [1]), [5])), [2, 5, 1, 1]),
  ],
  "a scalar": [[2, 3, 4, 5], (x) => mean(square(x))],
  activations: [
    [2, 3, 4, 5],
    (x) =>
      add(
        add(add(leakyRelu(x, 0.2), elu(x)), add(gelu(x), softplus(x))),
        add(prelu(x, w([5])), clamp(x, { min: -0.3, max: 0.5 })),
      ),
  ],
  "arithmetic, comparisons and constants": [
    [2, 3, 4, 5],
    (x) => where(greater(x, 0.1), div(1, add(square(x), 1)), sub(tanh(exp(relu(x))), pow(add(square(x), 0.5), 1.5))),
  ],
  "broadcasts both ways": [[1, 3, 1, 5], (x) => mul(add(x, w([2, 1, 4, 1])), stopGradient(w([5])))],
};
test("every op that has a form in ONNX means the same there", async () => {
  const list = Object.entries(cases);
  await agrees(
    (inputs) => Object.fromEntries(list.map(([name, [, f]], i) => [name, f(inputs[`x${i}`]!)])),
    Object.fromEntries(list.map(([, [shape]], i) => [`x${i}`, shape])),
    { tolerance: 2e-5 },
  );
});

test.run();
