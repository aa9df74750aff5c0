#!/usr/bin/env bash
# A pipeline constant of 1.5 is taken for an integer without a word, where −1 and 2³³ are refused.
# Versions: npm webgpu 0.6.2 (Dawn) on Mesa 25.0.7 lavapipe.
# One would guess: "override N : u32" refuses 1.5, as it refuses what u32 can't hold; dispatchWorkgroups(1.7) is a
#   TypeError.
# Seen: N = 1.5 is 1, N = −1 is a validation error; dispatchWorkgroups(1.7) runs one workgroup; buffers of 17.9 bytes
#   have 17.
# A tool should: check that tile sizes and counts are whole before it hands them over: n / tile without a ceiling
#   leaves the last tile out, and nothing says so.
source "$(dirname "$0")/setup.bash"
driver lavapipe
npm_packages webgpu@0.6.2
cat >seen.mjs <<'JS'
import { device, name } from "./wgsl.mjs";
import { report } from "./report.mjs";
console.log(name);
const code = `override N : u32;
  @group(0) @binding(0) var<storage, read_write> y : array<u32>;
  @compute @workgroup_size(1) fn main(@builtin(workgroup_id) id : vec3u) { y[id.x] = N; }`;
const module = device.createShaderModule({ code });
async function attempt(N) {
  device.pushErrorScope("validation");
  const pipeline = device.createComputePipeline({ layout: "auto", compute: { module, constants: { N } } });
  if ((await device.popErrorScope()) !== null) {
    return "refused";
  }
  const { COPY_DST, COPY_SRC, MAP_READ, STORAGE } = GPUBufferUsage;
  const buffer = device.createBuffer({ size: 8, usage: STORAGE | COPY_SRC });
  const read = device.createBuffer({ size: 8, usage: MAP_READ | COPY_DST });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  const layout = pipeline.getBindGroupLayout(0);
  pass.setBindGroup(0, device.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer } }] }));
  pass.dispatchWorkgroups(1.7);
  pass.end();
  encoder.copyBufferToBuffer(buffer, 0, read, 0, 8);
  device.queue.submit([encoder.finish()]);
  await read.mapAsync(GPUMapMode.READ);
  return [...new Uint32Array(read.getMappedRange())];
}
report([
  ["N = 1.5, 1.7 workgroups: two words", await attempt(1.5), [1, 0]],
  ["N = -1", await attempt(-1), "refused"],
  ["N = 2^33", await attempt(2 ** 33), "refused"],
  ["size of a buffer of 17.9 bytes", device.createBuffer({ size: 17.9, usage: GPUBufferUsage.COPY_DST }).size, 17],
]);
JS
node seen.mjs
