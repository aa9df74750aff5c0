#!/usr/bin/env bash
# A driver that was told another vector width goes on with machine code of the old one, and reads textures wrong with it.
# Versions: npm webgpu 0.6.2 (Dawn) on Mesa 25.0.7 lavapipe.
# One would guess: LP_NATIVE_VECTOR_WIDTH is part of the shader cache's key, as the processor is.
# Seen: with 512 after 256 the adapter says subgroups of 16, while a cached shader still runs in subgroups of 8. Another
#   shader, compiled with 512, has subgroups of 16, with 256 too, and reads half of a storage texture's texels wrong in
#   both: the code that loads a texel is cached apart, for 8 lanes. Nothing is reported. A shader that reads
#   subgroup_size is compiled anew, for the size is a constant in it.
# A tool should: give each width a cache of its own (MESA_SHADER_CACHE_DIR) or none (MESA_SHADER_CACHE_DISABLE=true), and
#   after one try of another width empty the cache; what was measured with a shared cache may be of the other width.
source "$(dirname "$0")/setup.bash"
driver lavapipe
npm_packages webgpu@0.6.2
unset MESA_SHADER_CACHE_DISABLE
cat >width.mjs <<'JS'
import { create, globals } from "webgpu";
Object.assign(globalThis, globals);
globalThis.gpu = create([]); // kept until the process ends
const adapter = await gpu.requestAdapter();
const device = await adapter.requestDevice({ requiredFeatures: ["subgroups"] });
const unit = Number(process.argv[2]); // makes another shader
const code = `enable subgroups;
  @group(0) @binding(0) var<storage, read_write> y : array<u32>;
  @group(0) @binding(1) var x : texture_storage_2d<rgba32float, read>;
  @compute @workgroup_size(64) fn main(@builtin(local_invocation_index) i : u32) {
    y[i] = ${unit}u * subgroupAdd(1u) + u32(textureLoad(x, vec2(i, 0)).x);
  }`;
const module = device.createShaderModule({ code });
const pipeline = device.createComputePipeline({ layout: "auto", compute: { module } });
const { STORAGE_BINDING, COPY_DST } = GPUTextureUsage;
const x = device.createTexture({ size: [64], format: "rgba32float", usage: STORAGE_BINDING | COPY_DST });
device.queue.writeTexture({ texture: x }, Float32Array.from({ length: 256 }, (_, i) => i / 4), {}, [64]);
const y = device.createBuffer({ size: 256, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC });
const back = device.createBuffer({ size: 256, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
const entries = [y, x.createView()].map((resource, binding) => ({ binding, resource }));
const encoder = device.createCommandEncoder();
const pass = encoder.beginComputePass();
pass.setPipeline(pipeline);
pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
pass.dispatchWorkgroups(1);
pass.end();
encoder.copyBufferToBuffer(y, back);
device.queue.submit([encoder.finish()]);
await back.mapAsync(GPUMapMode.READ);
const values = new Uint32Array(back.getMappedRange());
const wrong = values.filter((v, i) => v % unit !== i).length;
console.log(`${adapter.info.subgroupMaxSize} ${Math.floor(values[0] / unit)} ${wrong}`);
process.exit(0);
JS
seen() { MESA_SHADER_CACHE_DIR=$PWD/$1 LP_NATIVE_VECTOR_WIDTH=$2 node width.mjs $3 2>width.log || cat width.log; }
echo "lanes of a subgroup by the adapter and by the shader, texels of 64 that are wrong"
expect "256 bits, a new cache, a shader" "$(seen cache 256 1000)" "8 8 0"
expect "512 bits, the same shader" "$(seen cache 512 1000)" "16 8 0"
expect "512 bits, another shader" "$(seen cache 512 2000)" "16 16 32"
expect "256 bits, the other shader" "$(seen cache 256 2000)" "8 16 32"
exit "$failed"
