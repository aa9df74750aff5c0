// Convolutions and their gradients: every kernel against f64 loops, at its other tunables and in chunks too.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { KernelOp } from "../../engine/op.ts";
import { conv2dWeightGradOp } from "../../engine/gradients/conv-weight-grad.ts";
import { conv2dOp } from "../../engine/ops/conv-forward.ts";
import type { ConvAttrs } from "../../engine/ops/conv-shapes.ts";
import { conv2dInputGradOp } from "../../engine/ops/conv-input-grad.ts";
import type { Consts, Kernel } from "../../kernels/kernel.ts";
import { rawDevice, runOp } from "../helpers/run-op.ts";
import * as reference from "../reference/conv.ts";
import { agrees, filter, image, output, problem } from "./conv2d-agreement.ts";

const test = suite("conv2d");

const cases: Readonly<Record<string, reference.Conv>> = {
  "3×3": problem([2, 8, 9, 8], [3, 3, 8], { pad: [1, 1, 1, 1] }),
  "3×3, 16 channels": problem([2, 6, 7, 16], [3, 3, 16], { pad: [1, 1, 1, 1] }),
  "3×3, 20 to 36 channels": problem([1, 9, 9, 20], [3, 3, 36], { pad: [1, 1, 1, 1] }),
  "3×3 stride 2, odd sizes, 12 filters": problem([1, 7, 9, 4], [3, 3, 12], { stride: [2, 2], pad: [1, 1, 1, 1] }),
  "4×4 stride 2": problem([1, 9, 11, 4], [4, 4, 8], { stride: [2, 2], pad: [1, 1, 1, 1] }),
  "7×7, 1 to 6 channels": problem([1, 10, 10, 1], [7, 7, 6], { pad: [3, 3, 3, 3] }),
  "7×7 head, 5 to 1 channels": problem([1, 8, 8, 5], [7, 7, 1], { pad: [3, 3, 3, 3] }),
  "7×7 first layer, 1 to 8 channels": problem([1, 9, 10, 1], [7, 7, 8], { pad: [3, 3, 3, 3] }),
  "7×7 head, 8 to 1 channels": problem([2, 9, 7, 8], [7, 7, 1], { pad: [3, 3, 3, 3] }),
  "4×4 stride 2 first layer, 1 to 8 channels": problem([1, 9, 12, 1], [4, 4, 8], { stride: [2, 2], pad: [1, 1, 1, 1] }),
  "3×3 stride 2 first layer, 3 to 8 channels": problem([2, 9, 8, 3], [3, 3, 8], { stride: [2, 2], pad: [1, 1, 1, 1] }),
  "4×3 head with pads of each side their own": problem([1, 12, 9, 4], [4, 3, 1], {
    dilation: [2, 1],
    pad: [1, 0, 2, -2],
  }),
  "1 to 8 channels with pads of each side their own": problem([1, 12, 19, 1], [4, 3, 8], {
    dilation: [2, 1],
    pad: [1, 0, -2, 2],
  }),
  "head of stride 2 × 1": problem([1, 9, 9, 8], [3, 3, 1], { stride: [2, 1], pad: [1, 1, 1, 1] }),
  "3×3 stride 2, 3 to 5 channels": problem([2, 9, 8, 3], [3, 3, 5], { stride: [2, 2], pad: [1, 1, 1, 1] }),
  "dilation 2": problem([1, 11, 10, 4], [3, 3, 4], { dilation: [2, 2], pad: [2, 2, 2, 2] }),
  "dilation 2, 3 channels": problem([1, 8, 10, 3], [3, 2, 2], { dilation: [2, 3], pad: [2, 1, 2, 1] }),
  "stride 3, dilation 2": problem([1, 12, 13, 4], [3, 3, 4], { stride: [3, 3], dilation: [2, 2], pad: [1, 1, 1, 1] }),
  "stride 2, dilation 2: residues that meet no tap": problem([1, 11, 12, 4], [3, 3, 16], {
    stride: [2, 2],
    dilation: [2, 2],
    pad: [2, 1, 2, 1],
  }),
  "1×1 to 2 channels": problem([2, 6, 7, 8], [1, 1, 2]),
  "1×1 to one channel": problem([2, 6, 7, 8], [1, 1, 1]),
  "1×1, 8 to 12 channels": problem([1, 6, 7, 8], [1, 1, 12]),
  "1×1 that crops": problem([1, 6, 7, 8], [1, 1, 4], { pad: [0, 0, -1, 0] }),
  "1×1 stride 2": problem([1, 7, 8, 8], [1, 1, 4], { stride: [2, 2] }),
  "pads of each side their own": problem([1, 8, 9, 3], [3, 2, 4], { pad: [0, 2, 1, 3] }),
  "negative pads crop": problem([1, 11, 12, 8], [3, 3, 4], { pad: [-1, 1, -2, -3] }),
  "a filter larger than the image": problem([1, 2, 3, 4], [5, 5, 4], { pad: [2, 2, 2, 2] }),
  "deep and small: a sum in chunks": problem([1, 6, 7, 64], [3, 3, 48], { pad: [1, 1, 1, 1] }),
  "deep, stride 2: residues of unequal depth in chunks": problem([1, 9, 10, 132], [3, 3, 132], {
    stride: [2, 2],
    pad: [1, 1, 1, 1],
  }),
  "2 groups, stride 2 × 1": problem([1, 7, 8, 8], [3, 3, 16], { stride: [2, 1], pad: [1, 1, 1, 1], groups: 2 }),
  "3 groups of 2 to 3 channels": problem([2, 5, 6, 6], [3, 3, 9], { pad: [1, 1, 1, 1], groups: 3 }),
  "3×3, one pixel": problem([1, 1, 1, 4], [3, 3, 8], { pad: [1, 1, 1, 1] }),
  "3×3, whole tiles": problem([1, 12, 8, 12], [3, 3, 4]),
  "3×3, no tile whole, pads of each side their own": problem([3, 7, 11, 4], [3, 3, 20], { pad: [0, 2, 1, 0] }),
  "3×3, negative pads crop": problem([2, 13, 12, 8], [3, 3, 12], { pad: [-2, 1, -1, -3] }),
  "3×3, 4 to 64 channels": problem([1, 10, 15, 4], [3, 3, 64], { pad: [1, 1, 1, 1] }),
  "3×3, 64 to 4 channels": problem([1, 15, 10, 64], [3, 3, 4], { pad: [2, 2, 2, 2] }),
  "3×3, pads wider than the filter": problem([1, 3, 5, 8], [3, 3, 4], { pad: [4, 3, 5, 6] }),
  ...edges(),
  depthwise: problem([1, 6, 7, 6], [3, 3, 6], { pad: [1, 1, 1, 1], groups: 6 }),
};

/**
 * More than one tile and a last one in part, along every axis that any kernel tiles at any of its tunables: pixels by
 * up to 64, rows of Winograd tiles by 64, filters, channels and rows of the filter's matrix by up to 64.
 */
function edges(): Record<string, reference.Conv> {
  const pad = [1, 1, 1, 1] as const;
  return {
    "edges, 20 to 68 channels": problem([2, 13, 11, 20], [3, 3, 68], { pad }),
    "edges, 68 to 20 channels": problem([2, 13, 11, 68], [3, 3, 20], { pad }),
    "edges, 4×4 stride 2": problem([1, 19, 21, 20], [4, 4, 68], { stride: [2, 2], pad }),
    "edges, first layer": problem([2, 13, 11, 1], [7, 7, 20], { pad: [3, 3, 3, 3] }),
    "edges, first layer of 3 channels": problem([2, 13, 11, 3], [3, 3, 20], { pad }),
    "edges, head": problem([2, 13, 11, 20], [7, 7, 1], { pad: [3, 3, 3, 3] }),
    "edges, 9 to 11 channels": problem([2, 13, 11, 9], [3, 3, 11], { pad }),
    "edges, 1×1": problem([2, 13, 11, 20], [1, 1, 68]),
    "edges, 1×1 of few pixels": problem([1, 4, 4, 20], [1, 1, 68]),
    "edges, 1×1 that crops": problem([2, 13, 11, 20], [1, 1, 68], { pad: [-1, 0, 0, 0] }),
    "edges, tiles of Winograd": problem([1, 34, 35, 8], [3, 3, 12], { pad }),
  };
}

for (const [name, o] of Object.entries(cases)) {
  test(`${name}: forward and both gradients agree with f64 loops`, async () => {
    const x = image(o);
    const w = filter(o);
    const dy = output(o);
    await agrees(conv2dOp, o, [x, w], reference.conv2d(x.data, w.data, o), name);
    await agrees(
      conv2dInputGradOp,
      { ...o, size: [o.h, o.w] as const },
      [dy, w],
      reference.conv2dInputGrad(dy.data, w.data, o),
      name,
    );
    await agrees(
      conv2dWeightGradOp,
      { ...o, filter: [o.r, o.s] as const },
      [x, dy],
      reference.conv2dWeightGrad(x.data, dy.data, o),
      name,
    );
  });
}

test("on a CPU with subgroups a 1×1 convolution by fours of many pixels is a matrix product", async () => {
  if (!(await rawDevice()).device.features.has("subgroups")) return;
  const quads = { cpu: true, subgroups: true };
  for (const [o, traits, product] of [
    [problem([1, 6, 7, 8], [1, 1, 12]), quads, true],
    [problem([1, 6, 7, 8], [1, 1, 12]), { cpu: true, subgroups: false }, false],
    [problem([1, 6, 7, 8], [1, 1, 12]), { cpu: false, subgroups: true }, false],
    [problem([1, 4, 4, 8], [1, 1, 12]), quads, false],
    [problem([1, 6, 7, 8], [1, 1, 1]), quads, false],
    [problem([1, 6, 7, 8], [1, 1, 12], { stride: [2, 2] }), quads, false],
    [problem([1, 6, 7, 8], [1, 1, 12], { pad: [1, 1, 1, 1] }), quads, false],
    [problem([1, 6, 7, 8], [1, 1, 12], { groups: 2 }), quads, false],
  ] as const) {
    const ran: string[] = [];
    const seen: KernelOp<ConvAttrs> = {
      ...conv2dOp,
      lower: (l, a) =>
        conv2dOp.lower(
          {
            ...l,
            dispatch(k, ...rest) {
              ran.push(k.name);
              l.dispatch(k, ...rest);
            },
          },
          a,
        ),
    };
    await runOp(seen, o, [image(o), filter(o)], traits);
    assert.is(
      ran.every((name) => name.startsWith("matmul-")),
      product,
      ran.join(),
    );
  }
});

/** The same op with other values of its kernels' tunables: of each kernel the `turn`-th. */
function retuned<A extends object>(op: KernelOp<A>, turn: number): KernelOp<A> {
  const consts = (k: Kernel): Consts =>
    Object.fromEntries(Object.entries(k.tunables ?? {}).map(([name, values]) => [name, values[turn % values.length]]));
  return {
    ...op,
    lower: (l, a) =>
      op.lower({ ...l, dispatch: (k, p, buffers, c) => l.dispatch(k, p, buffers, { ...c, ...consts(k) }) }, a),
  };
}

for (const turn of [1, 2, 3]) {
  test(`every kernel agrees at tunables number ${turn}`, async () => {
    for (const name of [
      "3×3, 20 to 36 channels",
      "deep and small: a sum in chunks",
      "7×7 first layer, 1 to 8 channels",
      "7×7 head, 8 to 1 channels",
      "3×3 stride 2, 3 to 5 channels",
      ...Object.keys(edges()),
    ]) {
      const o = cases[name];
      const x = image(o);
      const w = filter(o);
      const dy = output(o);
      await agrees(retuned(conv2dOp, turn), o, [x, w], reference.conv2d(x.data, w.data, o), name);
      await agrees(
        retuned(conv2dInputGradOp, turn),
        { ...o, size: [o.h, o.w] as const },
        [dy, w],
        reference.conv2dInputGrad(dy.data, w.data, o),
        name,
      );
      await agrees(
        retuned(conv2dWeightGradOp, turn),
        { ...o, filter: [o.r, o.s] as const },
        [x, dy],
        reference.conv2dWeightGrad(x.data, dy.data, o),
        name,
      );
    }
  });
}

test("the weight gradient's chunks join to the whole sum", async () => {
  for (const o of [
    problem([2, 40, 41, 4], [1, 1, 4]),
    problem([3, 37, 30, 1], [3, 3, 1], { pad: [1, 1, 1, 1] }),
    problem([1, 40, 40, 16], [1, 1, 16]),
  ]) {
    const x = image(o);
    const dy = output(o);
    await agrees(
      conv2dWeightGradOp,
      { ...o, filter: [o.r, o.s] as const },
      [x, dy],
      reference.conv2dWeightGrad(x.data, dy.data, o),
      `${o.h} × ${o.w}`,
    );
  }
});

test.run();
