// GPU times of single dispatches, by timestamps at the two ends of a pass each.
import { UsageError } from "../errors.ts";
import type { Gpu } from "./gpu.ts";

export interface KernelTime {
  readonly label: string;
  readonly kernel: string;
  readonly timeUs: number;
  readonly flops: number;
  readonly bytes: number;
}

export interface TimedDispatch {
  readonly label: string;
  readonly kernel: string;
  readonly cost: { readonly flops: number; readonly bytes: number };
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly workgroups: readonly [number, number, number];
}

/** Most queries one set may hold. */
const MAX_QUERIES = 4096;

/** Runs the dispatches once, each in its own pass. Some browsers and Dawn by default round to 65.536 or 100 µs. */
export async function timeDispatches(gpu: Gpu, dispatches: readonly TimedDispatch[]): Promise<KernelTime[]> {
  if (!gpu.timestamps) throw new UsageError("profiling needs the feature timestamp-query, which this adapter lacks");
  const rows: KernelTime[] = [];
  for (let first = 0; first < dispatches.length; first += MAX_QUERIES / 2) {
    const part = dispatches.slice(first, first + MAX_QUERIES / 2);
    const count = part.length * 2;
    const querySet = gpu.device.createQuerySet({ type: "timestamp", count });
    const resolved = gpu.createBuffer(count * 8, GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC, "timestamps");
    const encoder = gpu.device.createCommandEncoder();
    part.forEach(({ pipeline, bindGroup, workgroups }, i) => {
      const pass = encoder.beginComputePass({
        timestampWrites: { querySet, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 },
      });
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, bindGroup);
      pass.dispatchWorkgroups(...workgroups);
      pass.end();
    });
    encoder.resolveQuerySet(querySet, 0, count, resolved, 0);
    gpu.submit(encoder.finish());
    const times = new BigUint64Array(await gpu.readBuffer(resolved, 0, count * 8));
    part.forEach(({ label, kernel, cost }, i) =>
      rows.push({ label, kernel, timeUs: Number(times[2 * i + 1]! - times[2 * i]!) / 1000, ...cost }),
    );
    gpu.destroyBuffer(resolved);
    querySet.destroy();
  }
  return rows;
}
