// The gradient of each norm, convolution, pool, resize and pad is the slope along a random direction; so are second
// derivatives of some.
import { suite } from "uvu";
import {
  avgPool2d,
  batchNorm,
  conv2d,
  convTranspose2d,
  grad,
  groupNorm,
  instanceNorm,
  layerNorm,
  maxPool2d,
  mul,
  pad,
  resize,
  square,
  sum,
  tanh,
} from "../../engine/index.ts";
import { device, noise, tensor } from "../helpers/device.ts";
import { close } from "../helpers/close.ts";
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

for (const name of ["instance norm", "conv2d", "conv2d, reflect", "convTranspose2d", "avgPool2d"])
  test(`${name}: the second derivative is the slope of the first`, () => secondDerivativeIsSlope(cases[name]!));

test("gradients agree with finite differences through a norm, a product and a sum", async () => {
  const d = await device();
  const x = noise(2 * 4 * 3 * 4, 7);
  const w = noise(4, 8);
  const f = (t: ReturnType<typeof tensor>, u: ReturnType<typeof tensor>) => sum(square(tanh(mul(instanceNorm(t), u))));
  const tx = tensor(x, [2, 4, 3, 4]);
  const tw = tensor(w);
  const [gx, gw] = grad(f(tx, tw), [tx, tw]);
  const got = await d.evaluate({ gx, gw });
  const loss = (x: Float32Array, w: Float32Array): number => {
    let total = 0;
    for (let n = 0; n < 2; n++)
      for (let c = 0; c < 4; c++) {
        const v = Array.from({ length: 12 }, (_, i) => x[(n * 12 + i) * 4 + c]!);
        const m = v.reduce((a, b) => a + b) / 12;
        const s = v.reduce((a, b) => a + (b - m) ** 2, 0) / 12;
        for (const e of v) total += Math.tanh(((e - m) / Math.sqrt(s + 1e-5)) * w[c]!) ** 2;
      }
    return total;
  };
  const nudge = (a: Float32Array, i: number, by: number): Float32Array =>
    Float32Array.from(a, (v, k) => (k === i ? v + by : v));
  const h = 1 / 256;
  close(
    got.gx,
    Float32Array.from(x, (_, i) => (loss(nudge(x, i, h), w) - loss(nudge(x, i, -h), w)) / (2 * h)),
    1e-3,
  );
  close(
    got.gw,
    Float32Array.from(w, (_, i) => (loss(x, nudge(w, i, h)) - loss(x, nudge(w, i, -h))) / (2 * h)),
    1e-3,
  );
});

test.run();
