// What a program is made of, before its first run: all pipelines at once, then buffers and bind groups in error scopes.
import { finish } from "../../kernels/map/finish.ts";
import { LimitExceededError } from "../errors.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import type { Variable } from "../variable.ts";
import { UniformArena, finishDispatch, finishLayout, layoutOf } from "./bindings.ts";
import type { Estimate } from "./compilation.ts";
import type { Dispatch, Lowerer } from "../lower/lower.ts";
import type { Place, Plan, Storage } from "../plan/plan.ts";
import { StagingRing } from "./staging.ts";

export interface ProgramParts {
  readonly name: string;
  readonly gpu: Gpu;
  readonly plan: Plan;
  readonly lowerer: Lowerer;
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly outputs: ReadonlyMap<string, Tensor>;
  readonly afterRun: readonly (() => void)[];
  readonly estimate: Estimate;
  variableBuffer(variable: Variable): GPUBuffer;
}

export interface Replay {
  readonly dispatch: Dispatch;
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
}

/** An output that every run copies to `at` in the staging buffer. */
export interface SmallOutput {
  readonly name: string;
  readonly tensor: Tensor;
  readonly place: Place;
  readonly at: number;
}

export interface Built {
  readonly buffers: Map<Storage, GPUBuffer>;
  /** Buffers of this program alone. */
  readonly owned: readonly GPUBuffer[];
  readonly replays: readonly Replay[];
  readonly host: GPUBuffer;
  readonly status: GPUBuffer;
  readonly small: readonly SmallOutput[];
  readonly stagings: StagingRing;
}

/** Outputs up to this many bytes are copied out by every run; larger ones when they are read. */
export const SMALL_OUTPUT = 4096;
export const STATUS_BYTES = 16;

/** Throws LimitExceededError, OutOfMemoryError, ShaderCompileError. */
export async function build(parts: ProgramParts): Promise<Built> {
  const { gpu, plan, lowerer, name } = parts;
  const dispatches = plan.stages.flatMap((s) => s.dispatches);
  for (const d of dispatches) {
    const large = d.memory.find(({ memory }) => memory.bytes > gpu.maxBindingBytes);
    if (large)
      throw new LimitExceededError(
        `${name}: ${d.label} ${large.access === "read" ? "reads" : "writes"} ${"scratch" in large.memory.of ? "scratch memory" : large.memory.of} of ${large.memory.bytes} bytes at once, this device binds at most ${gpu.maxBindingBytes}; make the batch or the image smaller, or keep it as several tensors`,
      );
    const groups = d.workgroups.find((n) => n > gpu.device.limits.maxComputeWorkgroupsPerDimension);
    if (groups)
      throw new LimitExceededError(
        `${name}: ${d.label} needs ${show(d.workgroups)} workgroups, a dimension holds at most ${gpu.device.limits.maxComputeWorkgroupsPerDimension}`,
      );
  }
  const pipelines = Promise.all(dispatches.map((d) => gpu.pipeline(d.code, layoutOf(d), d.kernel.name)));
  const finishPipeline = gpu.pipeline(finish.source, finishLayout, "finish");
  const owned: GPUBuffer[] = [];
  let ring: StagingRing | undefined;
  const own = (bytes: number, usage: GPUBufferUsageFlags, label: string): GPUBuffer => {
    const buffer = gpu.createBuffer(bytes, usage, `${name}: ${label}`);
    owned.push(buffer);
    return buffer;
  };
  const storage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  try {
    const compiled = await pipelines;
    const last = await finishPipeline;
    return await gpu.scoped(name, () => {
      const buffers = new Map<Storage, GPUBuffer>();
      const slots = plan.slotBytes.map((bytes, i) => own(bytes, storage, `slot ${i}`));
      for (const s of plan.storages)
        buffers.set(s, s.kind === "variable" ? parts.variableBuffer(s.variable!) : own(s.bytes, storage, s.label));
      const host = buffers.get(plan.storages.find((s) => s.kind === "host")!)!;
      const status = own(STATUS_BYTES, storage, "status");
      const bufferOf = (s: Storage): GPUBuffer => (s.kind === "slot" ? slots[s.slot!] : buffers.get(s)!);
      for (const stage of plan.stages) {
        for (const d of stage.dispatches) {
          for (const { memory } of d.memory) {
            const { storage: s } = plan.place(memory);
            if (!buffers.has(s)) buffers.set(s, bufferOf(s));
          }
        }
      }
      const uniforms = new UniformArena(dispatches);
      const uniformBuffer = own(
        uniforms.bytes.byteLength,
        GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
        "uniforms",
      );
      gpu.device.queue.writeBuffer(uniformBuffer, 0, uniforms.bytes);
      const replays: Replay[] = dispatches.map((dispatch, i) => ({
        dispatch,
        pipeline: compiled[i],
        bindGroup: gpu.device.createBindGroup({
          label: dispatch.label,
          layout: compiled[i].getBindGroupLayout(0),
          entries: [
            ...dispatch.memory.map(({ binding, memory }) => {
              const place = plan.place(memory);
              return {
                binding,
                resource: {
                  buffer: bufferOf(place.storage),
                  offset: place.offset,
                  size: Math.max(16, Math.ceil(memory.bytes / 16) * 16),
                },
              };
            }),
            ...dispatch.uniforms.map(({ binding, data }) => ({
              binding,
              resource: { buffer: uniformBuffer, offset: uniforms.offsetOf(data), size: data.byteLength },
            })),
          ],
        }),
      }));
      replays.push({
        dispatch: finishDispatch,
        pipeline: last,
        bindGroup: gpu.device.createBindGroup({
          layout: last.getBindGroupLayout(0),
          entries: [
            { binding: 0, resource: { buffer: host, size: 16 } },
            { binding: 1, resource: { buffer: status } },
          ],
        }),
      });
      gpu.counters.bindGroups += replays.length;
      let at = STATUS_BYTES;
      const small = [...parts.outputs]
        .filter(([, t]) => t.bytes <= SMALL_OUTPUT)
        .map(([outputName, tensor]) => {
          const place = plan.place(lowerer.memoryOf(tensor));
          if (!buffers.has(place.storage)) buffers.set(place.storage, bufferOf(place.storage));
          const entry = { name: outputName, tensor, place, at };
          at += Math.ceil(tensor.bytes / 16) * 16;
          return entry;
        });
      ring = new StagingRing(gpu, at, `${name}: staging`);
      return { buffers, owned, replays, host, status, small, stagings: ring };
    });
  } catch (error) {
    for (const buffer of owned) gpu.destroyBuffer(buffer);
    ring?.dispose();
    throw error;
  }
}
