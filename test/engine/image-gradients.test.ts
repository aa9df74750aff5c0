// The gradient of each norm, convolution, pool, resize and pad is the slope along a random direction; so are second
// derivatives of some.
import { suite } from "uvu";
import {
  avgPool2d,
  batchNorm,
  conv2d,
  convTranspose2d,
  groupNorm,
  instanceNorm,
  layerNorm,
  maxPool2d,
  pad,
  resize,
  tanh,
} from "../../engine/index.ts";
import { type Differentiated, gradientIsSlope, secondDerivativeIsSlope } from "../helpers/slope.ts";

const test = suite("gradients on images");

const image = [2, 6, 5, 4];

const cases: Record<string, Differentiated> = {
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

for (const [name, op] of Object.entries(cases)) test(`${name}: the gradient is the slope`, () => gradientIsSlope(op));

for (const name of ["instance norm", "conv2d", "conv2d, reflect", "convTranspose2d"])
  test(`${name}: the second derivative is the slope of the first`, () => secondDerivativeIsSlope(cases[name]!));

test.run();
