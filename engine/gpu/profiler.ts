// GPU times of single dispatches, by timestamps at the two ends of a pass each.
import { UsageError } from "../errors.ts";
import type { Gpu } from "./gpu.ts";
import { TexelEncoder, type TexelUse } from "./texels.ts";

export interface KernelTime {
  readonly label: string;
  readonly kernel: string;
  readonly timeUs: number;
  /** From the begin of the first dispatch. */
  readonly startUs: number;
  readonly flops: number;
  readonly bytes: number;
}

export interface TimedDispatch extends TexelUse {
  readonly label: string;
  readonly kernel: string;
  readonly cost: { readonly flops: number; readonly bytes: number };
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly workgroups: readonly [number, number, number];
}

/** Most queries one set may hold. */
const MAX_QUERIES = 4096;

/** Throws UsageError where the GPU tells no times. */
export function requireTimestamps(gpu: Gpu): void {
  if (!gpu.timestamps) throw new UsageError("profiling needs the feature timestamp-query, which this adapter lacks");
}

/**
 * Runs the dispatches once, each in its own pass, all of them submitted before this returns; copies that a dispatch
 * reads are made before its pass, and not timed. Some browsers and Dawn by default round to 65.536 or 100 µs. `rest`
 * is waited for before the times are asked for: who waits for a GPU in Node polls, and takes a core from a software
 * adapter. Throws UsageError without timestamp-query.
 */
export async function timeDispatches(
  gpu: Gpu,
  dispatches: readonly TimedDispatch[],
  rest?: () => Promise<void>,
): Promise<KernelTime[]> {
  requireTimestamps(gpu);
  const parts: TimedPart[] = [];
  try {
    await gpu.scoped("timing", () => {
      for (let first = 0; first < dispatches.length; first += MAX_QUERIES / 2)
        parts.push(submitTimed(gpu, dispatches.slice(first, first + MAX_QUERIES / 2)));
    });
    await rest?.();
    const rows: KernelTime[] = [];
    for (const part of parts) rows.push(...(await timesOf(gpu, part)));
    return rows;
  } finally {
    for (const { querySet, resolved } of parts) {
      gpu.destroy(resolved);
      querySet.destroy();
    }
  }
}

/** Dispatches of one submit, and the buffer that their timestamps come to. */
interface TimedPart {
  readonly dispatches: readonly TimedDispatch[];
  readonly querySet: GPUQuerySet;
  readonly resolved: GPUBuffer;
}

/** Bytes of a timestamp. */
const STAMP_BYTES = 8;

function submitTimed(gpu: Gpu, dispatches: readonly TimedDispatch[]): TimedPart {
  const count = dispatches.length * 2;
  const querySet = gpu.device.createQuerySet({ type: "timestamp", count, label: "timestamps" });
  const usage = GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC;
  const resolved = gpu.createBuffer(count * STAMP_BYTES, usage, "timestamps");
  const encoder = gpu.device.createCommandEncoder({ label: "timing" });
  const texels = new TexelEncoder(encoder);
  dispatches.forEach((dispatch, i) => {
    const { label, pipeline, bindGroup, workgroups } = dispatch;
    texels.bring(dispatch);
    const pass = encoder.beginComputePass({
      label,
      timestampWrites: { querySet, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 },
    });
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindGroup);
    pass.dispatchWorkgroups(...workgroups);
    pass.end();
    texels.ran(dispatch);
  });
  encoder.resolveQuerySet(querySet, 0, count, resolved, 0);
  gpu.submit(encoder.finish());
  return { dispatches, querySet, resolved };
}

async function timesOf(gpu: Gpu, { dispatches, resolved }: TimedPart): Promise<KernelTime[]> {
  const stamps = new BigUint64Array(await gpu.readBuffer(resolved, 0, 2 * dispatches.length * STAMP_BYTES));
  return dispatches.map(({ label, kernel, cost }, i) => ({
    label,
    kernel,
    timeUs: Number(stamps[2 * i + 1]! - stamps[2 * i]!) / 1000,
    startUs: Number(stamps[2 * i]! - stamps[0]!) / 1000,
    ...cost,
  }));
}
