// Finds the values of a kernel's tunables that are fastest on one adapter, and keeps them as plain JSON.
import { type Consts, type Kernel, type Params, specialize } from "../../kernels/kernel.ts";
import type { Gpu } from "./gpu.ts";
import { timeDispatches } from "./profiler.ts";

/** Values of tunables by adapter, kernel and shape class (`tuningKey`). JSON: Node keeps it in a file, a page in IndexedDB. */
export type Tuned = Readonly<Record<string, Consts>>;

/** Names one case: an adapter, a kernel, and its Params each rounded up to a power of two. */
export function tuningKey(adapter: string, kernel: Kernel, params: Params): string {
  const shape = kernel.params.filter((f) => f.type === "u32" && !f.name.startsWith("chunk"))
    .map(({ name }) => `${name}${params[name] > 0 ? 2 ** Math.ceil(Math.log2(params[name])) : 0}`);
  return [adapter, kernel.name, shape.join(" ")].join(" | ");
}

/** A dispatch as it would run: its kernel and finished WGSL, and what it binds, of which the tuner makes copies of its own. */
export interface TunedCase {
  readonly label: string;
  readonly kernel: Kernel;
  readonly code: string;
  readonly layout: readonly GPUBindGroupLayoutEntry[];
  readonly memory: readonly { readonly binding: number; readonly bytes: number }[];
  readonly uniforms: readonly { readonly binding: number; readonly data: ArrayBuffer }[];
  readonly cost: { readonly flops: number; readonly bytes: number };
  /** Workgroup counts at these values of the tunables. */
  workgroups(choice: Consts): readonly [number, number, number];
}

/** Cases larger than this are left as they are: their buffers are made once more to be timed. */
const MOST_BYTES = 2 ** 29;
const REPEATS = 5;

/** Every combination of a kernel's tunables. */
export const combinations = (kernel: Kernel): Consts[] =>
  Object.entries(kernel.tunables ?? {}).reduce<Consts[]>((all, [name, values]) => all.flatMap((c) => values.map((v) => ({ ...c, [name]: v }))), [{}]);

/** The fastest values of a case's tunables, by the median of five runs; undefined where there is nothing to choose. Throws UsageError without timestamp-query. */
export async function tuneCase(gpu: Gpu, { label, kernel, code, layout, memory, uniforms, cost, workgroups }: TunedCase): Promise<Consts | undefined> {
  const choices = combinations(kernel);
  if (choices.length < 2 || memory.reduce((n, m) => n + m.bytes, 0) > MOST_BYTES) return undefined;
  const buffers: GPUBuffer[] = [];
  try {
    return await gpu.scoped(`tuning ${kernel.name}`, async () => {
      const entry = (binding: number, bytes: number, usage: GPUBufferUsageFlags): GPUBindGroupEntry => {
        buffers.push(gpu.createBuffer(bytes, usage, `tuning ${kernel.name}`));
        return { binding, resource: { buffer: buffers.at(-1)! } };
      };
      const entries = memory.map((m) => entry(m.binding, m.bytes, GPUBufferUsage.STORAGE));
      for (const { binding, data } of uniforms) {
        entries.push(entry(binding, data.byteLength, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST));
        gpu.device.queue.writeBuffer(buffers.at(-1)!, 0, data);
      }
      let best: { consts: Consts; timeUs: number } | undefined;
      for (const choice of choices) {
        const groups = workgroups(choice);
        if (groups.some((n) => n > gpu.device.limits.maxComputeWorkgroupsPerDimension)) continue;
        const pipeline = await gpu.pipeline(specialize(code, { consts: choice }), layout, kernel.name);
        const bindGroup = gpu.device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
        // The first run is not counted: drivers compile in it.
        const runs = await timeDispatches(gpu, Array.from({ length: REPEATS + 1 }, () => ({ label, kernel: kernel.name, cost, pipeline, bindGroup, workgroups: groups })));
        const timeUs = runs.slice(1).map((r) => r.timeUs).sort((a, b) => a - b)[REPEATS >> 1];
        if (!best || timeUs < best.timeUs) best = { consts: choice, timeUs };
      }
      return best?.consts;
    });
  } finally {
    for (const buffer of buffers) gpu.destroyBuffer(buffer);
  }
}
