// Winograd convolutions in whole programs: strips, what is fused into them, and which problems they are chosen for.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Device, type Tensor, concat, conv2d, grad, relu, sizeOf, sub } from "../../engine/index.ts";
import type { Traits } from "../../kernels/kernel.ts";
import { winogradPays, winogradStrips } from "../../kernels/winograd/winograd.ts";
import { winogradWeightGradPays } from "../../kernels/winograd/winograd-weight-grad.ts";
import { noise, tensor, worst } from "../helpers/device.ts";
import { environment } from "../helpers/environment.ts";

const test = suite("winograd");

test("every strip writes bias, activation and the place in a join; the weight gradient sums over all", async () => {
  // 6002 tiles of 32 + 16 channels: more than one strip.
  const shape = [3001, 5, 1, 32];
  const x = tensor(noise(sizeOf(shape), 1), shape);
  const w = tensor(noise(4608, 2), [3, 3, 32, 16]);
  const b = tensor(noise(16, 3));
  assert.is(winogradStrips({ n: 3001, p: 5, q: 1, c: 32, k: 16 }).length, 2);
  const f = (): Record<string, Tensor> => {
    const y = relu(conv2d(x, w, { bias: b, pad: 1 }));
    const joined = concat([y, x], 3);
    const [dx, dw] = grad(y, [x, w], sub(y, 1));
    return { joined, dx, dw };
  };
  const run = async (winograd: boolean) => {
    using device = await Device.open((await environment().gpu()).gpu, { traits: { winograd } });
    using program = await device.compile(f);
    program.run();
    return { values: await program.read(), told: String(program.explain()) };
  };
  const direct = await run(false);
  const got = await run(true);
  assert.not.match(direct.told, /winograd/);
  for (const kernel of ["winograd-output", "winograd-input-grad-output", "winograd-weight-grad-output"])
    assert.ok(got.told.includes(kernel), got.told);
  for (const name of ["joined", "dx", "dw"])
    assert.ok(
      worst(got.values[name], direct.values[name]) < 1e-5,
      `${name} is off by ${worst(got.values[name], direct.values[name])}`,
    );
});

const layer = (n: number, size: number, c: number, k: number) => ({
  n,
  h: size,
  w: size,
  c,
  k,
  p: size,
  q: size,
  half: false,
});
const gpu: Traits = { cpu: false, f16: false, subgroups: true };
const cpu: Traits = { ...gpu, cpu: true };

test("strips cover every tile once, in order, in at most 32 MiB", () => {
  for (const p of [
    layer(1, 1, 4, 4),
    layer(2, 256, 64, 64),
    layer(1, 128, 192, 64),
    layer(3, 75, 20, 36),
    layer(2, 64, 512, 512),
  ]) {
    let next = 0;
    for (const { first, tiles } of winogradStrips(p)) {
      assert.is(first, next);
      assert.ok(
        tiles > 0 && (tiles === 64 || 4 * 36 * tiles * (p.c + p.k) <= 2 ** 25),
        `${tiles} tiles of ${p.c} → ${p.k}`,
      );
      next += tiles;
    }
    assert.is(next, p.n * Math.ceil(p.p / 4) * Math.ceil(p.q / 4));
  }
});

test("small images, few channels and CPU adapters without subgroups stay with other kernels", () => {
  for (const p of [
    layer(1, 128, 64, 64),
    layer(1, 64, 128, 128),
    layer(1, 32, 256, 256),
    layer(1, 128, 192, 64),
    layer(2, 16, 512, 512),
  ])
    assert.ok(winogradPays(p, cpu), JSON.stringify(p));
  for (const p of [layer(1, 16, 512, 512), layer(2, 64, 16, 16), layer(2, 128, 16, 64), layer(2, 9, 512, 512)])
    assert.not.ok(winogradPays(p, cpu), JSON.stringify(p));
  assert.not.ok(winogradPays(layer(1, 128, 64, 64), { ...cpu, subgroups: false }));
  // With texels 32 channels do as well as 64: docs/decisions/0020.
  assert.ok(winogradPays(layer(4, 32, 32, 32), { ...cpu, texels: true }));
  assert.not.ok(winogradPays(layer(4, 32, 32, 32), cpu));
  assert.not.ok(winogradPays(layer(2, 32, 32, 32), { ...cpu, texels: true }));
  assert.ok(winogradPays(layer(1, 64, 128, 128), gpu));
  // The weight gradient's rows are channels, not tiles.
  assert.ok(winogradWeightGradPays(layer(1, 16, 512, 512), cpu));
  assert.not.ok(winogradWeightGradPays(layer(2, 9, 32, 64), cpu));
  assert.not.ok(winogradPays(layer(1, 128, 64, 64), gpu));
  // Tensor cores that multiply f16 leave f32 tensors to Winograd.
  const matrix = { f16: { m: 16, n: 16, k: 16 }, lanes: [32, 32] } as const;
  assert.ok(winogradPays(layer(1, 64, 128, 128), { ...gpu, matrix }));
  assert.not.ok(winogradPays({ ...layer(1, 64, 128, 128), half: true }, { ...gpu, matrix }));
});

test.run();
