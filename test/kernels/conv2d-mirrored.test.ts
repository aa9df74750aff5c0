// Convolutions with mirrored borders: every kernel, gradients and their gradients against f64 loops.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { grad } from "../../engine/grad.ts";
import { conv2dWeightGradOp } from "../../engine/gradients/conv-weight-grad.ts";
import { conv2dOp } from "../../engine/ops/conv-forward.ts";
import { type Conv2dOptions, conv2d } from "../../engine/ops/conv.ts";
import { Device } from "../../engine/run/device.ts";
import { device, noise, worst } from "../helpers/device.ts";
import { environment } from "../helpers/environment.ts";
import * as reference from "../reference/conv.ts";
import { agrees, filter, image, output, problem } from "./conv2d-agreement.ts";

const test = suite("conv2d: mirrored borders");

const reflect = { padMode: "reflect" } as const;
/** Mirrored borders: these join the cases of conv2d.test.ts, but for the input gradient, which is of several ops. */
const mirrored: Readonly<Record<string, reference.Conv>> = {
  "3×3": problem([2, 8, 9, 8], [3, 3, 12], { ...reflect, pad: [1, 1, 1, 1] }),
  "a sum in chunks": problem([1, 6, 7, 64], [3, 3, 48], { ...reflect, pad: [1, 1, 1, 1] }),
  "pads of size − 1": problem([1, 5, 6, 4], [7, 7, 4], { ...reflect, pad: [4, 5, 4, 5] }),
  "pads of each side their own": problem([1, 8, 9, 5], [3, 2, 4], { ...reflect, pad: [0, 2, 3, 1] }),
  "a crop beside a mirrored border": problem([1, 11, 12, 8], [3, 3, 4], { ...reflect, pad: [-1, 3, 2, -2] }),
  "a crop beside a mirrored border, 1 channel": problem([1, 11, 12, 1], [3, 3, 8], { ...reflect, pad: [2, -2, -1, 3] }),
  "7×7 first layer": problem([2, 9, 10, 1], [7, 7, 8], { ...reflect, pad: [3, 3, 3, 3] }),
  "7×7, 1 to 6 channels": problem([1, 10, 9, 1], [7, 7, 6], { ...reflect, pad: [3, 3, 3, 3] }),
  "7×7 head": problem([2, 9, 7, 8], [7, 7, 1], { ...reflect, pad: [3, 3, 3, 3] }),
  "7×7 head of 5 channels": problem([1, 8, 8, 5], [7, 7, 1], { ...reflect, pad: [3, 3, 3, 3] }),
  "4×4 stride 2 first layer": problem([1, 9, 12, 1], [4, 4, 8], { ...reflect, stride: [2, 2], pad: [1, 1, 1, 1] }),
  "stride 2, 3 to 8 channels": problem([2, 9, 8, 3], [3, 3, 8], { ...reflect, stride: [2, 2], pad: [1, 1, 1, 1] }),
  "stride 2, 3 to 5 channels": problem([2, 7, 8, 3], [3, 3, 5], { ...reflect, stride: [2, 2], pad: [1, 1, 1, 1] }),
  "stride 2, 20 to 36 channels": problem([1, 13, 14, 20], [3, 3, 36], {
    ...reflect,
    stride: [2, 2],
    pad: [1, 1, 1, 1],
  }),
  "7×7 stride 2 on 8 × 8": problem([1, 8, 8, 16], [7, 7, 16], { ...reflect, stride: [2, 2], pad: [3, 3, 3, 3] }),
  "dilation 2": problem([1, 11, 10, 4], [3, 3, 4], { ...reflect, dilation: [2, 2], pad: [2, 2, 2, 2] }),
  "dilation 2, head": problem([1, 11, 10, 4], [3, 3, 1], { ...reflect, dilation: [2, 1], pad: [2, 1, 2, 1] }),
  "2 groups, stride 2 × 1": problem([1, 7, 8, 8], [3, 3, 16], {
    ...reflect,
    stride: [2, 1],
    pad: [1, 1, 1, 1],
    groups: 2,
  }),
  "3 groups of 2 to 3 channels": problem([2, 5, 6, 6], [3, 3, 9], { ...reflect, pad: [1, 1, 1, 1], groups: 3 }),
  "one row": problem([2, 1, 9, 4], [1, 5, 4], { ...reflect, pad: [0, 2, 0, 2] }),
  "one column, 1 channel": problem([1, 9, 1, 1], [5, 1, 4], { ...reflect, pad: [2, 0, 2, 0] }),
};

let gpuLike: Promise<Device> | undefined;
const likeGpu = (): Promise<Device> =>
  (gpuLike ??= environment()
    .gpu()
    .then(({ gpu }) => Device.open(gpu, { traits: { cpu: false } })));

for (const [name, o] of Object.entries(mirrored)) {
  const options: Conv2dOptions = {
    stride: o.stride,
    pad: o.pad,
    dilation: o.dilation,
    groups: o.groups,
    padMode: "reflect",
  };
  test(`reflect, ${name}: forward and weight gradient agree with f64 loops`, async () => {
    const x = image(o);
    const w = filter(o);
    const dy = output(o);
    await agrees(conv2dOp, o, [x, w], reference.conv2d(x.data, w.data, o), name);
    await agrees(
      conv2dWeightGradOp,
      { ...o, filter: [o.r, o.s] as const },
      [x, dy],
      reference.conv2dWeightGrad(x.data, dy.data, o),
      name,
    );
  });
  test(`reflect, ${name}: both gradients and their gradients agree with f64 loops`, async () => {
    const x = image(o);
    const w = filter(o);
    const dy = output(o);
    const v = { ...x, data: noise(x.data.length, 4) };
    const u = { ...w, data: noise(w.data.length, 5) };
    for (const d of [await device(), await likeGpu()]) {
      using program = await d.compile(
        (t) => {
          const y = conv2d(t.x, t.w, options);
          const [dx, dw] = grad(y, [t.x, t.w], t.dy);
          // ⟨dx, v⟩ is bilinear in dy and w, ⟨dw, u⟩ in x and dy.
          const [vdy, vw] = grad(dx, [t.dy, t.w], t.v);
          const [ux, udy] = grad(dw, [t.x, t.dy], t.u);
          return { y, dx, dw, vdy, vw, ux, udy };
        },
        { x: x.shape, w: w.shape, dy: dy.shape, v: v.shape, u: u.shape },
        { mode: "train" },
      );
      program.run({ x: x.data, w: w.data, dy: dy.data, v: v.data, u: u.data });
      const got = await program.read();
      const want = {
        y: reference.conv2d(x.data, w.data, o),
        dx: reference.conv2dInputGrad(dy.data, w.data, o),
        dw: reference.conv2dWeightGrad(x.data, dy.data, o),
        vdy: reference.conv2d(v.data, w.data, o),
        vw: reference.conv2dWeightGrad(v.data, dy.data, o),
        ux: reference.conv2dInputGrad(dy.data, u.data, o),
        udy: reference.conv2d(x.data, u.data, o),
      };
      for (const [what, values] of Object.entries(want)) {
        const error = worst(got[what as keyof typeof want] as Float32Array, values);
        assert.ok(error < 1e-5, `${what}, ${JSON.stringify(d.gpu.traits)}: off by ${error} of the largest value`);
      }
    }
  });
}

test.run();
