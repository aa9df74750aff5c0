#!/usr/bin/env bash
# After device.destroy() nearly everything still succeeds.
# Versions: npm webgpu 0.6.2 (Dawn) on Mesa 25.0.7 lavapipe.
# One would guess: calls on a destroyed device throw, reject or raise validation errors.
# Seen: createBuffer gives a buffer of the size asked for, writeBuffer returns, a shader module of the text "garbage"
#   has no messages, createComputePipelineAsync of it resolves, popErrorScope gives null for an invalid buffer and
#   onSubmittedWorkDone resolves. mapAsync alone rejects (AbortError).
# A tool should: count a step as done when a word that the step wrote has been mapped; listen to device.lost and make
#   every later read throw.
source "$(dirname "$0")/setup.bash"
driver lavapipe
npm_packages webgpu@0.6.2
cat >seen.mjs <<'JS'
import { device, name } from "./wgsl.mjs";
import { report } from "./report.mjs";
console.log(name);
device.destroy();
const { COPY_DST, COPY_SRC, MAP_READ, MAP_WRITE } = GPUBufferUsage;
const buffer = device.createBuffer({ size: 16, usage: COPY_DST | MAP_READ });
device.queue.writeBuffer(buffer, 0, new Uint8Array(16));
const module = device.createShaderModule({ code: "garbage" });
const messages = (await module.getCompilationInfo()).messages.length;
const outcome = (promise) => promise.then((value) => value?.constructor.name ?? String(value), (error) => error.name);
const pipeline = await outcome(device.createComputePipelineAsync({ layout: "auto", compute: { module } }));
device.pushErrorScope("validation");
device.createBuffer({ size: 16, usage: MAP_READ | MAP_WRITE });
report([
  ["size of a new buffer", buffer.size, 16],
  ["messages of a shader module of garbage", messages, 0],
  ["pipeline of it", pipeline, "GPUComputePipeline"],
  ["error scope around an invalid buffer", await outcome(device.popErrorScope()), "null"],
  ["onSubmittedWorkDone", await outcome(device.queue.onSubmittedWorkDone()), "undefined"],
  ["mapAsync", await outcome(buffer.mapAsync(GPUMapMode.READ)), "AbortError"],
  ["lost", (await device.lost).reason, "destroyed"],
]);
JS
node seen.mjs
