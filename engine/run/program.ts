// A compiled program: a run writes inputs, replays the dispatches, submits once, and makes nothing.
import type { Consts } from "../../kernels/kernel.ts";
import { type TypedArray, decode, encode } from "../dtype.ts";
import { GpuValidationError, ShapeError, UsageError } from "../errors.ts";
import { type KernelTime, timeDispatches } from "../gpu/profiler.ts";
import { type Tuned, type TunedKernel, tuneCase, tuningKey } from "../gpu/tuner.ts";
import { show } from "../shape.ts";
import { layoutOf } from "./bindings.ts";
import { workgroupsOf } from "../wgsl/dispatch.ts";
import { Explanation, explainDispatch } from "./explain.ts";
import {
  type Built,
  type ProgramParts,
  type Replay,
  SMALL_OUTPUT,
  STATUS_BYTES,
  type SmallOutput,
  build,
} from "./build.ts";
import type { Storage } from "../plan/plan.ts";
import { RUNS_AHEAD, type Staging, type StagingRing } from "./staging.ts";

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
  /**
   * Bytes of GPU memory: variables (shared with other programs), activations (shared slots), and all of this
   * program's.
   */
  readonly variableBytes: number;
  readonly activationBytes: number;
  readonly bytes: number;
  /** No plan can hold less than this for activations. */
  readonly lowerBoundBytes: number;
  readonly runs: number;
  readonly submits: number;
}

export class Program<O extends string = string> {
  readonly name: string;
  readonly #parts: ProgramParts;
  readonly #buffers: ReadonlyMap<Storage, GPUBuffer>;
  readonly #owned: readonly GPUBuffer[];
  readonly #replays: readonly Replay[];
  readonly #host: { readonly buffer: GPUBuffer; readonly bytes: ArrayBuffer };
  readonly #status: GPUBuffer;
  readonly #small: readonly SmallOutput[];
  readonly #stagings: StagingRing;
  #latest: Staging | undefined;
  #runs = 0;
  /** Runs known to be done: all below this number. */
  #done = 0;
  #times: readonly KernelTime[] = [];
  #submits = 0;
  #disposed = false;
  /** How long a run takes, as the last reads found: a software adapter is better left alone for that long. */
  #expectedMs = 0;
  #startedMs = 0;

  private constructor(parts: ProgramParts, made: Built) {
    this.name = parts.name;
    this.#parts = parts;
    this.#buffers = made.buffers;
    this.#owned = made.owned;
    this.#replays = made.replays;
    this.#host = { buffer: made.host, bytes: new ArrayBuffer(made.host.size) };
    this.#status = made.status;
    this.#small = made.small;
    this.#stagings = made.stagings;
  }

  /** Makes pipelines (in parallel), buffers and bind groups. */
  static async create<O extends string>(parts: ProgramParts): Promise<Program<O>> {
    return new Program<O>(parts, await build(parts));
  }

  /**
   * Writes the inputs and submits one run; returns at once. Throws UsageError or ShapeError on wrong inputs, and what
   * the GPU reported.
   */
  run(feeds: Feeds = {}): void {
    const { gpu, plan, inputs, afterRun, name } = this.#parts;
    if (this.#disposed) throw new UsageError(`program ${name} was disposed`);
    gpu.check();
    const { queue } = gpu.device;
    for (const key of Object.keys(feeds)) {
      if (!inputs.has(key))
        throw new UsageError(
          `program ${name} has no input "${key}"; its inputs are ${[...inputs.keys()].join(", ") || "none"}`,
        );
    }
    for (const s of plan.storages) {
      if (s.kind !== "input") continue;
      const tensor = inputs.get(s.input!)!;
      const data = feeds[s.input!];
      if (!data) throw new UsageError(`program ${name}: input "${s.input}" ${show(tensor.shape)} is missing`);
      if (data.length !== tensor.size)
        throw new ShapeError(
          name,
          `input "${s.input}" is ${show(tensor.shape)} = ${tensor.size} numbers, got ${data.length}`,
        );
      if (tensor.size > 0) queue.writeBuffer(this.#buffers.get(s)!, 0, encode(tensor.dtype, data));
    }
    const { buffer: host, bytes } = this.#host;
    new Uint32Array(bytes, 0, 1)[0] = this.#runs >>> 0;
    for (const { tensor, offset, feed, name: inputName } of plan.hostInputs) {
      const data = feed();
      if (data.length !== tensor.size)
        throw new ShapeError(
          name,
          `host input "${inputName}" is ${show(tensor.shape)}, its feed gave ${data.length} numbers`,
        );
      new Uint8Array(bytes, offset).set(new Uint8Array(encode(tensor.dtype, data)));
    }
    queue.writeBuffer(host, 0, bytes);
    const encoder = gpu.device.createCommandEncoder({ label: name });
    const pass = encoder.beginComputePass({ label: name });
    this.#encode(pass);
    pass.end();
    this.#encodeCopies(encoder);
    const staging = this.#stagings.take(this.#runs);
    encoder.copyBufferToBuffer(this.#status, 0, staging.buffer, 0, STATUS_BYTES);
    for (const { tensor, place, at } of this.#small) {
      if (tensor.size > 0)
        encoder.copyBufferToBuffer(
          this.#buffers.get(place.storage)!,
          place.offset,
          staging.buffer,
          at,
          Math.ceil(tensor.bytes / 4) * 4,
        );
    }
    gpu.submit(encoder.finish());
    this.#submits++;
    this.#runs++;
    this.#latest = staging;
    this.#startedMs = performance.now();
    for (const f of afterRun) f();
  }

  /**
   * Resolves when another run may be submitted without piling up work: once at most RUNS_AHEAD − 1 = 2 are under way.
   * A loop that reads every run needs it not; one that does not read would run ahead without bound, and slow down.
   */
  async ready(): Promise<void> {
    const oldest = this.#runs - RUNS_AHEAD;
    if (oldest < this.#done) return;
    const staging = this.#stagings.find(oldest);
    if (!staging || staging.reading) return;
    await this.#fetch(staging);
  }

  /** Values of the latest run's outputs (all, or those named). The run counts only once this resolves. */
  read<K extends O = O>(...names: K[]): Promise<Values<K>> {
    return this.#read(this.#latest, names);
  }

  /**
   * As read(), of the run `back` runs before the latest, 0 … 2: waits for that run alone, so that the GPU goes on
   * with the later ones. Outputs of at most 4096 bytes only; larger ones stand as the latest run left them.
   */
  async readEarlier<K extends O = O>(back: number, ...names: K[]): Promise<Values<K>> {
    const { name, outputs } = this.#parts;
    const staging = this.#stagings.find(this.#runs - 1 - back);
    if (this.#latest && !staging)
      throw new UsageError(
        `program ${name}: results of ${back} runs before the latest are gone or never were; ${RUNS_AHEAD - 1} are kept`,
      );
    const wanted = names.length
      ? names
      : ([...outputs.keys()] as K[]).filter((n) => this.#small.some((s) => s.name === n));
    const large = wanted.find((n) => outputs.has(n) && !this.#small.some((s) => s.name === n));
    if (large && back > 0)
      throw new UsageError(
        `program ${name}: output "${large}" is kept of the latest run only, for it is larger than ${SMALL_OUTPUT} bytes; use read()`,
      );
    return this.#read(staging, wanted);
  }

  async #read<K extends O>(staging: Staging | undefined, names: K[]): Promise<Values<K>> {
    const { gpu, outputs, lowerer, plan, name } = this.#parts;
    if (!staging) throw new UsageError(`program ${name} has not run yet; call run() before read()`);
    if (staging.reading) throw new UsageError(`the latest run of program ${name} is being read already`);
    const wanted = names.length ? names : ([...outputs.keys()] as K[]);
    for (const n of wanted)
      if (!outputs.has(n))
        throw new UsageError(`program ${name} has no output "${n}"; its outputs are ${[...outputs.keys()].join(", ")}`);
    const copy = await this.#fetch(staging);
    const values = {} as Values<K>;
    for (const n of wanted) {
      const tensor = outputs.get(n)!;
      const small = this.#small.find((s) => s.name === n);
      const place = plan.place(lowerer.memoryOf(tensor));
      const bytes =
        tensor.size === 0
          ? new ArrayBuffer(0)
          : small
            ? copy.slice(small.at, small.at + Math.ceil(tensor.bytes / 4) * 4)
            : await gpu.readBuffer(this.#buffers.get(place.storage)!, place.offset, tensor.bytes);
      values[n] = decode(tensor.dtype, bytes, tensor.size);
    }
    return values;
  }

  /** What a run left in its staging buffer, once it has; throws if the GPU did not execute it. */
  async #fetch(staging: Staging): Promise<ArrayBuffer> {
    const { gpu, name } = this.#parts;
    const { run } = staging;
    staging.reading = true;
    try {
      if (gpu.traits.cpu && this.#expectedMs > 2)
        await new Promise((done) => setTimeout(done, 0.9 * this.#expectedMs - (performance.now() - this.#startedMs)));
      const asked = performance.now();
      await gpu.map(staging.buffer);
      // What was there at once may have been there for long: the guess was too high. A first run tells nothing:
      // drivers compile in it.
      const waited = performance.now() - asked;
      if (staging.run > 0)
        this.#expectedMs =
          waited < Math.max(2, 0.02 * this.#expectedMs) ? 0.85 * this.#expectedMs : performance.now() - this.#startedMs;
      const copy = staging.buffer.getMappedRange().slice(0);
      staging.buffer.unmap();
      const finished = new Uint32Array(copy, 0, 1)[0];
      if (finished !== staging.run >>> 0)
        throw new GpuValidationError(`run ${staging.run} of program ${name} did not execute on the GPU`);
      this.#done = Math.max(this.#done, run + 1);
      return copy;
    } finally {
      staging.reading = false;
    }
  }

  /** One run with each dispatch timed by the GPU. Needs the device feature timestamp-query. */
  async profile(feeds: Feeds = {}): Promise<KernelTime[]> {
    this.run(feeds);
    await this.read();
    this.#times = await timeDispatches(
      this.#parts.gpu,
      this.#replays.map(({ dispatch, pipeline, bindGroup }) => ({
        label: dispatch.label,
        kernel: dispatch.kernel.name,
        cost: dispatch.cost,
        pipeline,
        bindGroup,
        workgroups: dispatch.workgroups,
      })),
    );
    return [...this.#times];
  }

  /**
   * The fastest tunables of each of the program's kernels and shape classes, timed on buffers of their own: what
   * `Device.open` takes as `tuned`. Classes in `known` are not timed again; `onKernel` hears of each that was. Throws
   * UsageError without timestamp-query.
   */
  async tune({
    known = {},
    onKernel,
  }: {
    known?: Tuned;
    onKernel?: (found: TunedKernel) => void;
  } = {}): Promise<Tuned> {
    const { gpu } = this.#parts;
    const found: Record<string, Consts> = { ...known };
    for (const { dispatch: d } of this.#replays) {
      const key = tuningKey(gpu.adapterName, d.kernel, d.params);
      if (key in found) continue;
      const best = await tuneCase(gpu, {
        ...d,
        layout: layoutOf(d),
        memory: d.memory.map(({ binding, memory }) => ({ binding, bytes: memory.bytes })),
        workgroups: (choice) => workgroupsOf(d.kernel, d.params, { ...d.consts, ...choice }),
      });
      if (!best) continue;
      found[key] = best.consts;
      onKernel?.(best);
    }
    return found;
  }

  stats(): ProgramStats {
    const { plan } = this.#parts;
    const variableBytes = plan.storages.filter((s) => s.kind === "variable").reduce((n, s) => n + s.bytes, 0);
    const activationBytes = plan.slotBytes.reduce((n, b) => n + b, 0);
    return {
      dispatches: this.#replays.length,
      pipelines: new Set(this.#replays.map((r) => r.pipeline)).size,
      bindGroups: this.#replays.length,
      buffers: this.#owned.length + this.#stagings.count,
      variableBytes,
      activationBytes,
      bytes: variableBytes + this.#owned.reduce((n, b) => n + b.size, 0) + this.#stagings.count * this.#stagings.bytes,
      lowerBoundBytes: plan.lowerBoundBytes,
      runs: this.#runs,
      submits: this.#submits,
    };
  }

  /**
   * What each dispatch computes, by which kernel, how much, and what it fused; with times once profile() took them.
   * toString() is a table.
   */
  explain(): Explanation {
    const { estimate: e } = this.#parts;
    const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
    return new Explanation(
      this.name,
      this.#replays.map(({ dispatch }, i) => explainDispatch(dispatch, this.#times[i]?.timeUs)),
      `${e.dispatches} dispatches, ${(e.flops / 1e9).toFixed(3)} GFLOP${e.flopsRatio > 1 ? ` (${e.flopsRatio.toFixed(3)} times what it takes without a budget)` : ""}, activations ${mb(e.activationBytes)} of at least ${mb(e.lowerBoundBytes)}, variables ${mb(e.variableBytes)}`,
    );
  }

  /** Frees the program's buffers; variables stay with their device. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const buffer of this.#owned) this.#parts.gpu.destroyBuffer(buffer);
    this.#stagings.dispose();
  }
  [Symbol.dispose](): void {
    this.dispose();
  }

  #encode(pass: GPUComputePassEncoder): void {
    let current: GPUComputePipeline | undefined;
    for (const { dispatch, pipeline, bindGroup } of this.#replays) {
      if (pipeline !== current) pass.setPipeline((current = pipeline));
      pass.setBindGroup(0, bindGroup);
      const [x, y, z] = dispatch.workgroups;
      pass.dispatchWorkgroups(x, y, z);
    }
  }

  #encodeCopies(encoder: GPUCommandEncoder): void {
    for (const { from, to, bytes } of this.#parts.plan.copies) {
      if (bytes > 0)
        encoder.copyBufferToBuffer(
          this.#buffers.get(from.storage)!,
          from.offset,
          this.#buffers.get(to.storage)!,
          to.offset,
          bytes,
        );
    }
  }
}
