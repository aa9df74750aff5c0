#!/usr/bin/env bash
# Reading one range of a buffer while writing another is an error; writing both is none.
# Versions: npm webgpu 0.6.2 (Dawn) on Mesa 25.0.7 lavapipe.
# One would guess: two ranges that don't overlap never conflict, or, if they do, two that are written rather than one
#   read and one written.
# Seen: bound as read and read_write in one dispatch: a validation error, whatever the ranges. Both bound as
#   read_write: none.
# A tool should: keep inputs and outputs of a dispatch in different buffers when it plans memory, or declare the input
#   read_write too; an arena for all tensors fails at the first op that reads and writes it.
source "$(dirname "$0")/setup.bash"
driver lavapipe
npm_packages webgpu@0.6.2
cat >seen.mjs <<'JS'
import { device, name } from "./wgsl.mjs";
import { report } from "./report.mjs";
console.log(name);
async function attempt(access) {
  const code = `
    @group(0) @binding(0) var<storage, read_write> y : array<u32>;
    @group(0) @binding(1) var<storage, ${access}> x : array<u32>;
    @compute @workgroup_size(1) fn main() { y[0] = x[0] + 1u; }`;
  const compute = { module: device.createShaderModule({ code }) };
  const pipeline = device.createComputePipeline({ layout: "auto", compute });
  const buffer = device.createBuffer({ size: 1024, usage: GPUBufferUsage.STORAGE });
  device.pushErrorScope("validation");
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  const range = (binding, offset) => ({ binding, resource: { buffer, offset, size: 256 } });
  const layout = pipeline.getBindGroupLayout(0);
  pass.setBindGroup(0, device.createBindGroup({ layout, entries: [range(0, 0), range(1, 512)] }));
  pass.dispatchWorkgroups(1);
  pass.end();
  device.queue.submit([encoder.finish()]);
  const error = await device.popErrorScope();
  console.log(`${access}: ${error?.message.split("\n")[0] ?? "no error"}`);
  return error !== null;
}
report([
  ["read beside read_write fails", await attempt("read"), true],
  ["read_write beside read_write fails", await attempt("read_write"), false],
]);
JS
node seen.mjs
