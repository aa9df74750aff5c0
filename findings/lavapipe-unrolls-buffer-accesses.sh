#!/usr/bin/env bash
# A loop of a known length over a store compiles many times as long as the same loop from a start that is not known.
# Versions: npm webgpu 0.6.2 (Dawn) on Mesa 25.0.7 lavapipe (LLVM 15, 256 bits).
# One would guess: an access of a buffer is a few instructions; a loop of 32 turns is the better known, the better.
# Seen: a vec4 that each lane loads or stores at an index of its own is some hundred basic blocks of LLVM, lane by lane
#   and component by component. Mesa unrolls loops of known length, epilogue and all; min(32, n) is such a length, for
#   the most of turns is known. The kernel below then takes 0.7 s to its first run; where the same loop begins
#   at an id it is a loop in the machine code as well, and takes under a tenth of that.
# A tool should: on a CPU adapter write loops over stores (and over loads that are not the hot ones) from a start that
#   only the invocation knows, `for (j = p; j < min(p + 32u, end); …)`, and take values in them by j − p.
source "$(dirname "$0")/setup.bash"
driver lavapipe
npm_packages webgpu@0.6.2
export MESA_SHADER_CACHE_DISABLE=true
cat >seen.mjs <<'JS'
import { create, globals } from "webgpu";
import { timed } from "./timed.mjs";
Object.assign(globalThis, globals);
globalThis.gpu = create([]); // kept until the process ends
const codeOf = (loop, j) => `
  @group(0) @binding(0) var<storage, read_write> y : array<vec4f>;
  @group(0) @binding(1) var<storage, read> x : array<vec4f>;
  @compute @workgroup_size(8) fn main(@builtin(global_invocation_id) id : vec3u) {
    let p = id.x * 32u;
    let end = u32(x[0].x);
    for (${loop}) { y[p + ${j}] = x[${j}] * f32(${j}); }
  }`;
const device = await (await gpu.requestAdapter()).requestDevice();
const { STORAGE, COPY_SRC } = GPUBufferUsage;
const buffers = [STORAGE | COPY_SRC, STORAGE].map((usage) => device.createBuffer({ size: 16384, usage }));
const firstMs = async (code) => {
  const compute = { module: device.createShaderModule({ code }) };
  const pipeline = await device.createComputePipelineAsync({ layout: "auto", compute });
  return timed(device, pipeline, buffers, (pass) => pass.dispatchWorkgroups(1));
};
await firstMs(codeOf("var j = 0u; j < end; j += 1u", "j"));
const known = await firstMs(codeOf("var j = 0u; j < min(32u, end); j += 1u", "j"));
const unknown = await firstMs(codeOf("var j = p; j < min(p + 32u, end); j += 1u", "(j - p)"));
console.error(`  min(32, end) from 0: ${known.toFixed(0)} ms, from p: ${unknown.toFixed(0)} ms`);
console.log(known > 4 * unknown ? "over four times" : `${(known / unknown).toFixed(1)} times`);
process.exit(0);
JS
expect "first run of the loop of known length" "$(node seen.mjs 2>seen.log || cat seen.log)" "over four times"
tail -n 1 seen.log
exit $failed
