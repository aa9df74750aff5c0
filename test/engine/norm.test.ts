// Norms beside f64: in one dispatch, and as a GPU runs them, statistics by parts, joined by the stage behind them,
// tallied by the convolution in front.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  Device,
  type Tensor,
  add,
  batchNorm,
  cast,
  conv2d,
  div,
  grad,
  instanceNorm,
  layerNorm,
  maxPool2d,
  mul,
  relu,
  sub,
  sum,
} from "../../engine/index.ts";
import { BatchNorm2d } from "../../models/blocks.ts";
import { moments } from "../../engine/ops/reduce.ts";
import { close } from "../helpers/close.ts";
import { device, noise, tensor, worst } from "../helpers/device.ts";
import { environment } from "../helpers/environment.ts";
import { normLoops } from "../reference/norm.ts";

const test = suite("norm");

const open = async (cpu = false): Promise<Device> => Device.open((await environment().gpu()).gpu, { traits: { cpu } });
const EPS = 1e-5;
/** Largest |got − want|. */
const gap = (got: ArrayLike<number>, want: ArrayLike<number>): number =>
  Array.from(want, (v, i) => Math.abs(v - got[i]!)).reduce((a, b) => Math.max(a, b));

interface Case {
  readonly shape: readonly number[];
  readonly over: "batch" | "instance";
  readonly mean?: number;
  readonly weighted?: boolean;
}

// Odd counts, channels by ones and by fours, fewer than a workgroup takes and more, one part more than lanes.
const cases: readonly Case[] = [
  { shape: [2, 50, 47, 16], over: "batch", weighted: true },
  { shape: [2, 66, 63, 16], over: "instance" },
  { shape: [1, 97, 101, 3], over: "batch", weighted: true },
  { shape: [3, 67, 83, 3], over: "instance", weighted: true },
  { shape: [2, 61, 75, 20], over: "batch" },
  { shape: [1, 71, 59, 36], over: "instance", weighted: true },
  { shape: [1, 100, 131, 2], over: "batch" },
  { shape: [2, 50, 50, 8], over: "batch", mean: 1e4, weighted: true },
  { shape: [2, 71, 70, 6], over: "instance", mean: 1e4 },
];

for (const { shape, over, mean: offset = 0, weighted = false } of cases) {
  const about = offset ? ` about ${offset}` : "";
  test(`${over} norm of ${shape}${about} and its gradients: two dispatches forward, at most three back`, async () => {
    using d = await open();
    const n = shape.reduce((a, b) => a * b, 1);
    const c = shape.at(-1)!;
    const x = noise(n, 3).map((v, i) => v * (1 + (i % c)) + offset);
    const dy = noise(n, 4);
    const w = noise(c, 5).map((v) => v + 2);
    const b = noise(c, 6);
    using p = await d.compile(
      ({ x, dy, w, b }) => {
        const affine = weighted ? { weight: w, bias: b } : {};
        const y = over === "batch" ? batchNorm(x, affine).y : instanceNorm(x, affine);
        const statistics = moments(x, over === "batch" ? [0, 1, 2] : [1, 2]);
        const [dx, ...rest] = grad(sum(mul(y, dy)), weighted ? [x, w, b] : [x]);
        return { y, ...statistics, dx, dw: rest[0] ?? w, db: rest[1] ?? b };
      },
      { x: shape, dy: shape, w: [c], b: [c] },
    );
    p.run({ x, dy, w, b });
    const got = await p.read();
    const want = normLoops(x, dy, shape, over, weighted ? { w, b } : {}, EPS);
    // f32 holds a mean of 10⁴ to 5e-4, and the norm subtracts it. The means of parts are at most σ/8 apart, so that
    // σ² feels 2·(σ/8)·5e-4.
    const tolerance = offset ? 2e-3 : 1e-5;
    const ofVariance = offset ? 2e-4 : 1e-5;
    assert.ok(gap(got.mean, want.mean) < 1e-6 * (offset + 1), `mean off by ${gap(got.mean, want.mean)}`);
    assert.ok(worst(got.variance, want.variance) < ofVariance, `variance ${worst(got.variance, want.variance)}`);
    for (const name of ["y", "dx", ...(weighted ? (["dw", "db"] as const) : [])] as const)
      assert.ok(worst(got[name]!, want[name]) < tolerance, `${name} ${worst(got[name]!, want[name])}`);
    const own = p
      .explain()
      .dispatches.filter((e) => !e.label.startsWith("reduce-sum ["))
      .map((e) => e.kernel);
    assert.equal(own.slice(0, 3), ["moments-group", "merge-then-map", "sums-group"]);
    // x, dy, weight, mean and variance are one more than a dispatch can bind beside what it joins and writes.
    assert.equal(own.slice(3, -1), weighted ? ["sums-columns", "map"] : ["merge-then-map"]);
  });
}

test("a layer norm of long rows, on a GPU's path", async () => {
  using d = await open();
  const rows = 3;
  const length = 3001;
  const x = noise(rows * length, 3).map((v) => v + 100);
  using p = await d.compile(({ x }) => ({ y: layerNorm(x, 1) }), { x: [rows, length] });
  p.run({ x });
  const { y } = await p.read();
  const want = new Float64Array(rows * length);
  for (let r = 0; r < rows; r++) {
    const row = Array.from(x.subarray(r * length, (r + 1) * length));
    const m = row.reduce((s, v) => s + v, 0) / length;
    const s2 = row.reduce((s, v) => s + (v - m) ** 2, 0) / length;
    row.forEach((v, i) => (want[r * length + i] = (v - m) / Math.sqrt(s2 + EPS)));
  }
  assert.ok(worst(y as Float32Array, want) < 1e-4);
});

interface ConvCase {
  readonly n: number;
  readonly size: readonly [number, number];
  readonly c: number;
  readonly k: number;
  readonly over: "batch" | "instance";
  readonly tallies: boolean;
  readonly bias?: number;
  readonly stride?: number;
}

const convolutions: readonly ConvCase[] = [
  { n: 2, size: [32, 32], c: 4, k: 16, over: "batch", tallies: true },
  { n: 2, size: [33, 29], c: 8, k: 20, over: "batch", tallies: true },
  { n: 1, size: [53, 47], c: 4, k: 68, over: "batch", tallies: true, bias: 1e4 },
  { n: 3, size: [16, 20], c: 4, k: 36, over: "instance", tallies: true, bias: 1e4 },
  { n: 1, size: [9, 9], c: 4, k: 16, over: "instance", tallies: true },
  { n: 2, size: [32, 48], c: 4, k: 32, over: "instance", tallies: true, stride: 2 },
  { n: 2, size: [33, 31], c: 4, k: 16, over: "instance", tallies: false },
  { n: 2, size: [33, 31], c: 4, k: 18, over: "batch", tallies: false },
  { n: 2, size: [12, 12], c: 128, k: 32, over: "batch", tallies: false },
];

for (const {
  n,
  size: [h, w],
  c,
  k,
  over,
  tallies,
  bias = 0,
  stride = 1,
} of convolutions) {
  const about = bias ? ` about ${bias}` : "";
  const more = tallies ? "one dispatch more" : "at most two more";
  test(`${over} norm behind a convolution to ${[n, h / stride, w / stride, k]}${about}: ${more}`, async () => {
    using d = await open();
    const x = noise(n * h * w * c, 7);
    const f = noise(9 * c * k, 8);
    const b = noise(k, 9).map((v) => v + bias);
    const pad = [1, 1, 1, 1] as const;
    const P = Math.floor((h - 1) / stride) + 1;
    const Q = Math.floor((w - 1) / stride) + 1;
    const make = ({ x, f, b }: Record<"x" | "f" | "b", Tensor>) => {
      const z = conv2d(x, f, { bias: b, pad, stride });
      const s = moments(z, over === "batch" ? [0, 1, 2] : [1, 2]);
      return { z, y: relu(over === "batch" ? batchNorm(z).y : instanceNorm(z)), ...s };
    };
    const inputs = { x: [n, h, w, c], f: [3, 3, c, k], b: [k] };
    using p = await d.compile(make, inputs);
    p.run({ x, f, b });
    const got = await p.read();
    const want = normLoops(got.z, got.z, [n, P, Q, k], over, {}, EPS);
    assert.ok(gap(got.mean, want.mean) < 1e-6 * (bias + 1), `mean off by ${gap(got.mean, want.mean)}`);
    assert.ok(
      worst(got.variance, want.variance) < (bias ? 2e-4 : 1e-5),
      `variance ${worst(got.variance, want.variance)}`,
    );
    assert.ok(
      worst(
        got.y,
        want.y.map((v) => Math.max(0, v)),
      ) < (bias ? 2e-3 : 1e-5),
      `y ${worst(got.y, want.y)}`,
    );
    const { dispatches } = p.explain();
    const convs = dispatches.filter((e) => e.kernel.startsWith("conv2d") || e.kernel === "sum-partials").length;
    const behind = dispatches.filter((e) => e.kernel !== "finish").length - convs;
    assert.is(
      dispatches.some((e) => e.consts.TALLY === true),
      tallies,
    );
    assert.ok(behind <= (tallies ? 1 : 2), `${behind} dispatches behind the convolution`);
  });
}

test("a step through convolution, batch norm and rectifier moves the statistics and gives all gradients", async () => {
  using d = await open();
  const [n, h, w, c, k] = [2, 36, 35, 4, 32];
  const shape = [n, h, w, k];
  const pixels = n * h * w;
  const bn = new BatchNorm2d(k);
  const x = noise(n * h * w * c, 7);
  const f = noise(9 * c * k, 8);
  const dy = noise(pixels * k, 9);
  using step = await d.compile(
    ({ x, f, dy }) => {
      const z = conv2d(x, f, { pad: 1 });
      const y = bn.forward(z);
      const [dz, dw, db] = grad(sum(mul(y, dy)), [z, bn.weight.value, bn.bias.value]);
      return { z, y, dz, dw, db };
    },
    { x: [n, h, w, c], f: [3, 3, c, k], dy: shape },
    { mode: "train" },
  );
  const gain = (await d.read(bn.weight)).slice() as Float32Array;
  const shift = (await d.read(bn.bias)).slice() as Float32Array;
  const mean = new Float64Array(k);
  const variance = new Float64Array(k).fill(1);
  for (const scale of [1, 3]) {
    step.run({ x: x.map((v) => v * scale), f, dy });
    const got = await step.read();
    const want = normLoops(got.z, dy, shape, "batch", { w: gain, b: shift }, EPS);
    mean.forEach((v, i) => (mean[i] = 0.9 * v + 0.1 * want.mean[i]!));
    variance.forEach((v, i) => (variance[i] = 0.9 * v + (0.1 * want.variance[i]! * pixels) / (pixels - 1)));
    for (const [name, values] of [
      ["y", want.y],
      ["dz", want.dx],
      ["dw", want.dw],
      ["db", want.db],
    ] as const)
      assert.ok(worst(got[name]!, values) < 1e-5, `${name} ${worst(got[name]!, values)}`);
  }
  assert.ok(gap(await d.read(bn.runningMean), mean) < 1e-6 && worst(await d.read(bn.runningVariance), variance) < 1e-5);
  const kernels = step.explain().dispatches.map((e) => e.kernel);
  assert.equal(kernels.slice(0, 2), ["conv2d-implicit-gemm", "merge-then-map"]);
  const backward = kernels.filter((name) => /^(sums|merge)|^map$/.test(name)).slice(1);
  assert.ok(backward.length <= 4, `${kernels}`); // one of them moves the running statistics
});

test("a convolution stored in f16 tallies what is stored", async () => {
  using d = await open();
  if (!d.gpu.traits.f16) return; // SwiftShader has none
  const [n, h, w, c, k] = [2, 16, 20, 8, 16];
  using p = await d.compile(
    ({ x, f }) => {
      const z = conv2d(x, f, { pad: 1 });
      return { z: cast(z, "f32"), y: cast(instanceNorm(z), "f32") };
    },
    { x: { shape: [n, h, w, c], dtype: "f16" }, f: { shape: [3, 3, c, k], dtype: "f16" } },
  );
  p.run({ x: noise(n * h * w * c, 7), f: noise(9 * c * k, 8) });
  const { z, y } = await p.read();
  const want = normLoops(z, z, [n, h, w, k], "instance", {}, EPS).y;
  assert.ok(worst(y, want) < 1e-3, `${worst(y, want)}`);
  assert.ok(
    p.explain().dispatches[0]!.consts.TALLY === true &&
      p.explain().dispatches.some((e) => e.kernel === "merge-then-map"),
  );
});

test("a NaN and an infinity reach what their statistics reach, and no more", async () => {
  for (const bad of [NaN, Infinity]) {
    using d = await open();
    const [n, h, w, c, k] = [2, 32, 32, 4, 16];
    const x = noise(n * h * w * c, 7);
    const f = noise(9 * c * k, 8);
    const plain = noise(n * 66 * 66 * 5, 9);
    x[3 * c] = bad;
    plain[7] = bad;
    using p = await d.compile(
      ({ x, f, plain }) => ({ y: instanceNorm(conv2d(x, f, { pad: 1 })), z: instanceNorm(plain) }),
      { x: [n, h, w, c], f: [3, 3, c, k], plain: [n, 66, 66, 5] },
    );
    p.run({ x, f, plain });
    const { y, z } = await p.read();
    assert.ok(y.subarray(0, y.length / 2).every(Number.isNaN) && y.subarray(y.length / 2).every(Number.isFinite));
    z.forEach((v, i) => assert.is(Number.isNaN(v), i < z.length / 2 && i % 5 === 2, `element ${i}`));
  }
});

test("a norm that is kept for later and read at once takes no dispatch more", async () => {
  for (const [cpu, shape] of [
    [false, [1, 98, 96, 8]],
    [true, [1, 98, 96, 8]],
    [true, [1, 258, 258, 4]],
  ] as const) {
    using d = await open(cpu);
    const x = noise(shape[1] * shape[2] * shape[3], 3);
    using p = await d.compile(
      ({ x }) => {
        const y = relu(batchNorm(x).y);
        return { y, pooled: maxPool2d(y, { kernel: 2 }) };
      },
      { x: shape },
    );
    p.run({ x });
    const { y } = await p.read();
    const want = normLoops(x, x, shape, "batch", {}, EPS).y.map((v) => Math.max(0, v));
    assert.ok(worst(y, want) < 1e-5);
    assert.equal(
      p
        .explain()
        .dispatches.map((e) => e.kernel)
        .filter((name) => /moments|map/.test(name)),
      shape[1] > 200
        ? ["moments-columns", "merge-then-map"]
        : cpu
          ? ["moments-then-map"]
          : ["moments-group", "merge-then-map"],
    );
  }
});

// biome-ignore format: one case a row
const norms: [shape: number[], axes: number[]][] = [
  [[2, 8, 8, 16], [0, 1, 2]],
  [[2, 5, 7, 8], [1, 2]],
  [[3, 9, 9, 3], [1, 2]],
  [[2, 24, 24, 64], [0, 1, 2]],
  [[200, 5], [0]],
  [[2, 3, 3, 1024], [0, 1, 2]],
  [[3, 64, 64, 4], [1, 2]],
  [[1, 100, 100, 4], [0, 1, 2]],
];
for (const [shape, axes] of norms) {
  test(`a norm of ${shape} over ${axes} and its gradient, statistics and all, in one dispatch each`, async () => {
    const d = await device();
    const n = shape.reduce((a, b) => a * b, 1);
    const x = noise(n, 3);
    const c = shape.at(-1)!;
    const count = axes.reduce((m, k) => m * shape[k]!, 1);
    const t = tensor(x, shape);
    const { mean: mu, variance } = moments(t, axes);
    const got = await d.evaluate({ y: relu(div(sub(t, mu), add(variance, 1))), mu, variance });
    // Which group an element belongs to: its sample, where that is kept, and its channel.
    const group = (i: number): number => (axes.includes(0) ? 0 : Math.floor(i / (n / shape[0]!))) * c + (i % c);
    const groups = n / count;
    const sums = new Float64Array(groups);
    const squares = new Float64Array(groups);
    x.forEach((v, i) => (sums[group(i)]! += v / count));
    x.forEach((v, i) => (squares[group(i)]! += (v - sums[group(i)]!) ** 2 / count));
    close(got.mu, sums, 1e-5);
    close(got.variance, squares, 1e-5);
    close(
      got.y,
      Array.from(x, (v, i) => Math.max(0, (v - sums[group(i)]!) / (squares[group(i)]! + 1))),
      1e-5,
    );
  });
}

test.run();
