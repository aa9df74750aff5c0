// The kernels on tensor cores, emulated: their own text, with plain WGSL for the subgroup matrices, against f64
// loops. Which small products a device offers, and which kernel is chosen by them.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type DType, fromHalf, toHalf } from "../../engine/dtype.ts";
import { matrixOf } from "../../engine/gpu/matrix.ts";
import { Device, add, bringTensorCores, relu } from "../../engine/index.ts";
import type { Attrs, KernelOp } from "../../engine/op.ts";
import { conv2dWeightGradOp } from "../../engine/gradients/conv-weight-grad.ts";
import { conv2dOp } from "../../engine/ops/conv-forward.ts";
import { conv2dInputGradOp } from "../../engine/ops/conv-input-grad.ts";
import type { ConvAttrs } from "../../engine/ops/conv-shapes.ts";
import { matmulOp } from "../../engine/ops/matmul.ts";
import { apply } from "../../engine/tensor.ts";
import { conv2dKernels } from "../../kernels/conv2d/conv2d.ts";
import type { ConvProblem } from "../../kernels/conv2d/conv2d-problem.ts";
import type { MatrixSize, Traits } from "../../kernels/kernel.ts";
import { noise, tensor, worst } from "../helpers/device.ts";
import { environment } from "../helpers/environment.ts";
import { rawDevice, runOp } from "../helpers/run-op.ts";
import { emulating } from "../helpers/subgroup-matrix.ts";
import * as reference from "../reference/conv.ts";
import { matmul as matmulReference } from "../reference/matmul.ts";

bringTensorCores();
const test = suite("subgroup matrices");

const size = (m: number, n: number, k: number): MatrixSize => ({ m, n, k });
const gpu = (matrix: Traits["matrix"]): Partial<Traits> => ({ cpu: false, subgroups: true, f16: true, matrix });

interface Variant {
  readonly what: string;
  readonly traits: Partial<Traits>;
  readonly lanes: number;
  readonly stored: DType;
  readonly factors: "f16" | "f32";
}
const f32 = (what: string, s: MatrixSize, range: readonly [number, number], lanes: number): Variant => ({
  what,
  traits: gpu({ f32: s, lanes: range }),
  lanes,
  stored: "f32",
  factors: "f32",
});
const f16 = (what: string, s: MatrixSize, range: readonly [number, number], lanes: number): Variant => ({
  what,
  traits: gpu({ f16: s, lanes: range }),
  lanes,
  stored: "f16",
  factors: "f16",
});
const apple = f32("8 × 8 × 8, subgroups of 32", size(8, 8, 8), [32, 32], 32);
const nvidia = f16("f16, 16 × 16 × 16, subgroups of 32", size(16, 16, 16), [32, 32], 32);
const halfByF32: Variant = { ...apple, what: "f16 stored, multiplied in f32", stored: "f16" };
/** Every way that blocks go round subgroups: one each, several each, more subgroups than blocks. */
const others: readonly Variant[] = [
  f16("f16, 16 × 16 × 16, subgroups of 64", size(16, 16, 16), [64, 64], 64),
  f16("f16, 8 × 16 × 16, subgroups of 8 of 8 to 32", size(8, 16, 16), [8, 32], 8),
  f16("f16, 8 × 16 × 16, subgroups of 16 of 8 to 32", size(8, 16, 16), [8, 32], 16),
  f32("8 × 16 × 16, subgroups of 32 of 8 to 32", size(8, 16, 16), [8, 32], 32),
  f32("16 × 8 × 16, subgroups of 64 of 32 to 64", size(16, 8, 16), [32, 64], 64),
  f32("16 × 16 × 8, subgroups of 128 of 4 to 128", size(16, 16, 8), [4, 128], 128),
  f32("16 × 16 × 16, subgroups of 4", size(16, 16, 16), [4, 4], 4),
];
const main: readonly Variant[] = [apple, nvidia, halfByF32];

const round = (x: Float32Array): Float32Array => x.map((v) => fromHalf(toHalf(v)));
interface Given {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Runs the op emulated and compares. Inputs are rounded to f16 by both sides where they are stored so. */
async function agrees<A extends Attrs>(
  op: KernelOp<A>,
  attrs: A,
  inputs: readonly Given[],
  expected: (xs: Float32Array[]) => Float64Array,
  v: Variant,
  what: string,
): Promise<void> {
  const { device } = await rawDevice();
  if (v.stored === "f16" && !device.features.has("shader-f16")) return; // SwiftShader has none
  const xs = inputs.map((x) => ({ ...x, dtype: v.stored, data: v.stored === "f16" ? round(x.data) : x.data }));
  const ran = new Set<string>();
  const [got] = await runOp(emulating(op, v.lanes, ran), attrs, xs, v.traits);
  assert.equal([...ran], [`${op.name}-subgroup-matrix${v.factors === "f16" ? "-f16" : ""}`], `${what}, ${v.what}`);
  const error = worst(got, expected(xs.map((x) => x.data)));
  const stored = op.infer(xs as never, attrs)[0].dtype;
  assert.ok(
    error < (stored === "f16" ? 2 ** -11 : 1e-5),
    `${op.name} of ${what}, ${v.what}: off by ${error} of the largest value`,
  );
}

interface Product {
  readonly batch: number;
  readonly batchB?: number;
  readonly m: number;
  readonly k: number;
  readonly n: number;
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
}
async function multiplies(
  v: Variant,
  { batch, batchB = batch, m, k, n, transposeA = false, transposeB = false }: Product,
): Promise<void> {
  const o = { batch, batchA: batch, batchB, m, k, n, transposeA, transposeB };
  const a = { shape: transposeA ? [batch, k, m] : [batch, m, k], data: noise(batch * m * k, 1) };
  const b = { shape: transposeB ? [batchB, n, k] : [batchB, k, n], data: noise(batchB * k * n, 2) };
  await agrees(
    matmulOp,
    { transposeA, transposeB },
    [a, b],
    ([x, z]) => matmulReference(x, z, o),
    v,
    `${batch} × ${m} × ${k} × ${n}`,
  );
}

for (const v of main) {
  test(`matmul: ${v.what}`, async () => {
    await multiplies(v, { batch: 1, m: 64, k: 64, n: 64 });
    await multiplies(v, { batch: 2, m: 69, k: 36, n: 100 });
    await multiplies(v, { batch: 3, batchB: 1, m: 17, k: 4, n: 20 });
    await multiplies(v, { batch: 2, m: 20, k: 44, n: 36, transposeA: true, transposeB: true });
  });
}

type Sizes = Omit<reference.Conv, "p" | "q" | "dilation" | "groups"> & {
  readonly dilation?: readonly [number, number];
};
const conv = ({ dilation = [1, 1], ...o }: Sizes): reference.Conv => ({
  ...o,
  dilation,
  groups: 1,
  p: Math.floor((o.h + o.pad[0] + o.pad[2] - dilation[0] * (o.r - 1) - 1) / o.stride[0]) + 1,
  q: Math.floor((o.w + o.pad[1] + o.pad[3] - dilation[1] * (o.s - 1) - 1) / o.stride[1]) + 1,
});
const cases: Readonly<Record<string, reference.Conv>> = {
  "3×3, odd sizes": conv({ n: 2, h: 7, w: 9, c: 20, k: 36, r: 3, s: 3, stride: [1, 1], pad: [1, 1, 1, 1] }),
  "4×4 stride 2, pads of each side their own": conv({
    n: 1,
    h: 15,
    w: 17,
    c: 16,
    k: 20,
    r: 4,
    s: 4,
    stride: [2, 2],
    pad: [1, 0, 2, 3],
  }),
  "stride 3 × 2, dilation 2, 4 channels a tap": conv({
    n: 2,
    h: 25,
    w: 22,
    c: 16,
    k: 16,
    r: 3,
    s: 3,
    stride: [3, 2],
    dilation: [2, 2],
    pad: [2, 1, 2, 1],
  }),
  "1×1": conv({ n: 1, h: 8, w: 9, c: 32, k: 64, r: 1, s: 1, stride: [1, 1], pad: [0, 0, 0, 0] }),
  "deep and small: a sum in chunks": conv({
    n: 1,
    h: 6,
    w: 7,
    c: 68,
    k: 68,
    r: 3,
    s: 3,
    stride: [1, 1],
    pad: [1, 1, 1, 1],
  }),
};

async function convolves(v: Variant, name: string): Promise<void> {
  const o = cases[name];
  const attrs: ConvAttrs = { stride: o.stride, pad: o.pad, dilation: o.dilation, groups: 1 };
  const x = { shape: [o.n, o.h, o.w, o.c], data: noise(o.n * o.h * o.w * o.c, 1) };
  const w = { shape: [o.r, o.s, o.c, o.k], data: noise(o.r * o.s * o.c * o.k, 2) };
  const dy = { shape: [o.n, o.p, o.q, o.k], data: noise(o.n * o.p * o.q * o.k, 3) };
  await agrees(conv2dOp, attrs, [x, w], ([a, b]) => reference.conv2d(a, b, o), v, name);
  await agrees(
    conv2dInputGradOp,
    { ...attrs, size: [o.h, o.w] as const },
    [dy, w],
    ([a, b]) => reference.conv2dInputGrad(a, b, o),
    v,
    name,
  );
  await agrees(
    conv2dWeightGradOp,
    { ...attrs, filter: [o.r, o.s] as const },
    [x, dy],
    ([a, b]) => reference.conv2dWeightGrad(a, b, o),
    v,
    name,
  );
}

for (const name of Object.keys(cases)) {
  test(`${name}: forward and both gradients`, async () => {
    for (const v of main) await convolves(v, name);
  });
}

test("a NaN outside what the filter meets stays outside", async () => {
  // 3×3 windows at stride 4 leave every fourth row and column unread; their depth of 180 ends within what is staged
  // at a time.
  const o = conv({ n: 2, h: 16, w: 16, c: 20, k: 16, r: 3, s: 3, stride: [4, 4], pad: [0, 0, 0, 0] });
  const attrs: ConvAttrs = { stride: o.stride, pad: o.pad, dilation: o.dilation, groups: 1 };
  const x = { shape: [o.n, o.h, o.w, o.c], data: noise(o.n * o.h * o.w * o.c, 1) };
  const w = { shape: [o.r, o.s, o.c, o.k], data: noise(o.r * o.s * o.c * o.k, 2) };
  const dy = { shape: [o.n, o.p, o.q, o.k], data: noise(o.n * o.p * o.q * o.k, 3) };
  const unread = (i: number): boolean =>
    (Math.floor(i / o.c) % o.w) % 4 === 3 || (Math.floor(i / o.c / o.w) % o.h) % 4 === 3;
  x.data.forEach((_, i) => {
    if (unread(i)) x.data[i] = NaN;
  });
  const zeroed = (a: Float32Array): Float32Array => a.map((value) => (Number.isNaN(value) ? 0 : value));
  for (const v of [apple, nvidia]) {
    await agrees(
      conv2dOp,
      attrs,
      [x, w],
      ([a, b]) => reference.conv2d(zeroed(a), b, o),
      v,
      "an image with unread NaNs",
    );
    await agrees(
      conv2dWeightGradOp,
      { ...attrs, filter: [3, 3] as const },
      [x, dy],
      ([a, b]) => reference.conv2dWeightGrad(zeroed(a), b, o),
      v,
      "an image with unread NaNs",
    );
  }
});

for (const v of others) {
  test(`products and convolutions: ${v.what}`, async () => {
    await multiplies(v, { batch: 1, m: 65, k: 20, n: 68 });
    if (v.lanes === 64) await convolves(v, "3×3, odd sizes");
  });
}

test("of what a device reports, the largest product with sums in f32 is taken for each type of factor", () => {
  const config = (componentType: string, resultComponentType: string, M: number, N: number, K: number) => ({
    componentType,
    resultComponentType,
    M,
    N,
    K,
  });
  const lanes = [32, 32] as const;
  const tensorCores = [
    config("f16", "f16", 16, 16, 16),
    config("f16", "f32", 16, 8, 8),
    config("f16", "f32", 16, 16, 16),
    config("f16", "f32", 16, 8, 16),
    config("i8", "i32", 16, 16, 32),
  ];
  assert.equal(matrixOf(tensorCores, lanes), { f16: size(16, 16, 16), f32: undefined, lanes });
  assert.equal(matrixOf([config("f32", "f32", 8, 8, 8), config("f16", "f16", 8, 8, 8)], lanes), {
    f16: undefined,
    f32: size(8, 8, 8),
    lanes,
  });
  assert.is(matrixOf([config("f16", "f16", 8, 16, 16), config("f16", "f32", 64, 16, 16)], lanes), undefined);
  assert.is(matrixOf([], lanes), undefined);
});

test("f32 tensors are never multiplied in f16; small, grouped and odd problems go elsewhere", () => {
  const chosen = (matrix: Traits["matrix"], more: Partial<ConvProblem> = {}, traits: Partial<Traits> = {}): string => {
    const p: ConvProblem = {
      n: 2,
      h: 16,
      w: 16,
      c: 32,
      p: 16,
      q: 16,
      k: 32,
      r: 3,
      s: 3,
      strideY: 1,
      strideX: 1,
      dilY: 1,
      dilX: 1,
      padTop: 1,
      padLeft: 1,
      groups: 1,
      periodY: 1,
      periodX: 1,
      flip: false,
      reflect: false,
      half: false,
      ...more,
    };
    return conv2dKernels.find(
      (k) => !k.fits || k.fits(p, { cpu: false, f16: true, subgroups: false, matrix, ...traits }),
    )!.name;
  };
  const lanes = [32, 32] as const;
  const [f16, f32] = [
    { f16: size(16, 16, 16), lanes },
    { f32: size(8, 8, 8), lanes },
  ];
  assert.is(chosen(f16), "conv2d-implicit-gemm");
  assert.is(chosen(f16, { half: true }), "conv2d-subgroup-matrix-f16");
  assert.is(chosen(f32), "conv2d-subgroup-matrix");
  assert.is(chosen(f32, { half: true }), "conv2d-subgroup-matrix");
  assert.is(chosen({ ...f16, ...f32 }), "conv2d-subgroup-matrix");
  assert.is(chosen({ ...f16, ...f32 }, { half: true }), "conv2d-subgroup-matrix-f16");
  assert.is(chosen(undefined, { half: true }), "conv2d-implicit-gemm");
  for (const more of [{ groups: 2 }, { k: 8 }, { n: 1, p: 5, q: 5 }])
    assert.is(chosen(f32, more), "conv2d-direct-vec4", JSON.stringify(more));
  assert.is(chosen(f32, { c: 30 }), chosen(undefined, { c: 30 }));
  assert.not.ok(chosen(f32, {}, { cpu: true, subgroups: true }).includes("subgroup-matrix"));
});

test("what is fused into a convolution and into a product is computed as they are written", async () => {
  using d = await Device.open((await environment().gpu()).gpu, {
    traits: { cpu: false, subgroups: true, matrix: { f32: size(8, 8, 8), lanes: [32, 32] } },
  });
  const o = cases["3×3, odd sizes"];
  const [x, w, b] = [noise(o.n * o.h * o.w * o.c, 1), noise(o.r * o.s * o.c * o.k, 2), noise(o.k, 3, 4)];
  const ran = new Set<string>();
  const attrs: ConvAttrs = { stride: o.stride, pad: o.pad, dilation: o.dilation, groups: 1 };
  using program = await d.compile(() => {
    const y = apply(
      emulating(conv2dOp, 32, ran),
      [tensor(x, [o.n, o.h, o.w, o.c]), tensor(w, [o.r, o.s, o.c, o.k])],
      attrs,
    );
    return { y: relu(add(y, tensor(b))) };
  });
  assert.equal([...ran], ["conv2d-subgroup-matrix"]);
  assert.equal(program.explain().dispatches.find((e) => e.kernel === "conv2d-subgroup-matrix")!.fused, ["add", "relu"]);
  program.run();
  const want = reference.conv2d(x, w, o).map((v, i) => Math.max(0, v + b[i % o.k]));
  const error = worst((await program.read()).y, want);
  assert.ok(error < 1e-5, `off by ${error} of the largest value`);
});

test.run();
