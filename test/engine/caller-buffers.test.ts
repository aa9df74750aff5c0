// The engine in another program's GPU work: its buffers and textures in and out, its command encoder, and its device,
// whose errors and handlers stay its own.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  Device,
  GpuValidationError,
  ShapeError,
  TextureReader,
  TextureWriter,
  UsageError,
  Variable,
  add,
  cast,
  conv2d,
  hostInput,
  imageTexture,
  mul,
  sigmoid,
  sum,
} from "../../engine/index.ts";
import { environment } from "../helpers/environment.ts";
import { noise, openDevice, tensor } from "../helpers/device.ts";
import { refused } from "../helpers/refused.ts";

const test = suite("caller's buffers");

let device: Device;
let gpu: GPUDevice;
test.before(async () => {
  device = await openDevice();
  gpu = device.gpu.device;
});
test.after(() => device.dispose());

const { COPY_SRC, COPY_DST, MAP_READ, STORAGE } = {
  COPY_SRC: 4,
  COPY_DST: 8,
  MAP_READ: 1,
  STORAGE: 128,
};
/** A buffer with these numbers. */
function bufferOf(data: Float32Array, usage = COPY_SRC | COPY_DST, on = gpu): GPUBuffer {
  const buffer = on.createBuffer({ size: data.byteLength, usage: usage | COPY_DST });
  on.queue.writeBuffer(buffer, 0, data as Float32Array<ArrayBuffer>);
  return buffer;
}
const empty = (floats: number): GPUBuffer =>
  gpu.createBuffer({ size: 4 * floats, usage: STORAGE | COPY_SRC | COPY_DST });
/** What a buffer holds. */
const valuesOf = async (buffer: GPUBuffer): Promise<number[]> => {
  const staging = gpu.createBuffer({ size: buffer.size, usage: MAP_READ | COPY_DST });
  const encoder = gpu.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, staging, 0, buffer.size);
  gpu.queue.submit([encoder.finish()]);
  await staging.mapAsync(MAP_READ);
  const values = [...new Float32Array(staging.getMappedRange())];
  staging.destroy();
  return values;
};
const doubled = () => device.compile(({ x }) => ({ y: mul(x, 2), s: sum(x) }), { x: [2, 2] }, { name: "doubled" });

test("a run takes the caller's buffer, whole or a part of it, beside numbers", async () => {
  using program = await device.compile(({ x, b }) => ({ y: add(mul(x, 2), b) }), { x: [3], b: [3] });
  const whole = bufferOf(Float32Array.of(1, 2, 3, 0)); // sizes are rounded up
  const large = bufferOf(Float32Array.of(9, 9, 4, 5, 6, 9, 9, 9));
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
  const x = bufferOf(Float32Array.of(1, 2, 3, 4));
  const small = bufferOf(Float32Array.of(1, 2));
  const sealed = gpu.createBuffer({ size: 16, usage: STORAGE });
  const mapped = gpu.createBuffer({ size: 16, usage: COPY_SRC, mappedAtCreation: true });
  const wrong: [unknown, RegExp, Parameters<typeof refused>[2]][] = [
    [small, /input "x": f32\[2, 2\] takes 16 bytes, the buffer has 8; /, ShapeError],
    [bufferOf(new Float32Array(9)), /takes 16 bytes, the buffer has 36; give a part of a larger buffer/, ShapeError],
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
  const [x, once, twice, sums] = [bufferOf(Float32Array.of(1, 2, 3, 4)), empty(4), empty(4), empty(1)];
  const encoder = gpu.createCommandEncoder();
  program.encode(encoder, { x }, { into: { y: once } });
  program.encode(encoder, { x: once }, { into: { y: twice, s: { buffer: sums, offset: 0 } } });
  assert.equal(await valuesOf(twice), [0, 0, 0, 0]); // nothing is submitted yet
  gpu.queue.submit([encoder.finish()]);
  assert.equal(await valuesOf(once), [2, 4, 6, 8]);
  assert.equal(await valuesOf(twice), [4, 8, 12, 16]);
  assert.equal(await valuesOf(sums), [20]);
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
  program.encode(encoder, { x: bufferOf(new Float32Array(2000).fill(3)) });
  gpu.queue.submit([encoder.finish()]);
  assert.is((await program.read("s")).s[0], 2000);
  await refused(() => program.read("y"), /output "y" was overwritten by a run that was encoded since/, UsageError);
  program.run({ x: new Float32Array(2000).fill(5) });
  assert.is((await program.read()).y[0], 10);
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
  const [x, y] = [bufferOf(Float32Array.of(1, 1)), empty(2)];
  const encoder = gpu.createCommandEncoder();
  program.encode(encoder, { x }, { into: { y } });
  gpu.queue.submit([encoder.finish()]);
  assert.equal(await valuesOf(y), [3, 4]);
});

const [W, H] = [20, 12];
/** A texture with one number a texel, or four bytes. */
function textureOf(format: GPUTextureFormat, texels: Float32Array | Uint8Array | Uint16Array): GPUTexture {
  const usage = GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_DST;
  const texture = gpu.createTexture({ size: [W, H], format, usage });
  const bytesPerRow = texels.byteLength / H;
  gpu.queue.writeTexture({ texture }, texels as Float32Array<ArrayBuffer>, { bytesPerRow }, [W, H]);
  return texture;
}
/** The bytes of a texture. */
async function texelsOf(texture: GPUTexture, bytesPerTexel: number): Promise<Uint8Array> {
  const bytesPerRow = 256 * Math.ceil((W * bytesPerTexel) / 256);
  const staging = gpu.createBuffer({ size: bytesPerRow * H, usage: MAP_READ | COPY_DST });
  const encoder = gpu.createCommandEncoder();
  encoder.copyTextureToBuffer({ texture }, { buffer: staging, bytesPerRow }, [W, H]);
  gpu.queue.submit([encoder.finish()]);
  await staging.mapAsync(MAP_READ);
  const all = new Uint8Array(staging.getMappedRange().slice(0));
  staging.destroy();
  const rows = Array.from({ length: H }, (_, y) => [
    ...all.slice(y * bytesPerRow, y * bytesPerRow + W * bytesPerTexel),
  ]);
  return Uint8Array.from(rows.flat());
}
const target = (format: GPUTextureFormat): GPUTexture =>
  gpu.createTexture({ size: [W, H], format, usage: GPUTextureUsage.STORAGE_BINDING | GPUTextureUsage.COPY_SRC });

test("a texture goes in and the mask is drawn into another, without one mapAsync or submit of ours", async () => {
  const weights = tensor(noise(9, 2), [3, 3, 1, 1]);
  const f = (x: Parameters<typeof conv2d>[0]) => sigmoid(conv2d(x, weights, { pad: 1 }));
  using program = await device.compile(({ x }) => ({ mask: f(x) }), { x: [1, H, W, 1] });
  const image = noise(W * H, 1);
  program.run({ x: image });
  const want = (await program.read()).mask;
  using reader = await TextureReader.create(device, [1, H, W, 1], { format: "r32float" });
  using writer = await TextureWriter.create(device, [1, H, W, 1], { format: "rgba8unorm" });
  const [from, to] = [textureOf("r32float", image), target("rgba8unorm")];
  const submits = device.counters.totalSubmits;
  let maps = 0;
  const { prototype } = Object.getPrototypeOf(writer.buffer).constructor as { prototype: GPUBuffer };
  const { mapAsync } = prototype;
  prototype.mapAsync = function (...args) {
    maps++;
    return mapAsync.apply(this, args);
  };
  const encoder = gpu.createCommandEncoder();
  reader.encode(encoder, from);
  program.encode(encoder, { x: reader.buffer }, { into: { mask: writer.buffer } });
  writer.encode(encoder, to);
  gpu.queue.submit([encoder.finish()]);
  await gpu.queue.onSubmittedWorkDone();
  prototype.mapAsync = mapAsync;
  assert.is(maps, 0);
  assert.is(device.counters.totalSubmits, submits);
  const texels = await texelsOf(to, 4);
  want.forEach((p, i) => {
    for (let c = 0; c < 3; c++) assert.ok(Math.abs(texels[4 * i + c]! - 255 * p) <= 0.51, `texel ${i}`);
    assert.is(texels[4 * i + 3], 255);
  });
});

test("texels are read by format and channels, scaled, and written as such", async () => {
  const bytes = Uint8Array.from({ length: 4 * W * H }, (_, i) => (i * 37) % 256);
  const scaled = { scale: 2, offset: -1 };
  using rgb = await TextureReader.create(device, [1, H, W, 3], { format: "rgba8unorm", ...scaled });
  using whole = await TextureReader.create(device, [1, H, W, 1], { format: "r16uint" });
  using writer = await TextureWriter.create(device, [1, H, W, 3], { format: "rgba8unorm", scale: 0.5, offset: 0.5 });
  using floats = await TextureWriter.create(device, [1, H, W, 1], { format: "r32float", ...scaled });
  const numbers = Uint16Array.from({ length: W * H }, (_, i) => 3 * i);
  const [picture, copy, plane] = [textureOf("rgba8unorm", bytes), target("rgba8unorm"), target("r32float")];
  const encoder = gpu.createCommandEncoder();
  rgb.encode(encoder, picture);
  whole.encode(encoder, textureOf("r16uint", numbers));
  encoder.copyBufferToBuffer(rgb.buffer, 0, writer.buffer, 0, rgb.buffer.size);
  encoder.copyBufferToBuffer(whole.buffer, 0, floats.buffer, 0, whole.buffer.size);
  writer.encode(encoder, copy);
  floats.encode(encoder, plane);
  gpu.queue.submit([encoder.finish()]);
  const read = await valuesOf(rgb.buffer);
  read.forEach((v, i) => {
    const byte = bytes[4 * Math.floor(i / 3) + (i % 3)]!;
    assert.ok(Math.abs(v - (2 * byte) / 255 + 1) < 1e-5, `number ${i}`);
  });
  assert.equal(await valuesOf(whole.buffer), [...numbers]);
  const back = await texelsOf(copy, 4);
  for (let i = 0; i < bytes.length; i++) assert.is(back[i], i % 4 === 3 ? 255 : bytes[i], `byte ${i}`);
  const written = new Float32Array((await texelsOf(plane, 4)).buffer);
  assert.equal(
    [...written],
    [...numbers].map((n) => 2 * n - 1),
  );
});

test("textures of another size, format or usage are refused, and buffers go with what made them", async () => {
  const before = { ...device.counters };
  const reader = await TextureReader.create(device, [1, H, W, 1], { format: "rgba8unorm" });
  const encoder = gpu.createCommandEncoder();
  const usage = GPUTextureUsage.TEXTURE_BINDING;
  const made = (size: readonly number[], format: GPUTextureFormat, used = usage): GPUTexture =>
    gpu.createTexture({ size: [...size], format, usage: used });
  const wrong = /read-texture: /;
  await refused(
    () => reader.encode(encoder, made([H, W], "rgba8unorm")),
    /the texture is 12 × 20, .* is 20 × 12/,
    ShapeError,
  );
  await refused(
    () => reader.encode(encoder, made([W, H], "r8unorm")),
    /is r8unorm, this was made for rgba8unorm/,
    UsageError,
  );
  await refused(() => reader.encode(encoder, target("rgba8unorm")), /GPUTextureUsage\.TEXTURE_BINDING/, UsageError);
  await refused(() => TextureReader.create(device, [2, H, W, 1], { format: "r8unorm" }), wrong, ShapeError);
  await refused(() => TextureReader.create(device, [1, H, W, 5], { format: "r8unorm" }), wrong, ShapeError);
  await refused(
    () => TextureWriter.create(device, [1, H, W, 1], { format: "r8unorm" as never }),
    /format is "r8unorm"/,
    ShapeError,
  );
  reader.dispose();
  reader.dispose();
  assert.is(device.counters.buffers, before.buffers);
  assert.is(device.counters.bytes, before.bytes);
});

test("an image of the page is read without leaving the GPU", async () => {
  if (typeof OffscreenCanvas === "undefined") return; // a page alone has images
  const canvas = new OffscreenCanvas(W, H);
  const context = canvas.getContext("2d")!;
  context.fillStyle = "rgb(255, 0, 51)";
  context.fillRect(0, 0, W, H);
  const pixels = context.getImageData(0, 0, W, H).data;
  const frame = new VideoFrame(pixels, { format: "RGBX", codedWidth: W, codedHeight: H, timestamp: 0 });
  // Chromium on SwiftShader takes no frame as it is: a bitmap of it is one of its pixels.
  for (const source of [await createImageBitmap(canvas), canvas, await createImageBitmap(frame)]) {
    using reader = await TextureReader.create(device, [1, H, W, 3], { format: "rgba8unorm" });
    const texture = imageTexture(device, source);
    const encoder = gpu.createCommandEncoder();
    reader.encode(encoder, texture);
    gpu.queue.submit([encoder.finish()]);
    texture.destroy();
    const [r, g, b] = await valuesOf(reader.buffer);
    assert.ok(
      Math.abs(r! - 1) < 0.02 && Math.abs(g!) < 0.02 && Math.abs(b! - 0.2) < 0.02,
      `${source.constructor.name}: ${r} ${g} ${b}`,
    );
  }
  frame.close();
});

test("a device that was lent keeps its errors, its handlers and its life", async () => {
  const adapter = (await (await environment().gpu()).gpu.requestAdapter())!;
  const lent = await adapter.requestDevice();
  const heard: string[] = [];
  const handler = (event: GPUUncapturedErrorEvent): void => {
    event.preventDefault();
    heard.push(event.error.message);
  };
  lent.onuncapturederror = handler;
  const own = await Device.open(lent);
  using program = await own.compile(({ x }) => ({ y: mul(x, 2) }), { x: [4] });
  assert.is(lent.onuncapturederror, handler);
  const settled = (): Promise<unknown> =>
    lent.queue.onSubmittedWorkDone().then(() => new Promise((r) => setTimeout(r, 20)));
  // An error of the caller's: theirs to hear, not ours to throw.
  lent.createBuffer({ size: 16, usage: 0xffff, label: "the caller's mistake" });
  await settled();
  assert.is(heard.length, 1);
  program.run({ x: [1, 2, 3, 4] });
  assert.equal([...(await program.read()).y], [2, 4, 6, 8]);
  // An error in a run of ours: ours to throw, not theirs to hear.
  const gone = bufferOf(Float32Array.of(1, 2, 3, 4), COPY_SRC, lent);
  gone.destroy();
  program.run({ x: gone });
  await refused(() => program.read(), /./, GpuValidationError);
  await settled();
  assert.is(heard.length, 1, heard.join("\n"));
  program.run({ x: [1, 1, 1, 1] });
  assert.equal([...(await program.read()).y], [2, 2, 2, 2]);
  let isLost = false;
  void lent.lost.then(() => (isLost = true));
  own.dispose();
  await settled();
  assert.not.ok(isLost);
  lent.pushErrorScope("validation");
  lent.createBuffer({ size: 16, usage: COPY_DST }).destroy();
  assert.is(await lent.popErrorScope(), null);
  lent.destroy();
});

test.run();
