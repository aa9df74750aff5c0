// What is read as texels, from copies in storage textures: which bindings, from when on, and with the same bits.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Device, type TypedArray, add, conv2d, grad, instanceNorm, mul, relu, sum } from "../../engine/index.ts";
import type { Memory } from "../../engine/fuse/memory.ts";
import { bringLlvmpipe } from "../../engine/run/bring-llvmpipe.ts";
import { Textures } from "../../engine/plan/texels.ts";
import { Variable } from "../../engine/variable.ts";
import { readTexels, canReadTexels } from "../../engine/wgsl/texels.ts";
import type { Traits } from "../../kernels/kernel.ts";
import { noise } from "../helpers/device.ts";
import { environment } from "../helpers/environment.ts";

const test = suite("texels");
bringLlvmpipe(); // as openNodeGpu does: a page is without them

const open = async (traits: Partial<Traits> = { cpu: true, texels: true, winograd: false }): Promise<Device> =>
  Device.open((await environment().gpu()).gpu, { traits });

test("what is read by fours is, where the adapter has the trait, it is not small, and nothing else reads it", async () => {
  for (const [texels, shape, expected] of [
    [true, [256, 256], true],
    [true, [64, 16], false],
    [true, [255, 257], false],
    [false, [256, 256], false],
  ] as const) {
    using d = await open({ cpu: true, texels });
    const [a, b] = [noise(shape[0] * shape[1], 1), noise(shape[1], 2)];
    using p = await d.compile(({ a, b }) => ({ y: add(a, b) }), { a: shape, b: [shape[1]] });
    p.run({ a, b });
    const { y } = await p.read();
    assert.equal(
      y,
      a.map((v, i) => v + b[i % shape[1]]!),
    );
    const reads = p.explain().dispatches[0]!.memory.filter((m) => m.access !== "read_write");
    assert.is(reads[0]!.texels, expected, `${shape}, ${texels}`);
  }
});

test("a small product's factors are, for a load of a buffer takes long to compile; what a map reads is not", async () => {
  using d = await open();
  using p = await d.compile(({ x, w }) => ({ y: conv2d(x, w, { pad: 1 }) }), { x: [1, 12, 12, 8], w: [3, 3, 8, 8] });
  const reads = p.explain().dispatches[0]!.memory.filter((m) => m.access !== "read_write");
  assert.equal(
    reads.map((m) => m.texels),
    [true, true],
  );
  // One dispatch of a text that is a product is enough, whichever comes first.
  const sizes = { small: [1, 5, 6, 8], large: [1, 12, 14, 8], w: [1, 3, 8, 8] };
  for (const order of [
    ["small", "large"],
    ["large", "small"],
  ] as const) {
    using both = await d.compile(
      (t) => Object.fromEntries(order.map((name) => [name, conv2d(t[name]!, t.w!)])),
      sizes,
      { horizontal: false },
    );
    const texels = both.explain().dispatches.map((e) => e.memory.filter((m) => m.texels).length);
    assert.is(texels.filter((n) => n === 2).length, 2, `${order}: ${texels}`);
  }
  using q = await d.compile(({ x }) => ({ y: mul(x, x) }), { x: [1, 12, 12, 8] });
  assert.not(q.explain().dispatches[0]!.memory.some((m) => m.texels));
});

/** Losses of three steps of a small network and its gradients, in which copies are used again, and are out of date. */
async function steps(traits: Partial<Traits>): Promise<{ values: TypedArray[]; texels: number }> {
  using d = await open(traits);
  const w = new Variable([3, 3, 8, 8], noise(9 * 64, 5), { name: "w" });
  using p = await d.compile(
    ({ x }) => {
      const y = relu(instanceNorm(conv2d(x, w.value, { pad: 1 })));
      const z = conv2d(mul(y, y), w.value, { pad: 1, stride: 2 });
      const loss = sum(mul(z, z));
      const [dw] = grad(loss, [w.value]);
      w.assign(add(w.value, mul(-1e-4, dw!)));
      return { loss, dw: dw! };
    },
    { x: [4, 32, 32, 8] },
    { mode: "train" },
  );
  const values: TypedArray[] = [];
  for (const seed of [1, 2, 3]) {
    p.run({ x: noise(4 * 1024 * 8, seed) });
    const { loss, dw } = await p.read();
    values.push(loss, dw);
  }
  const read = p.explain().dispatches.flatMap((e) => e.memory.filter((m) => m.texels));
  return { values, texels: read.length };
}

for (const winograd of [false, true])
  test(`a network's steps have the same bits with texels and without${winograd ? ", by Winograd" : ""}`, async () => {
    const [plain, texels] = [
      await steps({ cpu: true, texels: false, winograd }),
      await steps({ cpu: true, texels: true, winograd }),
    ];
    assert.is(plain.texels, 0);
    assert.ok(texels.texels >= (winograd ? 4 : 7), `${texels.texels}`);
    // How many sums a thread keeps follows from what it reads: not their order.
    texels.values.forEach((v, i) => assert.equal(v, plain.values[i]!));
  });

test("a variable is read as the run before left it", async () => {
  using d = await open();
  const n = 4096;
  const v = new Variable([n], new Float32Array(n).fill(1), { name: "v" });
  using p = await d.compile(() => {
    const y = mul(v.value, 3);
    v.assign(add(v.value, 1));
    return { y };
  });
  for (const value of [3, 6, 9]) {
    p.run();
    assert.equal((await p.read()).y, new Float32Array(n).fill(value));
  }
});

test("an image alone has the bits that it has in a batch", async () => {
  using d = await open();
  const [h, c, k] = [12, 16, 8];
  const x = noise(8 * h * h * c, 3);
  const w = noise(9 * c * k, 4);
  const of = async (n: number): Promise<TypedArray> => {
    using p = await d.compile(({ x, w }) => ({ y: conv2d(x, w, { pad: 1 }) }), { x: [n, h, h, c], w: [3, 3, c, k] });
    p.run({ x: x.subarray(0, n * h * h * c), w });
    return (await p.read()).y;
  };
  assert.equal(await of(1), (await of(8)).slice(0, h * h * k));
});

test("textures are counted, and given back with their program", async () => {
  using d = await open();
  const before = d.gpu.counters.bytes;
  const p = await d.compile(({ x }) => ({ y: relu(x) }), { x: [1, 64, 64, 8] });
  assert.ok(d.gpu.counters.bytes - before >= 2 * 64 * 64 * 8 * 4 + 64 * 64 * 8 * 4);
  p.dispose();
  assert.is(d.gpu.counters.bytes, before);
});

test("there are as many textures as a dispatch reads at most; a copy stays until its texture is taken for another", () => {
  const memory = (name: number, rows = 1): Memory => ({
    content: { scratch: name },
    offset: 0,
    bytes: rows * 16 * 256,
  });
  const dispatches = [
    [memory(1, 5), memory(2)],
    [memory(2), memory(3, 3), memory(3, 3)],
    [memory(4)],
    [memory(3, 3)],
    [memory(5, 4), memory(3, 3)],
    [],
  ].map((all) => all.map((m, binding) => ({ binding, access: "read" as const, memory: m })));
  const textures = new Textures(dispatches);
  assert.equal(textures.rows, [5, 3], "what is read twice is copied once");
  assert.equal(
    dispatches.map((reads) => {
      const taken = textures.take(reads);
      return reads.map(({ binding }) => taken.get(binding));
    }),
    [[0, 1], [1, 0, 0], [0], [1], [0, 1], []],
  );
  const tight = new Textures([[dispatches[0]![0]!, dispatches[0]![1]!]]);
  tight.take([dispatches[0]![1]!]); // in the large one, which the next needs for another
  assert.equal(
    [...tight.take(dispatches[0]!)],
    [
      [0, 0],
      [1, 1],
    ],
  );
});

test("elements become texels wherever a module reads them, comments and lines as they were", () => {
  const wgsl = `@group(0) @binding(0) var<storage, read> x : array<vec4<f32>>; // x[i]
fn f(i : u32) -> vec4<f32> { return x[i + u32(xs[2])] * x[min(k[0].x, 3u)][(i) & 3u]; } // as x[0, n)
`;
  assert.equal(
    readTexels(wgsl, [{ binding: 0, name: "x" }])
      .split("\n")
      .slice(0, 2),
    [
      "@group(0) @binding(0) var x : texture_storage_2d<rgba32float, read>; // x[i]",
      "fn f(i : u32) -> vec4<f32> { return textureLoad(x, texelAt(u32(i + u32(xs[2])))) * " +
        "textureLoad(x, texelAt(u32(min(k[0].x, 3u))))[(i) & 3u]; } // as x[0, n)",
    ],
  );
  assert.match(
    readTexels("y = a[u32(b[i].x)];", [
      { binding: 0, name: "a" },
      { binding: 1, name: "b" },
    ]),
    "textureLoad(a, texelAt(u32(u32(textureLoad(b, ",
  );
  assert.is(readTexels(wgsl, []), wgsl);
  assert.ok(canReadTexels("var<storage, read> x : array<vec4<f32>>;\nlet y = x[i.x]; // &x", "x"));
  assert.not.ok(canReadTexels("let y = x[\n  i];", "x"));
  assert.not.ok(canReadTexels("var<storage, read> x : array<F>;\nlet n = arrayLength(&x);", "x"));
});

test.run();
