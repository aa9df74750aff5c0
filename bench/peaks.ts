// This device's own peaks: the rulers that kernels are held against.
import type { Device } from "../engine/index.ts";
import { settled } from "./clock.ts";
import copySource from "./peak-copy.wgsl";
import fmaSource from "./peak-fma.wgsl";

export interface Peaks {
  /** Of fused multiply–adds, f32. */
  readonly gflops: number;
  /** Of a copy: bytes read and written, from buffers that no cache holds. */
  readonly gbs: number;
}

/** A run must take this long, so that the submit itself weighs nothing. */
const LONG_ENOUGH_MS = 20;
const RUNS = 5;

/** The best of five runs each. */
export async function measurePeaks(device: Device): Promise<Peaks> {
  const { cpu } = device.gpu.traits;
  const n = cpu ? 1 << 14 : 1 << 20;
  const bytes = Math.min(cpu ? 1 << 25 : 1 << 28, device.gpu.maxBindingBytes);
  const fma = await fastest(device, fmaSource, n, "rounds");
  const copy = await fastest(device, copySource, bytes / 16, "dispatches");
  return { gflops: (512 * n * fma.times) / fma.ms / 1e6, gbs: (2 * bytes * copy.times) / copy.ms / 1e6 };
}

/** Least time of the kernel on n vec4, repeated inside it or by dispatching again, until one run is long enough. */
async function fastest(
  { gpu }: Device,
  code: string,
  n: number,
  repeat: "rounds" | "dispatches",
): Promise<{ ms: number; times: number }> {
  const { device } = gpu;
  const entries = (["uniform", "read-only-storage", "storage"] as const).map((type, binding) => ({
    binding,
    visibility: GPUShaderStage.COMPUTE,
    buffer: { type },
  }));
  const pipeline = await gpu.pipeline(code, entries, "peak");
  const params = gpu.createBuffer(16, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST, "params");
  const [x, y] = ["x", "y"].map((label) => gpu.createBuffer(16 * n, GPUBufferUsage.STORAGE, label));
  const bindGroup = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [params, x, y].map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  const groups = Math.ceil(n / 64);
  const folds = Math.ceil(groups / 65535);
  const run = async (times: number): Promise<number> => {
    device.queue.writeBuffer(params, 0, new Uint32Array([n, repeat === "rounds" ? times : 1]));
    return settled(gpu, () => {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, bindGroup);
      for (let i = 0; i < (repeat === "dispatches" ? times : 1); i++)
        pass.dispatchWorkgroups(Math.ceil(groups / folds), folds);
      pass.end();
      gpu.submit(encoder.finish());
    });
  };
  let times = 1;
  for (let ms = await run(1); ms < LONG_ENOUGH_MS && times < 1 << 20; ms = await run(times))
    times *= ms < LONG_ENOUGH_MS / 8 ? 8 : 2;
  let best = Infinity;
  for (let i = 0; i < RUNS; i++) best = Math.min(best, await run(times));
  for (const buffer of [params, x, y]) gpu.destroyBuffer(buffer);
  return { ms: best, times };
}
