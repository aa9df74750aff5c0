// This device's own peaks: the rulers that kernels are held against.
import type { Device } from "../../engine/index.ts";
import { settled } from "../../lab/clock.ts";
import type { Clock } from "../../lab/measure/rounds.ts";
import { quantile } from "../../lab/statistics.ts";
import copySource from "./peak-copy.wgsl";
import fmaSource from "./peak-fma.wgsl";

export interface Peaks {
  /** Of fused multiply–adds, f32. */
  readonly gflops: number;
  /** Of a copy: bytes read and written, from buffers that no cache holds. */
  readonly gbs: number;
  /** What they were timed by; times by another clock are not held against them. */
  readonly clock?: Clock;
  /** What nine of ten runs reached at least, as a share of the best. */
  readonly least?: { readonly gflops: number; readonly gbs: number };
}

/** A run must take this long, so that the submit itself weighs nothing. */
const LONG_ENOUGH_MS = 20;
/** Rounds with a rest between, for a device is slow at times and no round should meet only that. */
const ROUNDS = 4;
const RUNS = 5;
const REST_MS = 60;

/** The best of many runs, after some that only warm the device up; `driverMs` as `roundsOf` takes it. */
export async function measurePeaks(device: Device, driverMs?: () => number): Promise<Peaks> {
  const { cpu } = device.gpu.traits;
  const n = cpu ? 1 << 14 : 1 << 20;
  const bytes = Math.min(cpu ? 1 << 25 : 1 << 28, device.gpu.maxBindingBytes);
  const now = driverMs;
  const fma = await rates(device, fmaSource, n, "rounds", 512 * n, now);
  const copy = await rates(device, copySource, bytes / 16, "dispatches", 2 * bytes, now);
  return {
    gflops: Math.max(...fma),
    gbs: Math.max(...copy),
    clock: now ? "cpu" : "wall",
    least: { gflops: quantile(fma, 0.1) / Math.max(...fma), gbs: quantile(copy, 0.1) / Math.max(...copy) },
  };
}

/**
 * Billions a second of what `each` counts in one time of the kernel on n vec4, which is repeated inside it or by
 * dispatching again, until one run is long enough.
 */
async function rates(
  { gpu }: Device,
  code: string,
  n: number,
  repeat: "rounds" | "dispatches",
  each: number,
  now: (() => number) | undefined,
): Promise<number[]> {
  const { device } = gpu;
  const entries = (["uniform", "read-only-storage", "storage"] as const).map((type, binding) => ({
    binding,
    visibility: GPUShaderStage.COMPUTE,
    buffer: { type },
  }));
  const pipeline = await gpu.pipeline(code, entries, "peak");
  const params = gpu.createBuffer(16, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST, "params");
  const vectors = (label: string): GPUBuffer => gpu.createBuffer(16 * n, GPUBufferUsage.STORAGE, label);
  const [x, y] = [vectors("x"), vectors("y")];
  const bindGroup = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [params, x, y].map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  const groups = Math.ceil(n / 64);
  const folds = Math.ceil(groups / 65535);
  const run = async (times: number): Promise<number> => {
    device.queue.writeBuffer(params, 0, new Uint32Array([n, repeat === "rounds" ? times : 1]));
    const before = now?.() ?? 0;
    const ms = await settled(gpu, () => {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, bindGroup);
      for (let i = 0; i < (repeat === "dispatches" ? times : 1); i++)
        pass.dispatchWorkgroups(Math.ceil(groups / folds), folds);
      pass.end();
      gpu.submit(encoder.finish());
    });
    return now ? now() - before : ms;
  };
  // Drivers compile in the first run: it tells nothing of how often the kernel must be repeated.
  await run(1);
  let times = 1;
  for (let ms = await run(1); ms < LONG_ENOUGH_MS && times < 1 << 20; ms = await run(times))
    times *= ms < LONG_ENOUGH_MS / 8 ? 8 : 2;
  const found: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (let i = 0; i < RUNS; i++) found.push((each * times) / (await run(times)) / 1e6);
    await new Promise((done) => setTimeout(done, REST_MS));
  }
  for (const buffer of [params, x, y]) gpu.destroy(buffer);
  return found;
}
