// A device of npm webgpu on the driver that VK_DRIVER_FILES names, and the value of a WGSL expression there.
import { create, globals } from "webgpu";
import { report } from "./report.mjs";

Object.assign(globalThis, globals);
globalThis.gpu = create([]); // must live as long as the process
export const adapter = await gpu.requestAdapter();
export const name = `${adapter.info.description}, npm webgpu 0.6.2`;
const half = adapter.features.has("shader-f16");
export const device = await adapter.requestDevice({ requiredFeatures: half ? ["shader-f16"] : [] });

// The expression of x, and of the buffer `data`, for each x: f32 in, f32 out.
export async function evaluate(expression, xs) {
  const code = `${half ? "enable f16;" : ""}
    @group(0) @binding(0) var<storage, read> data : array<f32>;
    @group(0) @binding(1) var<storage, read_write> result : array<f32>;
    @compute @workgroup_size(1) fn main(@builtin(global_invocation_id) id : vec3u) {
      let x = data[id.x];
      result[id.x] = ${expression};
    }`;
  const bytes = 4 * xs.length;
  const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const input = device.createBuffer({ size: bytes, usage: STORAGE | COPY_DST });
  const output = device.createBuffer({ size: bytes, usage: STORAGE | COPY_SRC });
  const read = device.createBuffer({ size: bytes, usage: MAP_READ | COPY_DST });
  device.queue.writeBuffer(input, 0, new Float32Array(xs));
  const visibility = GPUShaderStage.COMPUTE;
  const group = device.createBindGroupLayout({
    entries: [
      { binding: 0, visibility, buffer: { type: "read-only-storage" } },
      { binding: 1, visibility, buffer: { type: "storage" } },
    ],
  });
  const pipeline = await device.createComputePipelineAsync({
    layout: device.createPipelineLayout({ bindGroupLayouts: [group] }),
    compute: { module: device.createShaderModule({ code }) },
  });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  const entries = [input, output].map((buffer, binding) => ({ binding, resource: { buffer } }));
  pass.setBindGroup(0, device.createBindGroup({ layout: group, entries }));
  pass.dispatchWorkgroups(xs.length);
  pass.end();
  encoder.copyBufferToBuffer(output, 0, read, 0, bytes);
  device.queue.submit([encoder.finish()]);
  await read.mapAsync(GPUMapMode.READ);
  return [...new Float32Array(read.getMappedRange())];
}

// Prints the driver, and each [what, seen, expected]; exits 0 where all are as expected.
export function verdict(rows) {
  console.log(name);
  report(rows);
}
