// Convolutions of images that hold NaN, and of empty batches and channels.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { TypedArray } from "../../engine/dtype.ts";
import type { KernelOp } from "../../engine/op.ts";
import { conv2dWeightGradOp } from "../../engine/gradients/conv-weight-grad.ts";
import { conv2dOp } from "../../engine/ops/conv-forward.ts";
import { conv2dInputGradOp } from "../../engine/ops/conv-input-grad.ts";
import type { ConvAttrs } from "../../engine/ops/conv-shapes.ts";
import { noise } from "../helpers/device.ts";
import { runOp } from "../helpers/run-op.ts";
import * as reference from "../reference/conv.ts";
import { agrees, directOnly, filter, image, output, problem } from "./conv2d-agreement.ts";

const test = suite("conv2d: NaN and empty");

test("a NaN outside what the filter meets stays outside", async () => {
  // 2×2 windows at stride 3 leave every third row and column unread; so does the end of a row.
  for (const [c, k] of [
    [3, 3],
    [3, 8],
    [4, 4],
    [16, 16],
  ]) {
    const o = problem([1, 9, 17, c], [2, 2, k], { stride: [3, 3] });
    const x = image(o);
    const w = filter(o);
    const dy = output(o);
    const clean = { x: reference.conv2d(x.data, w.data, o), w: reference.conv2dWeightGrad(x.data, dy.data, o) };
    x.data.forEach((_, i) => {
      if ((Math.floor(i / c) % o.w) % 3 === 2 || Math.floor(i / c / o.w) % 3 === 2) x.data[i] = NaN;
    });
    await agrees(conv2dOp, o, [x, w], clean.x, "an image with unread NaNs");
    await agrees(conv2dWeightGradOp, { ...o, filter: [2, 2] as const }, [x, dy], clean.w, "an image with unread NaNs");
  }
});

test("a NaN pixel reaches the pixels whose window holds it, and no others", async () => {
  const whole = { pad: [3, 3, 3, 3] as const };
  for (const o of [
    problem([1, 12, 21, 1], [7, 7, 8], whole),
    problem([1, 12, 21, 8], [7, 7, 1], whole),
    problem([1, 12, 21, 3], [7, 7, 8], whole),
    problem([1, 12, 21, 4], [3, 3, 4], { stride: [2, 2] }),
  ]) {
    const x = image(o);
    const w = filter(o);
    const dy = output(o);
    x.data[(5 * o.w + 10) * o.c] = dy.data[(3 * o.q + 6) * o.k] = NaN;
    await agrees(conv2dOp, o, [x, w], reference.conv2d(x.data, w.data, o), "an image with a NaN");
    await agrees(
      conv2dInputGradOp,
      { ...o, size: [o.h, o.w] as const },
      [dy, w],
      reference.conv2dInputGrad(dy.data, w.data, o),
      "a gradient with a NaN",
    );
  }
});

test("empty batches and channels give empty tensors or zeros", async () => {
  const attrs: ConvAttrs = { stride: [1, 1], pad: [1, 1, 1, 1], dilation: [1, 1], groups: 1 };
  const empty = (shape: number[]) => ({ shape, data: noise(shape.reduce((a, b) => a * b, 1)) });
  const run = async <A extends object>(op: KernelOp<A>, a: A, ...shapes: number[][]): Promise<TypedArray[]> => {
    const runs = [
      runOp(op, a, shapes.map(empty)),
      runOp(op, a, shapes.map(empty), { cpu: false }),
      runOp(directOnly(op), a, shapes.map(empty)),
    ];
    return (await Promise.all(runs)).flat();
  };
  for (const y of await run(conv2dOp, attrs, [0, 4, 4, 4], [3, 3, 4, 4])) assert.is(y.length, 0);
  for (const y of await run(conv2dOp, attrs, [1, 4, 4, 4], [3, 3, 4, 0])) assert.is(y.length, 0);
  for (const y of await run(conv2dOp, attrs, [1, 4, 4, 0], [3, 3, 0, 4])) assert.equal([...y], new Array(64).fill(0));
  for (const y of await run(conv2dInputGradOp, { ...attrs, size: [4, 4] as const }, [1, 4, 4, 0], [3, 3, 4, 0]))
    assert.equal([...y], new Array(64).fill(0));
  for (const y of await run(conv2dWeightGradOp, { ...attrs, filter: [3, 3] as const }, [0, 4, 4, 4], [0, 4, 4, 4]))
    assert.equal([...y], new Array(144).fill(0));
});

test.run();
