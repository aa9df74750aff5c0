// Tensors beyond one binding, made small: the device is told that it binds little. And more workgroups than one
// dimension holds.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  Device,
  LimitExceededError,
  type Tensor,
  adamStep,
  add,
  avgPool2d,
  batchNorm,
  concat,
  conv2d,
  grad,
  matmul,
  max,
  maxPool2d,
  mean,
  mul,
  pad,
  relu,
  reshape,
  resize,
  slice,
  square,
  sum,
  tanh,
  transpose,
} from "../../engine/index.ts";
import type { GpuOptions } from "../../engine/gpu/gpu.ts";
import { device, noise, tensor, worst } from "../helpers/device.ts";
import { environment } from "../helpers/environment.ts";

const test = suite("large");
const LIMIT = 4096;
const narrow = async (): Promise<Device> => Device.open((await environment().gpu()).gpu, { maxBindingBytes: LIMIT });

test("elementwise stages walk a tensor in windows", async () => {
  using d = await narrow();
  const x = noise(7000, 1);
  const y = noise(7000, 2);
  using p = await d.compile(({ x, y }) => ({ z: relu(add(mul(x, y), 0.1)) }), { x: [7000], y: [7000] });
  p.run({ x, y });
  assert.ok(
    worst(
      (await p.read()).z,
      x.map((v, i) => Math.max(0, Math.fround(v * y[i]!) + 0.1)),
    ) < 1e-6,
  );
  assert.ok(p.stats().dispatches > 7);
});

test("rows, broadcasts, transposes, slices and joins are windowed too", async () => {
  using d = await narrow();
  const whole = await device();
  const x = noise(60 * 70, 3);
  const b = noise(70, 4);
  const c = noise(60, 5);
  const build = () => {
    const t = tensor(x, [60, 70]);
    const y = tanh(add(mul(t, tensor(b)), reshape(tensor(c), [60, 1])));
    return {
      y,
      turned: transpose(y),
      part: slice(y, [
        [10, 50, 3],
        [0, 70],
      ]),
      joined: concat([y, t], 1),
    };
  };
  const got = await d.evaluate(build());
  const want = await whole.evaluate(build());
  for (const name of ["y", "turned", "part", "joined"] as const) assert.is(worst(got[name], want[name]), 0, name);
});

/** Programs of the same function on a device that binds little and on one that does not; how many dispatches each. */
async function both(
  build: () => Readonly<Record<string, Tensor>>,
  limit: number,
  traits: GpuOptions["traits"] = {},
): Promise<{ got: Values; want: Values; more: number }> {
  const { gpu } = await environment().gpu();
  const own = { ...environment().traits, ...traits };
  using small = await Device.open(gpu, { maxBindingBytes: limit, traits: own });
  using large = await Device.open(gpu, { traits: own });
  using p = await small.compile(build);
  using q = await large.compile(build);
  p.run();
  q.run();
  return { got: await p.read(), want: await q.read(), more: p.stats().dispatches - q.stats().dispatches };
}
type Values = Readonly<Record<string, ArrayLike<number>>>;

/** Checks that both give the same bits, by more dispatches. */
async function sameBits(
  build: () => Readonly<Record<string, Tensor>>,
  limit: number,
  traits?: GpuOptions["traits"],
): Promise<void> {
  const { got, want, more } = await both(build, limit, traits);
  for (const [name, value] of Object.entries(want)) assert.is(worst(got[name]!, value), 0, name);
  assert.ok(more > 0, "nothing was cut");
}

const image = (n: number, h: number, w: number, c: number, seed = 1): Tensor =>
  tensor(noise(n * h * w * c, seed), [n, h, w, c]);
const filter = (r: number, c: number, k: number): Tensor => tensor(noise(r * r * c * k, 9), [r, r, c, k]);
const CONV_LIMIT = 16384;

for (const [what, n, options] of [
  ["images", 3, {}],
  ["rows of one image", 1, {}],
  ["rows of several images", 2, {}],
  ["rows, two at a step", 1, { stride: 2 }],
  ["rows, dilated", 1, { dilation: 2, pad: 2 }],
  ["rows, mirrored", 1, { padMode: "reflect" }],
  ["rows, without padding", 1, { pad: 0 }],
] as const) {
  const h = what === "images" ? 8 : 32;
  test(`a convolution and its image's gradient go by ${what}, to the bit`, async () => {
    const full = { stride: 1, pad: 1, dilation: 1, ...options };
    await sameBits(() => {
      const x = image(n, h, 32, 16);
      const y = conv2d(x, filter(3, 16, 16), full);
      // The mirrored gradient is folded back image by image, not by rows.
      if (what === "rows, mirrored") return { y, dx: y };
      const [dx] = grad(sum(mul(y, image(n, y.shape[1]!, y.shape[2]!, 16, 7))), [x]);
      return { y, dx: dx! };
    }, CONV_LIMIT);
  });
}

test("a fused bias, a residual and an activation follow the windows", async () => {
  await sameBits(() => {
    const x = image(2, 32, 32, 16);
    const bias = slice(tensor(noise(40_000, 4)), [[30_016, 30_032]]);
    const y = relu(add(conv2d(x, filter(3, 16, 16), { pad: 1 }), bias));
    return { y, z: tanh(add(conv2d(y, filter(1, 16, 16)), x)), narrow: conv2d(y, filter(3, 16, 1), { pad: 1 }) };
  }, CONV_LIMIT);
});

test("one bias of a long arena is bound alone", async () => {
  const { got, want, more } = await both(() => {
    const arena = tensor(noise(40_000, 4));
    const part = (from: number) => slice(arena, [[from, from + 16]]);
    const y = conv2d(image(1, 8, 8, 16), filter(3, 16, 16), { pad: 1 });
    return { y: relu(add(y, part(30_016))), normed: batchNorm(y, { weight: part(64), bias: part(128) }).y };
  }, CONV_LIMIT);
  for (const name of ["y", "normed"]) assert.is(worst(got[name]!, want[name]!), 0, name);
  assert.is(more, 0);
});

test("a skip connection, whose joined tensor alone is beyond a binding, goes by windows", async () => {
  await sameBits(() => {
    const x = image(2, 32, 32, 16);
    const y = relu(conv2d(x, filter(3, 16, 16), { pad: 1 }));
    const up = resize(maxPool2d(y, { kernel: 2 }), [32, 32], { mode: "nearest" });
    const z = conv2d(concat([y, up], 3), filter(3, 32, 16), { pad: 1 });
    const [dx] = grad(sum(mul(z, image(2, 32, 32, 16, 6))), [x]);
    return { z, dx: dx! };
  }, 131_072);
});

test("a filter's gradient sums over windows", async () => {
  for (const n of [1, 3]) {
    const { got, want, more } = await both(() => {
      const w = filter(3, 16, 16);
      const loss = sum(mul(conv2d(image(n, 64, 32, 16), w, { pad: 1 }), image(n, 64, 32, 16, 5)));
      return { dw: grad(loss, [w])[0]! };
    }, 40_000);
    assert.ok(worst(got.dw!, want.dw!) < 2e-6, `${worst(got.dw!, want.dw!)}`);
    assert.ok(more > 0);
  }
});

test("Winograd goes by windows, to the bit; its filter's gradient by sums", async () => {
  const build = (n: number) => () => {
    const x = image(n, 64, 96, 16);
    const w = filter(3, 16, 16);
    const y = conv2d(x, w, { pad: 1 });
    const [dx, dw] = grad(sum(mul(y, image(n, 64, 96, 16, 3))), [x, w]);
    return { y, dx: dx!, dw: dw! };
  };
  for (const n of [1, 2]) {
    const { got, want, more } = await both(build(n), 160_000, { winograd: true });
    for (const name of ["y", "dx"]) assert.is(worst(got[name]!, want[name]!), 0, name);
    assert.ok(worst(got.dw!, want.dw!) < 1e-5);
    assert.ok(more > 0);
  }
});

test("products of matrices, pooling, resizing and padding go by windows, to the bit", async () => {
  await sameBits(() => {
    const a = tensor(noise(6 * 40 * 32, 1), [6, 40, 32]);
    const b = tensor(noise(6 * 32 * 24, 2), [6, 32, 24]);
    return { batch: matmul(a, b), rows: matmul(reshape(a, [240, 32]), tensor(noise(32 * 24, 3), [32, 24])) };
  }, 8192);
  await sameBits(() => {
    const x = image(4, 16, 16, 8);
    const pooled = maxPool2d(x, { kernel: 2 });
    const mean = avgPool2d(x, { kernel: 3, stride: 1, pad: 1 });
    const larger = resize(pooled, [16, 16], { mode: "bilinear" });
    const mirrored = pad(
      x,
      [
        [0, 0],
        [2, 2],
        [2, 2],
        [0, 0],
      ],
      { mode: "reflect" },
    );
    const [dx] = grad(sum(mul(add(mul(pooled, pooled), resize(mean, [8, 8], { mode: "nearest" })), 2)), [x]);
    return { pooled, mean, larger, mirrored, dx: dx! };
  }, 16384);
});

test("sums and moments of columns go by runs of their chunks, to the bit; of all elements, by sums of runs", async () => {
  await sameBits(() => {
    const x = image(4, 128, 160, 16);
    const { mean: m, variance } = batchNorm(x);
    return { columns: mean(x, [0, 1, 2]), largest: max(x), m, variance };
  }, 2_097_152);
  const { got, want, more } = await both(() => ({ total: sum(square(image(4, 64, 64, 16))) }), 262_144);
  assert.ok(worst(got.total!, want.total!) < 1e-6);
  assert.ok(more > 0);
});

test("a batch norm and its gradients over more than a binding", async () => {
  const { got, want } = await both(() => {
    const x = image(4, 64, 64, 16);
    const y = relu(batchNorm(x, { weight: tensor(noise(16, 2)), bias: tensor(noise(16, 3)) }).y);
    const [dx] = grad(sum(mul(y, image(4, 64, 64, 16, 5))), [x]);
    return { y, dx: dx! };
  }, 262_144);
  for (const name of ["y", "dx"]) assert.ok(worst(got[name]!, want[name]!) < 1e-5, name);
});

test("columns of which few chunks follow each other at offsets of bindings are cut finer", async () => {
  const { got, want, more } = await both(() => {
    const { mean: m, variance } = batchNorm(
      tensor(
        noise(128 * 128 * 156).map((v) => v + 1),
        [1, 128, 128, 156],
      ),
    );
    return { m, variance };
  }, 4_000_000);
  assert.ok(worst(got.m!, want.m!) < 1e-5);
  assert.ok(worst(got.variance!, want.variance!) < 1e-5);
  assert.ok(more > 0);
});

test("Adam updates an arena by windows, to the bit", async () => {
  const build = () => {
    const state = [1, 2, 3].map((seed) => mul(tensor(noise(5000, seed)), 1));
    const [p, m, v] = adamStep(tensor(noise(5000, 4)), tensor([0.1]), tensor([0.5, 0.5, 1, 1]), state, ADAM);
    return { p: p!, m: m!, v: square(v!) };
  };
  await sameBits(build, 4096);
});
const ADAM = { beta1: 0.5, beta2: 0.9, eps: 1e-3, decay: 0.01 };

test("what no window makes small enough is refused before anything is made, by estimate and compile alike", async () => {
  using d = await narrow();
  const build = () => ({ y: sum(tensor(noise(64 * 64), [64, 64]), 1) });
  const message =
    /reduce-sum \[64, 64\] over \[1\] reads variable f32\[64, 64\] of 16384 bytes at once, this device binds at most 4096/;
  const { totalSubmits: submits, buffers } = d.counters;
  try {
    d.estimate(build);
    assert.unreachable();
  } catch (error) {
    assert.instance(error, LimitExceededError);
    assert.match((error as Error).message, message);
  }
  await d.compile(build).then(
    () => assert.unreachable(),
    (error: unknown) => assert.match((error as Error).message, message),
  );
  assert.equal({ submits: d.counters.totalSubmits, buffers: d.counters.buffers }, { submits, buffers });
});

test("a join of halves is windowed by their bytes", async () => {
  using d = await narrow();
  if (!d.gpu.traits.f16) return; // SwiftShader has none
  const x = noise(3001, 6);
  const y = noise(2003, 7);
  const build = () => ({ joined: concat([mul(tensor(x, [3001], "f16"), 2), tensor(y, [2003], "f16")], 0) });
  assert.is(worst((await d.evaluate(build())).joined, (await (await device()).evaluate(build())).joined), 0);
});

test("more than 65,535 workgroups go on in a second dimension", async () => {
  const d = await device();
  const n = 65535 * 64 + 77;
  using p = await d.compile(({ x }) => ({ y: add(x, 1), s: sum(x) }), { x: [n] });
  p.run({ x: Float32Array.from({ length: n }, (_, i) => i % 3) });
  const { y, s } = await p.read();
  assert.is(y[n - 1], ((n - 1) % 3) + 1);
  assert.is(y[65535 * 64], ((65535 * 64) % 3) + 1);
  const exact = Math.floor(n / 3) * 3 + (n % 3 === 2 ? 1 : 0);
  assert.ok(Math.abs(s[0]! - exact) <= 2e-6 * exact, `${s[0]} for ${exact}`);
});

test.run();
