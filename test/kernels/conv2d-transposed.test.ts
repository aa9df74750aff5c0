// Transposed convolutions against their definition: each pixel is scattered.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { input } from "../../engine/constant.ts";
import type { KernelOp } from "../../engine/op.ts";
import { convTranspose2d } from "../../engine/ops/conv.ts";
import { noise } from "../helpers/device.ts";
import * as reference from "../reference/conv.ts";
import { type Image, agrees } from "./conv2d-agreement.ts";

const test = suite("conv2d: transposed");

interface Transposed {
  x: Image;
  filter: readonly [r: number, s: number, cout: number];
  stride?: number;
  pad?: number;
  dilation?: number;
  outputPad?: number;
  size: readonly [number, number];
}
const transposed: readonly Transposed[] = [
  { x: [2, 4, 5, 8], filter: [3, 3, 4], stride: 2, pad: 1, outputPad: 1, size: [8, 10] },
  { x: [1, 5, 4, 6], filter: [3, 3, 3], stride: 2, size: [11, 9] },
  { x: [1, 4, 4, 4], filter: [4, 4, 8], stride: 2, pad: 1, size: [8, 8] },
  { x: [1, 3, 3, 4], filter: [3, 3, 4], dilation: 2, outputPad: 1, size: [8, 8] },
  { x: [1, 3, 4, 5], filter: [2, 2, 1], stride: 3, outputPad: 2, size: [10, 13] },
];
for (const {
  x,
  filter: [r, s, cout],
  stride = 1,
  pad = 0,
  dilation = 1,
  outputPad = 0,
  size,
} of transposed) {
  const what = `${r}×${s} stride ${stride}, pad ${pad}, dilation ${dilation}, output pad ${outputPad}`;
  test(`transposed ${what} scatters each pixel`, async () => {
    const xs = input("x", x);
    const ws = input("w", [r, s, cout, x[3]]);
    const y = convTranspose2d(xs, ws, { stride, pad, dilation, outputPad });
    assert.equal(y.shape, [x[0], ...size, cout]);
    const a = { shape: x, data: noise(xs.size, 4) };
    const b = { shape: ws.shape, data: noise(ws.size, 5) };
    const want = reference.convTranspose2d(
      a.data,
      b.data,
      x,
      [r, s, cout],
      size,
      [stride, stride],
      [pad, pad],
      [dilation, dilation],
    );
    await agrees(y.node.op as KernelOp, y.node.attrs, [a, b], want, "a transposed convolution");
  });
}

test.run();
