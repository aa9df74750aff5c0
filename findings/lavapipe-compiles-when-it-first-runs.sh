#!/usr/bin/env bash
# A pipeline whose promise has resolved is not compiled, and a dispatch over no workgroups compiles it.
# Versions: npm webgpu 0.6.2 (Dawn) on Mesa 25.0.7 lavapipe.
# One would guess: createComputePipelineAsync resolves once the driver has compiled, for that is what it is there for;
#   a dispatch that has no workgroups does nothing.
# Seen: LLVM works in the first dispatch of a pipeline: a kernel of 40 loads is made in a fraction of the time that its
#   first run takes, though that runs one invocation. dispatchWorkgroupsIndirect of zeros, which runs nothing, takes the
#   time as well, and the first run is quick then. Another device of the same process finds the code in Mesa's cache on
#   the disk, and without that cache compiles it again.
# A tool should: have each pipeline dispatched indirectly over no workgroups where it wants to tell, or to share among
#   threads, what compiling takes: on devices of their own several compile at a time; and leave a first run out of timings.
source "$(dirname "$0")/setup.bash"
driver lavapipe
npm_packages webgpu@0.6.2
unset MESA_SHADER_CACHE_DISABLE
export MESA_SHADER_CACHE_DIR=$PWD/cache
cat >first.mjs <<'JS'
import { create, globals } from "webgpu";
import { timed } from "./timed.mjs";
Object.assign(globalThis, globals);
globalThis.gpu = create([]); // kept until the process ends
const loads = (seed) => Array.from({ length: 40 }, (_, i) => `v += x[(i * ${seed + i}u) & 255u];`).join("\n");
const codeOf = (seed) => `
  @group(0) @binding(0) var<storage, read_write> y : array<vec4f>;
  @group(0) @binding(1) var<storage, read> x : array<vec4f>;
  @compute @workgroup_size(1) fn main(@builtin(global_invocation_id) id : vec3u) {
    let i = id.x;
    var v = vec4f();
    ${loads(seed)}
    y[i] = v;
  }`;
async function open() {
  const device = await (await gpu.requestAdapter()).requestDevice();
  const { STORAGE, INDIRECT, COPY_SRC } = GPUBufferUsage;
  const [y, x] = [STORAGE | COPY_SRC, STORAGE].map((usage) => device.createBuffer({ size: 4096, usage }));
  const zeros = device.createBuffer({ size: 16, usage: INDIRECT });
  return {
    make: (seed) => {
      const module = device.createShaderModule({ code: codeOf(seed) });
      return device.createComputePipelineAsync({ layout: "auto", compute: { module } });
    },
    run: (pipeline, dispatch) => timed(device, pipeline, [y, x], (pass) => dispatch(pass, zeros)),
  };
}
const indirect = (pass, zeros) => pass.dispatchWorkgroupsIndirect(zeros, 0);
const once = (pass) => pass.dispatchWorkgroups(1);
const device = await open();
const warm = await device.make(1);
await device.run(warm, indirect); // what Dawn makes at its first indirect dispatch
const seed = Number(process.argv[2]);
const began = performance.now();
const first = await device.make(seed);
const madeMs = performance.now() - began;
const runMs = await device.run(first, once);
const second = await device.make(seed + 1000);
const indirectMs = await device.run(second, indirect);
const afterMs = await device.run(second, once);
await new Promise((resolve) => setTimeout(resolve, 300)); // the cache is written behind
const other = await open();
const otherMs = await other.run(await other.make(seed + 1000), once);
const told = { madeMs, runMs, indirectMs, afterMs, otherMs };
console.error(Object.entries(told).map(([name, ms]) => `  ${name} ${ms.toFixed(0)}`).join(""));
const long = (ms) => (ms > runMs / 3 ? "long" : "short");
console.log([madeMs, runMs, indirectMs, afterMs, otherMs].map(long).join(" "));
process.exit(0);
JS
echo "made; its first run; of another pipeline over no workgroups, the run after that, on another device"
expect "an empty cache" "$(node first.mjs 7 2>first.log || cat first.log)" "short long long short short"
tail -n 1 first.log
expect "no cache" "$(MESA_SHADER_CACHE_DISABLE=true node first.mjs 7 2>first.log || cat first.log)" "short long long short long"
tail -n 1 first.log
exit $failed
