// A compiled program: everything is made before the first run; a run writes inputs, replays the dispatches, submits once.
import { finish } from "../../kernels/finish.ts";
import { type TypedArray, decode, encode } from "../dtype.ts";
import { GpuValidationError, LimitExceededError, ShapeError, UsageError } from "../errors.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { type KernelTime, timeDispatches } from "../gpu/profiler.ts";
import { show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import type { Variable } from "../variable.ts";
import type { Estimate } from "./compilation.ts";
import { UniformArena, finishDispatch, finishLayout, layoutOf } from "./bindings.ts";
import type { Dispatch, Lowerer } from "./lower.ts";
import type { Place, Plan, Storage } from "./plan.ts";

/** Values for a program's inputs, by name. */
export type Feeds = Readonly<Record<string, ArrayLike<number>>>;
/** Values of a program's outputs, row-major. */
export type Values<O extends string = string> = Record<O, TypedArray>;

export interface ProgramStats {
  readonly dispatches: number;
  /** Distinct pipelines of this program. */
  readonly pipelines: number;
  readonly bindGroups: number;
  readonly buffers: number;
  /** Bytes of GPU memory: variables (shared with other programs), activations (shared slots), and all of this program's. */
  readonly variableBytes: number;
  readonly activationBytes: number;
  readonly bytes: number;
  /** No plan can hold less than this for activations. */
  readonly lowerBoundBytes: number;
  readonly runs: number;
  readonly submits: number;
}

interface Replay {
  readonly dispatch: Dispatch;
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
}

/** An output that every run copies to `at` in the staging buffer. */
interface SmallOutput {
  readonly name: string;
  readonly tensor: Tensor;
  readonly place: Place;
  readonly at: number;
}

interface Staging {
  readonly buffer: GPUBuffer;
  run: number;
  reading: boolean;
}

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

/** Outputs up to this many bytes are copied out by every run; larger ones when they are read. */
const SMALL_OUTPUT = 4096;
const STATUS_BYTES = 16;

export class Program<O extends string = string> {
  readonly name: string;
  readonly #parts: ProgramParts;
  readonly #buffers: ReadonlyMap<Storage, GPUBuffer>;
  readonly #owned: readonly GPUBuffer[];
  readonly #replays: readonly Replay[];
  readonly #host: { readonly buffer: GPUBuffer; readonly bytes: ArrayBuffer };
  readonly #status: GPUBuffer;
  readonly #small: readonly SmallOutput[];
  readonly #stagings: Staging[] = [];
  readonly #stagingBytes: number;
  #latest: Staging | undefined;
  #runs = 0;
  #submits = 0;
  #disposed = false;
  /** How long a run takes, as the last reads found: a software adapter is better left alone for that long. */
  #expectedMs = 0;
  #startedMs = 0;

  private constructor(parts: ProgramParts, made: { buffers: Map<Storage, GPUBuffer>; owned: GPUBuffer[]; replays: Replay[]; host: GPUBuffer; status: GPUBuffer; stagings: GPUBuffer[]; small: SmallOutput[]; stagingBytes: number }) {
    this.name = parts.name;
    this.#parts = parts;
    this.#buffers = made.buffers;
    this.#owned = made.owned;
    this.#replays = made.replays;
    this.#host = { buffer: made.host, bytes: new ArrayBuffer(made.host.size) };
    this.#status = made.status;
    this.#small = made.small;
    this.#stagingBytes = made.stagingBytes;
    this.#stagings = made.stagings.map((buffer) => ({ buffer, run: -1, reading: false }));
  }

  /** Makes pipelines (in parallel), buffers and bind groups. */
  static async create<O extends string>(parts: ProgramParts): Promise<Program<O>> {
    const { gpu, plan, lowerer, name } = parts;
    const dispatches = plan.stages.flatMap((s) => s.dispatches);
    for (const d of dispatches) {
      const large = d.memory.find(({ memory }) => memory.bytes > gpu.maxBindingBytes);
      if (large) throw new LimitExceededError(`${name}: ${d.label} reads or writes ${large.memory.bytes} bytes at once, this device binds at most ${gpu.maxBindingBytes}; make the batch or the image smaller`);
      const groups = d.workgroups.find((n) => n > gpu.device.limits.maxComputeWorkgroupsPerDimension);
      if (groups) throw new LimitExceededError(`${name}: ${d.label} needs ${show(d.workgroups)} workgroups, a dimension holds at most ${gpu.device.limits.maxComputeWorkgroupsPerDimension}`);
    }
    const pipelines = Promise.all(dispatches.map((d) => gpu.pipeline(d.code, layoutOf(d), d.kernel.name)));
    const finishPipeline = gpu.pipeline(finish.source, finishLayout, "finish");
    const owned: GPUBuffer[] = [];
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
        for (const s of plan.storages) buffers.set(s, s.kind === "variable" ? parts.variableBuffer(s.variable!) : own(s.bytes, storage, s.label));
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
        const uniformBuffer = own(uniforms.bytes.byteLength, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST, "uniforms");
        gpu.device.queue.writeBuffer(uniformBuffer, 0, uniforms.bytes);
        const replays: Replay[] = dispatches.map((dispatch, i) => ({
          dispatch, pipeline: compiled[i],
          bindGroup: gpu.device.createBindGroup({
            label: dispatch.label,
            layout: compiled[i].getBindGroupLayout(0),
            entries: [
              ...dispatch.memory.map(({ binding, memory }) => {
                const place = plan.place(memory);
                return { binding, resource: { buffer: bufferOf(place.storage), offset: place.offset, size: Math.max(16, Math.ceil(memory.bytes / 16) * 16) } };
              }),
              ...dispatch.uniforms.map(({ binding, data }) => ({ binding, resource: { buffer: uniformBuffer, offset: uniforms.offsetOf(data), size: data.byteLength } })),
            ],
          }),
        }));
        replays.push({
          dispatch: finishDispatch, pipeline: last,
          bindGroup: gpu.device.createBindGroup({ layout: last.getBindGroupLayout(0), entries: [{ binding: 0, resource: { buffer: host, size: 16 } }, { binding: 1, resource: { buffer: status } }] }),
        });
        gpu.counters.bindGroups += replays.length;
        let at = STATUS_BYTES;
        const small = [...parts.outputs].filter(([, t]) => t.bytes <= SMALL_OUTPUT).map(([outputName, tensor]) => {
          const place = plan.place(lowerer.memoryOf(tensor));
          if (!buffers.has(place.storage)) buffers.set(place.storage, bufferOf(place.storage));
          const entry = { name: outputName, tensor, place, at };
          at += Math.ceil(tensor.bytes / 16) * 16;
          return entry;
        });
        const stagings = [0, 1, 2].map((i) => own(at, GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ, `staging ${i}`));
        return new Program<O>(parts, { buffers, owned, replays, host, status, stagings, small, stagingBytes: at });
      });
    } catch (error) {
      for (const buffer of owned) gpu.destroyBuffer(buffer);
      throw error;
    }
  }

  /** Writes the inputs and submits one run; returns at once. Throws UsageError or ShapeError on wrong inputs, and what the GPU reported. */
  run(feeds: Feeds = {}): void {
    const { gpu, plan, inputs, afterRun, name } = this.#parts;
    if (this.#disposed) throw new UsageError(`program ${name} was disposed`);
    gpu.check();
    const { queue } = gpu.device;
    for (const key of Object.keys(feeds)) {
      if (!inputs.has(key)) throw new UsageError(`program ${name} has no input "${key}"; its inputs are ${[...inputs.keys()].join(", ") || "none"}`);
    }
    for (const s of plan.storages) {
      if (s.kind !== "input") continue;
      const tensor = inputs.get(s.input!)!;
      const data = feeds[s.input!];
      if (!data) throw new UsageError(`program ${name}: input "${s.input}" ${show(tensor.shape)} is missing`);
      if (data.length !== tensor.size) throw new ShapeError(name, `input "${s.input}" is ${show(tensor.shape)} = ${tensor.size} numbers, got ${data.length}`);
      if (tensor.size > 0) queue.writeBuffer(this.#buffers.get(s)!, 0, encode(tensor.dtype, data));
    }
    const { buffer: host, bytes } = this.#host;
    new Uint32Array(bytes, 0, 1)[0] = this.#runs >>> 0;
    for (const { tensor, offset, feed, name: inputName } of plan.hostInputs) {
      const data = feed();
      if (data.length !== tensor.size) throw new ShapeError(name, `host input "${inputName}" is ${show(tensor.shape)}, its feed gave ${data.length} numbers`);
      new Uint8Array(bytes, offset).set(new Uint8Array(encode(tensor.dtype, data)));
    }
    queue.writeBuffer(host, 0, bytes);
    const encoder = gpu.device.createCommandEncoder({ label: name });
    const pass = encoder.beginComputePass({ label: name });
    this.#encode(pass);
    pass.end();
    this.#encodeCopies(encoder);
    const staging = this.#stagings.find((s) => !s.reading) ?? this.#newStaging();
    encoder.copyBufferToBuffer(this.#status, 0, staging.buffer, 0, STATUS_BYTES);
    for (const { tensor, place, at } of this.#small) {
      if (tensor.size > 0) encoder.copyBufferToBuffer(this.#buffers.get(place.storage)!, place.offset, staging.buffer, at, Math.ceil(tensor.bytes / 4) * 4);
    }
    gpu.submit(encoder.finish());
    this.#submits++;
    staging.run = this.#runs++;
    this.#latest = staging;
    this.#startedMs = performance.now();
    for (const f of afterRun) f();
  }

  /** Values of the latest run's outputs (all, or those named). The run counts only once this resolves. */
  async read<K extends O = O>(...names: K[]): Promise<Values<K>> {
    const { gpu, outputs, lowerer, plan, name } = this.#parts;
    const staging = this.#latest;
    if (!staging) throw new UsageError(`program ${name} has not run yet; call run() before read()`);
    if (staging.reading) throw new UsageError(`the latest run of program ${name} is being read already`);
    const wanted = names.length ? names : ([...outputs.keys()] as K[]);
    for (const n of wanted) if (!outputs.has(n)) throw new UsageError(`program ${name} has no output "${n}"; its outputs are ${[...outputs.keys()].join(", ")}`);
    staging.reading = true;
    try {
      if (gpu.traits.cpu && this.#expectedMs > 2) await new Promise((done) => setTimeout(done, 0.9 * this.#expectedMs - (performance.now() - this.#startedMs)));
      const asked = performance.now();
      await gpu.map(staging.buffer);
      // What was there at once may have been there for long: the guess was too high. A first run tells nothing: drivers compile in it.
      const waited = performance.now() - asked;
      if (staging.run > 0) this.#expectedMs = waited < Math.max(2, 0.02 * this.#expectedMs) ? 0.85 * this.#expectedMs : performance.now() - this.#startedMs;
      const copy = staging.buffer.getMappedRange().slice(0);
      staging.buffer.unmap();
      const finished = new Uint32Array(copy, 0, 1)[0];
      if (finished !== staging.run >>> 0) throw new GpuValidationError(`run ${staging.run} of program ${name} did not execute on the GPU`);
      const values = {} as Values<K>;
      for (const n of wanted) {
        const tensor = outputs.get(n)!;
        const small = this.#small.find((s) => s.name === n);
        const place = plan.place(lowerer.memoryOf(tensor));
        const bytes = tensor.size === 0 ? new ArrayBuffer(0)
          : small ? copy.slice(small.at, small.at + Math.ceil(tensor.bytes / 4) * 4)
          : await gpu.readBuffer(this.#buffers.get(place.storage)!, place.offset, tensor.bytes);
        values[n] = decode(tensor.dtype, bytes, tensor.size);
      }
      return values;
    } finally {
      staging.reading = false;
    }
  }

  /** One run with each dispatch timed by the GPU. Needs the device feature timestamp-query. */
  async profile(feeds: Feeds = {}): Promise<KernelTime[]> {
    this.run(feeds);
    await this.read();
    return timeDispatches(this.#parts.gpu, this.#replays.map(({ dispatch, pipeline, bindGroup }) => ({ label: dispatch.label, kernel: dispatch.kernel.name, cost: dispatch.cost, pipeline, bindGroup, workgroups: dispatch.workgroups })));
  }

  stats(): ProgramStats {
    const { plan } = this.#parts;
    const variableBytes = plan.storages.filter((s) => s.kind === "variable").reduce((n, s) => n + s.bytes, 0);
    const activationBytes = plan.slotBytes.reduce((n, b) => n + b, 0);
    return {
      dispatches: this.#replays.length,
      pipelines: new Set(this.#replays.map((r) => r.pipeline)).size,
      bindGroups: this.#replays.length,
      buffers: this.#owned.length,
      variableBytes, activationBytes,
      bytes: variableBytes + this.#owned.reduce((n, b) => n + b.size, 0),
      lowerBoundBytes: plan.lowerBoundBytes,
      runs: this.#runs,
      submits: this.#submits,
    };
  }

  /** One line a dispatch: what it computes, by which kernel, how much. */
  explain(): string {
    return this.#replays.map(({ dispatch: d }, i) =>
      `${String(i).padStart(4)}  ${d.kernel.name.padEnd(28)} ${d.workgroups.join("×").padStart(9)}  ${(d.cost.flops / 1e6).toFixed(2).padStart(9)} MFLOP ${(d.cost.bytes / 1e6).toFixed(2).padStart(8)} MB  ${d.label}`).join("\n");
  }

  /** Frees the program's buffers; variables stay with their device. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const buffer of [...this.#owned, ...this.#stagings.map((s) => s.buffer).filter((b) => !this.#owned.includes(b))]) this.#parts.gpu.destroyBuffer(buffer);
  }
  [Symbol.dispose](): void { this.dispose(); }

  #encode(pass: GPUComputePassEncoder): void {
    let current: GPUComputePipeline | undefined;
    for (const { dispatch, pipeline, bindGroup } of this.#replays) {
      if (pipeline !== current) pass.setPipeline((current = pipeline));
      pass.setBindGroup(0, bindGroup);
      pass.dispatchWorkgroups(...dispatch.workgroups);
    }
  }

  #encodeCopies(encoder: GPUCommandEncoder): void {
    for (const { from, to, bytes } of this.#parts.plan.copies) {
      if (bytes > 0) encoder.copyBufferToBuffer(this.#buffers.get(from.storage)!, from.offset, this.#buffers.get(to.storage)!, to.offset, bytes);
    }
  }

  #newStaging(): Staging {
    const staging = { buffer: this.#parts.gpu.createBuffer(this.#stagingBytes, GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ, `${this.name}: staging`), run: -1, reading: false };
    this.#stagings.push(staging);
    return staging;
  }
}
