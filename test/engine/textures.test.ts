// Textures and images of a caller's in and out, without a way through the CPU.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type Device,
  ShapeError,
  TextureReader,
  TextureWriter,
  UsageError,
  conv2d,
  imageTexture,
  sigmoid,
} from "../../engine/index.ts";
import { noise, openDevice, tensor } from "../helpers/device.ts";
import { copiedBytes, valuesOf } from "../helpers/gpu-buffers.ts";
import { refused } from "../helpers/refused.ts";

const test = suite("textures");

let device: Device;
let gpu: GPUDevice;
test.before(async () => {
  device = await openDevice();
  gpu = device.gpu.device;
});
test.after(() => device.dispose());

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
  const copy = (encoder: GPUCommandEncoder, buffer: GPUBuffer): void =>
    encoder.copyTextureToBuffer({ texture }, { buffer, bytesPerRow }, [W, H]);
  const all = new Uint8Array(await copiedBytes(gpu, bytesPerRow * H, copy));
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
  const read = await valuesOf(gpu, rgb.buffer);
  read.forEach((v, i) => {
    const byte = bytes[4 * Math.floor(i / 3) + (i % 3)]!;
    assert.ok(Math.abs(v - (2 * byte) / 255 + 1) < 1e-5, `number ${i}`);
  });
  assert.equal(await valuesOf(gpu, whole.buffer), [...numbers]);
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
  await refused(() => reader.encode(encoder, made([W, H], "rgba8unorm")), /was disposed/, UsageError);
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
    const [r, g, b] = await valuesOf(gpu, reader.buffer);
    assert.ok(
      Math.abs(r! - 1) < 0.02 && Math.abs(g!) < 0.02 && Math.abs(b! - 0.2) < 0.02,
      `${source.constructor.name}: ${r} ${g} ${b}`,
    );
  }
  frame.close();
});

test.run();
