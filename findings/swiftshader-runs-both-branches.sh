#!/usr/bin/env bash
# A branch that a whole workgroup does not take costs as much as one that it takes.
# Versions: npm webgpu 0.6.2 (Dawn) on SwiftShader 5.0.0, of Debian's chromium 156; on Mesa 25.0.7 lavapipe it costs nothing.
# One would guess: what depends on the workgroup's number is jumped over, as on GPUs and by every compiler for processors.
# Seen: `if (group.x == 0) { a } else { b }` over two workgroups takes about as long as `a` and `b` one after the other in
#   each, twice the time of a dispatch of a alone; both sides run, with their lanes off. A loop's body runs once more than
#   it should instead. lavapipe jumps.
# A tool should: not join kernels into one behind such a branch to save dispatches there, and take a `select` of values
#   where both sides are cheap: the branch saves nothing.
source "$(dirname "$0")/setup.bash"
npm_packages webgpu@0.6.2
cat >branch.mjs <<'JS'
import { create, globals } from "webgpu";
import { timed } from "./timed.mjs";
Object.assign(globalThis, globals);
globalThis.gpu = create([]); // kept until the process ends
const device = await (await gpu.requestAdapter()).requestDevice();
const GROUPS = 256;
const body = (seed) => Array.from({ length: 400 }, (_, i) => `v = v * ${seed + i}.5 + v.yzwx;`).join("\n");
const pipelineOf = (statements) => {
  const code = `@group(0) @binding(0) var<storage, read_write> y : array<vec4f>;
    @compute @workgroup_size(64) fn main(@builtin(workgroup_id) group : vec3u, @builtin(global_invocation_id) id : vec3u) {
      var v = y[id.x];
      ${statements}
      y[id.x] = v;
    }`;
  return device.createComputePipeline({ layout: "auto", compute: { module: device.createShaderModule({ code }) } });
};
const { STORAGE, COPY_SRC } = GPUBufferUsage;
const y = device.createBuffer({ size: 16 * 64 * GROUPS, usage: STORAGE | COPY_SRC });
const timeOf = (pipeline) =>
  timed(device, pipeline, [y], (pass) => {
    for (let i = 0; i < 20; i++) pass.dispatchWorkgroups(GROUPS);
  });
const one = pipelineOf(body(1));
const branch = pipelineOf(`if (group.x < ${GROUPS / 2}u) { ${body(1)} } else { ${body(500)} }`);
const ratios = [];
for (let round = 0; round < 12; round++) ratios.push((await timeOf(branch)) / (await timeOf(one)));
const ratio = ratios.slice(1).sort((a, b) => a - b)[5];
console.error(`  a branch between two bodies takes ${ratio.toFixed(2)} times one body's time`);
console.log(ratio > 1.4 ? "both sides run" : "one side runs");
process.exit(0);
JS
for wanted in "swiftshader both sides run" "lavapipe one side runs"; do
  driver "${wanted%% *}"
  expect "${wanted%% *}" "$(node branch.mjs 2>branch.log || cat branch.log)" "${wanted#* }"
  tail -n 1 branch.log
done
exit $failed
