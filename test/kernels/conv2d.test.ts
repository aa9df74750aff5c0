// Convolutions and their gradients: every kernel against f64 loops, transposed convolution against its definition,
// and the messages of what can't be convolved.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Device } from "../../engine/run/device.ts";
import { input } from "../../engine/constant.ts";
import { ShapeError } from "../../engine/errors.ts";
import { grad } from "../../engine/grad.ts";
import type { KernelOp } from "../../engine/op.ts";
import {
  type Conv2dOptions,
  type ConvAttrs,
  conv2d,
  conv2dInputGrad,
  conv2dInputGradOp,
  conv2dOp,
  conv2dWeightGrad,
  conv2dWeightGradOp,
  convTranspose2d,
} from "../../engine/ops/conv.ts";
import type { TypedArray } from "../../engine/dtype.ts";
import type { Consts, Kernel, Traits } from "../../kernels/kernel.ts";
import { device, noise, worst } from "../helpers/device.ts";
import { environment } from "../helpers/environment.ts";
import { rawDevice, runOp } from "../helpers/run-op.ts";
import * as reference from "../reference/conv.ts";

const test = suite("conv2d");

type Image = readonly [n: number, h: number, w: number, c: number];
type Filter = readonly [r: number, s: number, k: number];
const problem = (
  [n, h, w, c]: Image,
  [r, s, k]: Filter,
  { stride = [1, 1], pad = [0, 0, 0, 0], dilation = [1, 1], groups = 1, padMode }: Partial<ConvAttrs> = {},
): reference.Conv => ({
  n,
  h,
  w,
  c,
  r,
  s,
  k,
  stride,
  pad,
  dilation,
  groups,
  ...(padMode && { padMode }),
  p: Math.floor((h + pad[0] + pad[2] - dilation[0] * (r - 1) - 1) / stride[0]) + 1,
  q: Math.floor((w + pad[1] + pad[3] - dilation[1] * (s - 1) - 1) / stride[1]) + 1,
});

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
  depthwise: problem([1, 6, 7, 6], [3, 3, 6], { pad: [1, 1, 1, 1], groups: 6 }),
};

const reflect = { padMode: "reflect" } as const;
/** Mirrored borders: these join the cases above, but for the input gradient, which is of several ops. */
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

/** The same op with the last and most general of its kernels. */
function directOnly<A extends object>(op: KernelOp<A>): KernelOp<A> {
  return { ...op, lower: (l, a) => op.lower({ ...l, select: (kernels) => kernels.at(-1)! }, a) };
}

interface Variant {
  readonly name: string;
  readonly traits: Partial<Traits>;
  readonly direct: boolean;
}
const variants: readonly Variant[] = [
  { name: "CPU with subgroups", traits: { cpu: true, subgroups: true }, direct: false },
  { name: "CPU", traits: { cpu: true, subgroups: false }, direct: false },
  { name: "CPU by Winograd", traits: { cpu: true, subgroups: true, winograd: true }, direct: false },
  { name: "GPU", traits: { cpu: false }, direct: false },
  { name: "GPU by Winograd", traits: { cpu: false, winograd: true }, direct: false },
  { name: "GPU with subgroups", traits: { cpu: false, subgroups: true }, direct: false },
  { name: "direct", traits: {}, direct: true },
];

async function agrees<A extends object>(
  op: KernelOp<A>,
  attrs: A,
  inputs: Parameters<typeof runOp>[2],
  want: Float64Array,
  what: string,
): Promise<void> {
  const { device } = await rawDevice();
  for (const v of variants) {
    if (v.traits.subgroups && !device.features.has("subgroups")) continue;
    const [got] = await runOp(v.direct ? directOnly(op) : op, attrs, inputs, v.traits);
    const error = worst(got, want);
    assert.ok(error < 1e-5, `${op.name} of ${what}, ${v.name}: off by ${error} of the largest value`);
  }
}

const image = ({ n, h, w, c }: reference.Conv): { shape: number[]; data: Float32Array } => ({
  shape: [n, h, w, c],
  data: noise(n * h * w * c, 1),
});
const filter = ({ r, s, c, groups, k }: reference.Conv): { shape: number[]; data: Float32Array } => ({
  shape: [r, s, c / groups, k],
  data: noise(r * s * (c / groups) * k, 2),
});
const output = ({ n, p, q, k }: reference.Conv): { shape: number[]; data: Float32Array } => ({
  shape: [n, p, q, k],
  data: noise(n * p * q * k, 3),
});

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

test("bias is an addition after the kernel, and mirrored borders are read by it", () => {
  const x = input("x", [1, 8, 8, 4]);
  const w = input("w", [3, 3, 4, 8]);
  const y = conv2d(x, w, { bias: input("b", [8]), pad: 1 });
  assert.is(y.node.op.name, "add");
  assert.ok(y.node.inputs.some((t) => t.node.op === conv2dOp));
  const z = conv2d(x, w, { pad: [1, 2], padMode: "reflect" });
  assert.is(z.node.op, conv2dOp);
  assert.is(z.node.inputs[0], x);
  assert.equal(z.shape, [1, 8, 10, 8]);
});

test("errors name the dimension and what would be right", () => {
  const x = input("x", [2, 8, 8, 3]);
  const w = input("w", [3, 3, 3, 8]);
  const fails = (f: () => unknown, ...parts: string[]): void => {
    try {
      f();
    } catch (error) {
      assert.instance(error, ShapeError);
      for (const part of parts)
        assert.ok((error as Error).message.includes(part), `"${(error as Error).message}" does not say "${part}"`);
      return;
    }
    assert.unreachable(`nothing was thrown that says "${parts[0]}"`);
  };
  const conv =
    (options: Conv2dOptions, image = x, filter = w): (() => unknown) =>
    () =>
      conv2d(image, filter, options);
  fails(conv({}, input("x", [8, 8, 3])), "conv2d", "x is [8, 8, 3], of rank 3", "[N, H, W, C]");
  fails(conv({}, x, input("w", [3, 3, 8])), "w is [3, 3, 8]", "[R, S, C/groups, K]");
  fails(conv({}, x, input("w", [3, 3, 4, 8])), "C = 3", "takes 4", "[3, 3, 3, 8]");
  fails(conv({ groups: 2 }), "C = 3", "2 groups", "divisor of C");
  fails(conv({ groups: 3 }, x, input("w", [3, 3, 1, 8])), "K = 8", "divisor of K");
  fails(conv({ groups: 3 }, x, input("w", [3, 3, 3, 9])), "takes 9 in 3 groups", "[3, 3, 1, 9]");
  fails(conv({ bias: input("b", [3]) }), "bias is [3]", "K = 8", "[8]");
  fails(conv({ stride: 0 }), "stride is [0, 0]", "≥ 1");
  fails(conv({ stride: [1, 1.5] }), "stride is [1, 1.5]");
  fails(conv({ pad: [1, 2, 3] as unknown as [number, number] }), "pad is [1, 2, 3]", "[top, left, bottom, right]");
  fails(conv({ dilation: 4 }), "H = 8", "reaches over 9", "R = 3, dilation 4", "pad by 1 more");
  fails(conv({ pad: [1, -3] }), "W = 8", "is 2 long", "S = 3");
  fails(conv({}, input("x", [2, 8, 8, 3], "i32")), "x is i32[2, 8, 8, 3]", "cast it to f32");
  fails(conv({ pad: 8, padMode: "reflect" }), "reflect padding 8", "at most 7");
  const mirror = { stride: [1, 1], pad: [8, 0, 0, 0], dilation: [1, 1], groups: 1, padMode: "reflect" } as const;
  fails(
    () => conv2dInputGrad(input("dy", [2, 14, 6, 8]), w, { ...mirror, size: [8, 8] }),
    "reflect padding 8",
    "at most 7",
  );
  fails(
    () => conv2dWeightGrad(x, input("dy", [2, 14, 6, 8]), { ...mirror, filter: [3, 3] }),
    "reflect padding 8",
    "at most 7",
  );
  fails(() => convTranspose2d(x, w), "convTranspose2d", "Cin = 3", "takes 8", "[3, 3, 3, 3]");
  fails(() => convTranspose2d(x, input("w", [3, 3, 4, 3]), { bias: input("b", [3]) }), "bias is [3]", "Cout = 4");
  fails(() => convTranspose2d(x, input("w", [3, 3, 4, 3]), { pad: 5 }), "0 × 0", "crops too much");
  fails(() => convTranspose2d(x, input("w", [3, 3, 4, 3]), { outputPad: -1 }), "outputPad is [-1, -1]", "≥ 0");
});

test.run();
