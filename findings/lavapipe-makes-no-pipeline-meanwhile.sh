#!/usr/bin/env bash
# While a device's queue compiles a pipeline for its first dispatch, the same device can make no other: the call waits.
# Versions: npm webgpu 0.6.2 (Dawn) on Mesa 25.0.7 lavapipe.
# One would guess: submits are asynchronous, and making a pipeline takes what its own translation takes, a few
#   milliseconds, whatever the queue does at the time.
# Seen: lavapipe compiles in the queue's thread at the first dispatch, and holds a lock of the device meanwhile that
#   making a pipeline needs too. createComputePipeline of a trivial kernel, called right after the submit of a long
#   one, returns when that is compiled. Another device of the same adapter makes it in milliseconds.
# A tool should: make all pipelines before the first submit, or on a device whose queue has nothing to compile; to
#   compile several at a time, take a device for each core, and let none make its next one ahead.
source "$(dirname "$0")/setup.bash"
driver lavapipe
npm_packages webgpu@0.6.2
export MESA_SHADER_CACHE_DISABLE=true
cat >seen.mjs <<'JS'
import { create, globals } from "webgpu";
Object.assign(globalThis, globals);
globalThis.gpu = create([]); // kept until the process ends
const HEAD = `
  @group(0) @binding(0) var<storage, read_write> y : array<vec4f>;
  @compute @workgroup_size(8) fn main(@builtin(global_invocation_id) id : vec3u)`;
const long = `${HEAD} { for (var j = 0u; j < min(32u, id.x); j += 1u) { y[id.x * 32u + j] = vec4f(f32(j)); } }`;
const trivial = `${HEAD} { y[id.x] = vec4f(1.0); }`;
const open = async () => (await gpu.requestAdapter()).requestDevice();
const make = (device, code) =>
  device.createComputePipeline({ layout: "auto", compute: { module: device.createShaderModule({ code }) } });
const [device, other] = [await open(), await open()];
for (const d of [device, other]) make(d, `${HEAD} { y[id.x] = vec4f(2.0); }`); // what is made once
const pipeline = make(device, long);
const buffer = device.createBuffer({ size: 65536, usage: GPUBufferUsage.STORAGE });
const encoder = device.createCommandEncoder();
const pass = encoder.beginComputePass();
pass.setPipeline(pipeline);
const entries = [{ binding: 0, resource: { buffer } }];
pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
pass.dispatchWorkgroups(1);
pass.end();
const began = performance.now();
device.queue.submit([encoder.finish()]);
const submitMs = performance.now() - began;
const took = (d) => {
  const from = performance.now();
  make(d, trivial);
  return performance.now() - from;
};
const otherMs = took(other);
const sameMs = took(device);
const idleMs = took(device);
const told = { submitMs, otherMs, sameMs, idleMs };
console.error(Object.entries(told).map(([name, ms]) => `  ${name} ${ms.toFixed(0)}`).join(""));
console.log([submitMs, otherMs, sameMs].map((ms) => (ms > sameMs / 3 ? "long" : "short")).join(" "));
process.exit(0);
JS
echo "a submit that compiles; a pipeline made meanwhile on another device, on the same one"
expect "seen" "$(node seen.mjs 2>seen.log || cat seen.log)" "short short long"
tail -n 1 seen.log
exit $failed
