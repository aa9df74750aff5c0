// Tuning: what it may choose, that a device takes it, and that results stay what they were.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Device } from "../../engine/run/device.ts";
import { combinations, tuningKey } from "../../engine/gpu/tuner.ts";
import { conv2d } from "../../engine/ops/conv.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { conv2dKernels } from "../../kernels/conv2d/conv2d.ts";
import { environment } from "../helpers/environment.ts";
import { noise, worst } from "../helpers/device.ts";

const test = suite("tuner");

const feeds = { x: noise(9 * 10 * 16, 1), w: noise(9 * 16 * 20, 2) };
const layer = ({ x, w }: { x: Tensor; w: Tensor }): { y: Tensor } => ({ y: conv2d(x, w, { pad: 1 }) });
const shapes = { x: [1, 9, 10, 16], w: [3, 3, 16, 20] } as const;

test("each kernel's values come from its tunables, and a device that takes them computes the same", async () => {
  const { gpu } = await environment().gpu();
  using plain = await Device.open(gpu);
  if (!plain.gpu.timestamps) return;
  using program = await plain.compile(layer, shapes);
  const tuned = await program.tune();
  const keys = Object.keys(tuned);
  assert.is(keys.length, 1);
  const key = keys[0]!;
  const kernel = conv2dKernels.find((k) => key.includes(` ${k.name} `))!;
  assert.ok(
    combinations(kernel).some((c) => JSON.stringify(c) === JSON.stringify(tuned[key])),
    `${JSON.stringify(tuned[key])} is no combination of ${kernel.name}'s tunables`,
  );
  program.run(feeds);
  const { y: want } = await program.read();
  const dispatches = new Set<string>();
  for (const choice of combinations(kernel)) {
    using device = await Device.open(gpu, { tuned: JSON.parse(JSON.stringify({ [key]: choice })) });
    using retuned = await device.compile(layer, shapes);
    retuned.run(feeds);
    assert.ok(worst((await retuned.read()).y, want) < 1e-5, `${kernel.name} at ${JSON.stringify(choice)}`);
    dispatches.add(String(retuned.explain()));
  }
  assert.ok(dispatches.size > 1, "other values make other dispatches");
});

test("a shape class takes in sizes up to the next power of two", () => {
  const kernel = conv2dKernels[0]!;
  const params = Object.fromEntries(kernel.params.map((f) => [f.name, 9]));
  const key = tuningKey("a", kernel, params);
  assert.is(tuningKey("a", kernel, { ...params, c: 16 }), key);
  assert.is.not(tuningKey("a", kernel, { ...params, c: 17 }), key);
  assert.is.not(tuningKey("b", kernel, params), key);
});

test.run();
