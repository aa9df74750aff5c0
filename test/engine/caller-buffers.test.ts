// The engine in another program's GPU work: its buffers in and out, and its command encoder.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Device, ShapeError, UsageError, Variable, add, cast, hostInput, mul, sum } from "../../engine/index.ts";
import { openDevice } from "../helpers/device.ts";
import { COPY_DST, COPY_SRC, STORAGE, bufferOf, valuesOf } from "../helpers/gpu-buffers.ts";
import { refused } from "../helpers/refused.ts";

const test = suite("caller's buffers");

let device: Device;
let gpu: GPUDevice;
test.before(async () => {
  device = await openDevice();
  gpu = device.gpu.device;
});
test.after(() => device.dispose());

const empty = (floats: number): GPUBuffer =>
  gpu.createBuffer({ size: 4 * floats, usage: STORAGE | COPY_SRC | COPY_DST });
const doubled = () => device.compile(({ x }) => ({ y: mul(x, 2), s: sum(x) }), { x: [2, 2] }, { name: "doubled" });

test("a run takes the caller's buffer, whole or a part of it, beside numbers", async () => {
  using program = await device.compile(({ x, b }) => ({ y: add(mul(x, 2), b) }), { x: [3], b: [3] });
  const whole = bufferOf(gpu, Float32Array.of(1, 2, 3, 0)); // sizes are rounded up
  const large = bufferOf(gpu, Float32Array.of(9, 9, 4, 5, 6, 9, 9, 9));
  program.run({ x: whole, b: [1, 1, 1] });
  assert.equal([...(await program.read()).y], [3, 5, 7]);
  program.run({ x: { buffer: large, offset: 8 }, b: whole });
  assert.equal([...(await program.read()).y], [9, 12, 15]);
  gpu.queue.writeBuffer(whole, 0, Float32Array.of(7, 7, 7));
  program.run({ x: whole, b: [0, 0, 0] });
  assert.equal([...(await program.read()).y], [14, 14, 14]);
});

test("whole numbers and halves are taken as the GPU stores them", async () => {
  using program = await device.compile(({ n }) => ({ y: add(cast(n, "f32"), 0.5) }), {
    n: { shape: [3], dtype: "i32" },
  });
  const buffer = gpu.createBuffer({ size: 12, usage: COPY_SRC | COPY_DST });
  gpu.queue.writeBuffer(buffer, 0, Int32Array.of(-1, 0, 70000));
  program.run({ n: buffer });
  assert.equal([...(await program.read()).y], [-0.5, 0.5, 70000.5]);
});

test("buffers that can't be used are refused with what is wrong of them", async () => {
  using program = await doubled();
  const x = bufferOf(gpu, Float32Array.of(1, 2, 3, 4));
  const small = bufferOf(gpu, Float32Array.of(1, 2));
  const sealed = gpu.createBuffer({ size: 16, usage: STORAGE });
  const mapped = gpu.createBuffer({ size: 16, usage: COPY_SRC, mappedAtCreation: true });
  const wrong: [unknown, RegExp, Parameters<typeof refused>[2]][] = [
    [small, /input "x": f32\[2, 2\] takes 16 bytes, the buffer has 8; /, ShapeError],
    [
      bufferOf(gpu, new Float32Array(9)),
      /takes 16 bytes, the buffer has 36; give a part of a larger buffer/,
      ShapeError,
    ],
    [{ buffer: x, offset: 4 }, /takes 16 bytes, the buffer has 12 from byte 4 on/, ShapeError],
    [{ buffer: x, offset: 2 }, /begins at byte 2 of its buffer; give a multiple of 4/, UsageError],
    [{ buffer: 7, offset: 0 }, /is no GPUBuffer/, UsageError],
    [sealed, /can't be copied; make it with GPUBufferUsage\.COPY_SRC/, UsageError],
    [mapped, /is mapped \(mapped\); unmap it before/, UsageError],
  ];
  const encoder = gpu.createCommandEncoder();
  for (const [given, message, Class] of wrong) {
    await refused(() => program.run({ x: given as GPUBuffer }), message, Class);
    await refused(() => program.encode(encoder, { x: given as GPUBuffer }), message, Class);
  }
  await refused(() => program.encode(encoder, { x }, { into: { y: sealed } }), /output "y".*COPY_DST/, UsageError);
  await refused(() => program.encode(encoder, { x }, { into: { y: small } }), /output "y": f32.* 16 bytes/, ShapeError);
  await refused(() => program.encode(encoder, { x }, { into: { z: x } as never }), /no output "z"/, UsageError);
  await refused(() => program.encode(encoder, {}), /input "x" .* is missing/, UsageError);
  await refused(() => program.encode(encoder, { x: [1, 2, 3, 4] } as never), /takes buffers alone/, UsageError);
  program.run({ x: [1, 2, 3, 4] });
  assert.equal([...(await program.read()).y], [2, 4, 6, 8]);
});

test("two runs in one submit of the caller's each have what stands there at their place", async () => {
  using program = await doubled();
  program.run({ x: [5, 5, 5, 5] });
  const submits = device.counters.totalSubmits;
  const [x, once, twice, sums] = [bufferOf(gpu, Float32Array.of(1, 2, 3, 4)), empty(4), empty(4), empty(1)];
  const encoder = gpu.createCommandEncoder();
  program.encode(encoder, { x }, { into: { y: once } });
  program.encode(encoder, { x: once }, { into: { y: twice, s: { buffer: sums, offset: 0 } } });
  assert.equal(await valuesOf(gpu, twice), [0, 0, 0, 0]); // nothing is submitted yet
  gpu.queue.submit([encoder.finish()]);
  assert.equal(await valuesOf(gpu, once), [2, 4, 6, 8]);
  assert.equal(await valuesOf(gpu, twice), [4, 8, 12, 16]);
  assert.equal(await valuesOf(gpu, sums), [20]);
  assert.is(device.counters.totalSubmits, submits);
  assert.is(program.stats().runs, 1);
  // What run() computed is still there to be read.
  assert.equal([...(await program.read()).y], [10, 10, 10, 10]);
});

test("a large output that an encoded run overwrote is not read as the latest run's", async () => {
  using program = await device.compile(({ x }) => ({ y: mul(x, 2), s: sum(x) }), { x: [2000] });
  program.run({ x: new Float32Array(2000).fill(1) });
  assert.is((await program.read()).y[0], 2);
  const encoder = gpu.createCommandEncoder();
  program.encode(encoder, { x: bufferOf(gpu, new Float32Array(2000).fill(3)) });
  gpu.queue.submit([encoder.finish()]);
  assert.is((await program.read("s")).s[0], 2000);
  await refused(() => program.read("y"), /output "y" was overwritten by a run that was encoded since/, UsageError);
  program.run({ x: new Float32Array(2000).fill(5) });
  assert.is((await program.read()).y[0], 10);
});

test("a large output that a later run overwrites while it is read is refused, not given as another's", async () => {
  using program = await device.compile(({ x }) => ({ y: mul(x, 2), s: sum(x) }), { x: [2000] });
  const ones = new Float32Array(2000).fill(1);
  program.run({ x: ones });
  const encoded = program.read("y");
  const encoder = gpu.createCommandEncoder();
  program.encode(encoder, { x: bufferOf(gpu, new Float32Array(2000).fill(3)) });
  gpu.queue.submit([encoder.finish()]);
  await refused(() => encoded, /output "y" was overwritten by a run that was encoded since/, UsageError);
  program.run({ x: ones });
  const again = program.read("y");
  program.run({ x: new Float32Array(2000).fill(5) });
  await refused(() => again, /output "y" was overwritten by a later run\(\) before it was read; await/, UsageError);
  assert.is((await program.read()).y[0], 10);
});

test("a wrong input leaves nothing in the caller's encoder", async () => {
  using program = await device.compile(({ a, b }) => ({ y: add(a, b) }), { a: [2], b: [2] });
  let copies = 0;
  const encoder = { copyBufferToBuffer: () => void copies++ } as unknown as GPUCommandEncoder;
  const right = bufferOf(gpu, Float32Array.of(1, 2));
  await refused(() => program.encode(encoder, { a: right }), /input "b" .* is missing/, UsageError);
  await refused(
    () => program.encode(encoder, { a: right, b: { buffer: empty(3), offset: 8 } }),
    /input "b".* 8 bytes/,
    ShapeError,
  );
  assert.is(copies, 0);
});

test("what only run() can do is refused: variables that change, and what the host feeds each run", async () => {
  const v = new Variable([1], [0], { name: "count" });
  using counting = await device.compile(() => {
    v.assign(add(v.value, 1));
    return {};
  });
  const fed = hostInput("rate", [1], () => [1]);
  using hosted = await device.compile(() => ({ y: add(fed, 1) }));
  const encoder = gpu.createCommandEncoder();
  await refused(
    () => counting.encode(encoder),
    /changes count, so it can't be encoded; give it to run\(\)/,
    UsageError,
  );
  await refused(() => hosted.encode(encoder), /is fed by the host in each run/, UsageError);
});

test("an encoded run follows variables to where they are", async () => {
  const v = new Variable([2], [1, 2], { name: "v" });
  using program = await device.compile(({ x }) => ({ y: mul(x, v.value) }), { x: [2] });
  device.write(v, [3, 4]);
  const [x, y] = [bufferOf(gpu, Float32Array.of(1, 1)), empty(2)];
  const encoder = gpu.createCommandEncoder();
  program.encode(encoder, { x }, { into: { y } });
  gpu.queue.submit([encoder.finish()]);
  assert.equal(await valuesOf(gpu, y), [3, 4]);
});

test.run();
