// What a CPU adapter reads as uniforms: tensors of up to 64 KiB that are read by fours, with the same bits as storage.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Device, type TypedArray, add, conv2d, mul } from "../../engine/index.ts";
import { Variable } from "../../engine/variable.ts";
import { noise } from "../helpers/device.ts";
import { environment } from "../helpers/environment.ts";

const test = suite("uniforms");

const open = async (cpu: boolean): Promise<Device> =>
  Device.open((await environment().gpu()).gpu, { traits: { cpu, winograd: false } });

test("up to 65,536 bytes that are read by fours, on a CPU adapter alone", async () => {
  for (const [cpu, shape, uniform] of [
    [true, [64, 256], true],
    [true, [64, 260], false],
    [true, [5, 7], false],
    [false, [64, 256], false],
  ] as const) {
    using d = await open(cpu);
    const [a, b] = [noise(shape[0] * shape[1], 1), noise(shape[1], 2)];
    using p = await d.compile(({ a, b }) => ({ y: add(a, b) }), { a: shape, b: [shape[1]] });
    p.run({ a, b });
    const { y } = await p.read();
    assert.equal(
      y,
      a.map((v, i) => v + b[i % shape[1]]!),
    );
    const reads = p.explain().dispatches[0]!.memory.filter((m) => m.access !== "read_write");
    assert.is(reads[0]!.uniform, uniform, `${shape}, ${cpu ? "CPU" : "GPU"}`);
  }
});

test("a variable's last elements, and new ones run after run", async () => {
  using d = await open(true);
  const v = new Variable([8], [1, 2, 3, 4, 5, 6, 7, 8], { name: "v" });
  using p = await d.compile(() => {
    const y = mul(v.value, 3);
    v.assign(add(v.value, 1));
    return { y };
  });
  for (const first of [1, 2]) {
    p.run();
    assert.equal(
      [...(await p.read()).y],
      Array.from({ length: 8 }, (_, i) => 3 * (first + i)),
    );
  }
});

test("an image alone, a uniform, has the bits that it has in a batch that is none", async () => {
  using d = await open(true);
  const [h, c, k] = [12, 16, 8];
  const x = noise(8 * h * h * c, 3);
  const w = noise(9 * c * k, 4);
  const of = async (n: number): Promise<TypedArray> => {
    using p = await d.compile(({ x, w }) => ({ y: conv2d(x, w, { pad: 1 }) }), { x: [n, h, h, c], w: [3, 3, c, k] });
    p.run({ x: x.subarray(0, n * h * h * c), w });
    const [image] = p.explain().dispatches[0]!.memory;
    assert.is(image!.uniform, n === 1);
    return (await p.read()).y;
  };
  assert.equal(await of(1), (await of(8)).slice(0, h * h * k));
});

test("layers of one shader share a pipeline, and few of them have their own for their uniforms", async () => {
  using d = await open(true);
  const sizes = [32, 16, 12, 8];
  const images = Object.fromEntries(sizes.map((n) => [`x${n}`, [4, n, n, 16]]));
  using p = await d.compile(
    (given) => Object.fromEntries(sizes.map((n) => [`y${n}`, conv2d(given[`x${n}`]!, given.w!, { pad: 1 })])),
    { ...images, w: [3, 3, 16, 8] } as Record<string, number[]>,
  );
  const reads = p
    .explain()
    .dispatches.slice(0, sizes.length)
    .map((e) => e.memory.slice(0, 2).map((m) => m.uniform));
  // One image is too large: it shares what all have, the filter. The others are several.
  assert.equal(reads, [[false, true], ...[1, 2, 3].map(() => [true, true])]);
  assert.is(p.stats().pipelines, 3); // two, and the status word
});

test.run();
