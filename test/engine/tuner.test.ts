// Tuning: what it may choose, that a device takes it, and that results stay what they were.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Device } from "../../engine/run/device.ts";
import { combinations, tuningKey } from "../../engine/gpu/tuner.ts";
import { cast } from "../../engine/ops/cast.ts";
import { conv2d } from "../../engine/ops/conv.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { conv2dDirectQuad, conv2dKernels } from "../../kernels/conv2d/conv2d.ts";
import type { ConvProblem } from "../../kernels/conv2d/conv2d-problem.ts";
import type { Consts, Kernel, Params } from "../../kernels/kernel.ts";
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

test("a shape class takes in sizes above 16 up to the next power of two; filters and strides stand as they are", () => {
  const [kernel, params] = [conv2dDirectQuad, { ...problem, c: 20 }];
  const key = keyOf(kernel, params);
  assert.is(keyOf(kernel, { ...params, c: 32 }), key);
  for (const other of [{ c: 33 }, { c: 16 }, { r: 4 }, { s: 4 }, { strideX: 2 }, { dilY: 2 }])
    assert.is.not(keyOf(kernel, { ...params, ...other }), key, JSON.stringify(other));
});

test("a key tells apart what is stored, how borders are padded, the kernel's text, the adapter and its driver", () => {
  const [kernel, params] = [conv2dDirectQuad, problem];
  const key = keyOf(kernel, params);
  assert.match(key, /^gpu, driver 1 \| conv2d-direct-quad [0-9a-f]{8} \| f32 REFLECT=false \| n1 /);
  assert.is.not(keyOf(kernel, { ...params, reflect: true }), key, "padding");
  assert.is.not(keyOf(kernel, params, { Elem4: "vec4<f16>" }), key, "half precision");
  assert.is.not(keyOf({ ...kernel, source: `${kernel.source} ` }, params), key, "the kernel's text");
  assert.is.not(keyOf(kernel, params, {}, "gpu, driver 2"), key, "the driver");
});

/** Every name that the convolutions' Params has. */
const problem: ConvProblem = {
  ...{ n: 1, h: 9, w: 10, c: 16, p: 9, q: 10, k: 16, r: 3, s: 3 },
  ...{ strideY: 1, strideX: 1, padTop: 1, padLeft: 1, dilY: 1, dilX: 1, groups: 1, periodY: 1, periodX: 1 },
  ...{ flip: false, reflect: false, half: false },
};

const keyOf = (
  kernel: Kernel,
  params: Params,
  aliases: Readonly<Record<string, string>> = {},
  adapterName = "gpu, driver 1",
): string => tuningKey({ adapterName, traits: { cpu: true, f16: true, subgroups: true } }, kernel, params, aliases);

test("what was tuned for one type of storage is not taken for another", async () => {
  const { gpu } = await environment().gpu();
  using plain = await Device.open(gpu);
  if (!plain.gpu.timestamps || !plain.gpu.traits.f16) return;
  const half = ({ x, w }: { x: Tensor; w: Tensor }): { y: Tensor } => ({
    y: conv2d(cast(x, "f16"), cast(w, "f16"), { pad: 1 }),
  });
  using full = await plain.compile(layer, shapes);
  using mixed = await plain.compile(half, shapes);
  const keys = [...Object.keys(await full.tune()), ...Object.keys(await mixed.tune())];
  assert.is(new Set(keys).size, 2);
});

test("each kernel is heard of by its key as soon as it is timed, and waited for", async () => {
  const { gpu } = await environment().gpu();
  using plain = await Device.open(gpu);
  if (!plain.gpu.timestamps) return;
  using program = await plain.compile(
    ({ x, w }) => ({ y: conv2d(x, w, { pad: 1 }), z: conv2d(x, w, { pad: 2 }), s: conv2d(x, w, { stride: 2 }) }),
    shapes,
  );
  const kept: Record<string, Consts> = {};
  const stop = program.tune({
    onKernel: async ({ consts }, key) => {
      await new Promise((done) => setTimeout(done, 1));
      kept[key] = consts;
      throw new Error("interrupted");
    },
  });
  await stop.then(
    () => assert.unreachable(),
    (e: Error) => assert.is(e.message, "interrupted"),
  );
  assert.is(Object.keys(kept).length, 1);
  const rest: string[] = [];
  const all = await program.tune({ known: kept, onKernel: (_, key) => void rest.push(key) });
  assert.is.not(rest.length, 0);
  assert.equal(Object.keys(all), [...Object.keys(kept), ...rest], "what was kept is not timed again");
});

test.run();
