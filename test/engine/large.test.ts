// Tensors beyond one binding, made small: the device is told that it binds little. And more workgroups than one
// dimension holds.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  Device,
  LimitExceededError,
  add,
  concat,
  matmul,
  mul,
  relu,
  reshape,
  slice,
  sum,
  tanh,
  transpose,
} from "../../engine/index.ts";
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

// Only elementwise stages and the parts of a join are windowed; the rest says which tensor is too large, and by how
// much.
const big = () => tensor(noise(64 * 64), [64, 64]);
for (const [kind, build, message] of [
  [
    "kernel",
    () => matmul(big(), big()),
    new RegExp(
      String.raw`matmul \[1, 64, 64\] .* reads variable f32\[64, 64\] of 16384 bytes at once, ` +
        "this device binds at most 4096; make the batch or the image smaller, or keep it as several tensors",
    ),
  ],
  [
    "reduction",
    () => sum(mul(big(), 2)),
    /reduce-sum \[64, 64\] over \[0, 1\] reads variable f32\[64, 64\] of 16384 bytes at once/,
  ],
  [
    "reader of a join",
    () => sum(concat([tensor(noise(768), [12, 64]), tensor(noise(768, 2), [12, 64])], 0), 1),
    /reduce-sum .* reads concat f32\[24, 64\] of 6144 bytes at once/,
  ],
] as const) {
  test(`a ${kind} that needs more than one binding is refused before anything is submitted`, async () => {
    using d = await narrow();
    const before = d.counters.submits;
    await d
      .compile(() => ({ y: build() }))
      .then(
        () => assert.unreachable(),
        (e: unknown) => {
          assert.instance(e, LimitExceededError);
          assert.match((e as Error).message, message);
        },
      );
    assert.is(d.counters.submits, before);
  });
}

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
