// Counts what any engine asks of WebGPU, by wrapping its classes: dispatches, submits, pipelines, and bytes of live
// buffers.

export interface Counts {
  dispatches: number;
  submits: number;
  pipelines: number;
  bytes: number;
  peakBytes: number;
}

type Method = (this: unknown, ...args: never[]) => unknown;

function wrap(type: { prototype: object }, name: string, after: (self: unknown, result: unknown) => void): void {
  const original = (type.prototype as Record<string, Method>)[name]!;
  Object.defineProperty(type.prototype, name, {
    configurable: true,
    value(this: unknown, ...args: never[]): unknown {
      const result = original.apply(this, args);
      after(this, result);
      return result;
    },
  });
}

/** Counts from now on; needs WebGPU's classes as globals. */
export function countWebGpu(): Counts {
  const counts: Counts = { dispatches: 0, submits: 0, pipelines: 0, bytes: 0, peakBytes: 0 };
  const sizes = new WeakMap<object, number>();
  for (const name of ["dispatchWorkgroups", "dispatchWorkgroupsIndirect"])
    wrap(GPUComputePassEncoder, name, () => counts.dispatches++);
  wrap(GPUQueue, "submit", () => counts.submits++);
  for (const name of ["createComputePipeline", "createComputePipelineAsync"])
    wrap(GPUDevice, name, () => counts.pipelines++);
  wrap(GPUDevice, "createBuffer", (_, buffer) => {
    const { size } = buffer as GPUBuffer;
    sizes.set(buffer as object, size);
    counts.bytes += size;
    counts.peakBytes = Math.max(counts.peakBytes, counts.bytes);
  });
  wrap(GPUBuffer, "destroy", (self) => {
    counts.bytes -= sizes.get(self as object) ?? 0;
    sizes.delete(self as object);
  });
  return counts;
}
