// A GPUDevice with what WebGPU leaves to its user: errors that reach the caller, counted memory, cached pipelines.
import {
  type CmedlError,
  DeviceLostError,
  GpuValidationError,
  LimitExceededError,
  OutOfMemoryError,
  ShaderCompileError,
  UsageError,
} from "../errors.ts";
import type { Consts, Kernel, Params, Traits } from "../../kernels/kernel.ts";
import { TEXEL_BYTES } from "../../kernels/texels.ts";
import { driverCompile } from "../driver-compile.ts";
import { wholeWords } from "../dtype.ts";
import { tensorCores } from "../tensor-cores.ts";
import { llvmpipe } from "../llvmpipe.ts";
import { type GpuSource, isSoftwareAdapter, requestDevice } from "./source.ts";
import type { Tunings } from "./tuned.ts";

export interface GpuOptions {
  /**
   * Largest binding the engine uses, below the device's own limit: large-tensor paths become testable with small
   * tensors.
   */
  maxBindingBytes?: number;
  /** Largest buffer the engine makes, below the device's own limit. */
  maxBufferBytes?: number;
  /** What to believe of the device instead of what its adapter says. */
  traits?: Partial<Traits>;
  /** What was found fastest on this adapter, as `tunedBy` gives it; what ships runs where it has nothing. */
  tuned?: Tunings;
}

/** What a device holds now; `peakBytes` and `totalSubmits` are since it was opened. */
export interface GpuCounters {
  buffers: number;
  bytes: number;
  peakBytes: number;
  /** Kept for later programs until the device is disposed. */
  pipelines: number;
  /** Of programs that are not disposed. */
  bindGroups: number;
  totalSubmits: number;
}

/** A pipeline, compiled or being so, and how many calls asked for it, less those that took it back. */
interface KeptPipeline {
  readonly made: Promise<GPUComputePipeline>;
  asked: number;
}

/** Bytes of a buffer, or of a texture of four f32 a texel. */
export const bytesOf = (made: GPUBuffer | GPUTexture): number =>
  "format" in made ? TEXEL_BYTES * made.width * made.height : made.size;

export class Gpu {
  readonly traits: Traits;
  readonly counters: GpuCounters = { buffers: 0, bytes: 0, peakBytes: 0, pipelines: 0, bindGroups: 0, totalSubmits: 0 };
  readonly maxBindingBytes: number;
  readonly maxBufferBytes: number;
  readonly adapterName: string;
  readonly #tunings: Tunings | undefined;
  #failure: CmedlError | undefined;
  /** Resolves once what was guarded so far is known to be taken or refused. */
  #heard: Promise<unknown> = Promise.resolve();
  #disposed = false;
  readonly #pipelines = new Map<string, KeptPipeline>();
  readonly #onError = (event: Event): void =>
    this.#fail(new GpuValidationError(`the GPU reported: ${(event as GPUUncapturedErrorEvent).error.message}`));

  private constructor(
    readonly device: GPUDevice,
    info: GPUAdapterInfo | undefined,
    readonly borrowed: boolean,
    options: GpuOptions,
  ) {
    const cpu = options.traits?.cpu ?? (info ? isSoftwareAdapter(info) : false);
    this.traits = {
      cpu,
      f16: device.features.has("shader-f16"),
      subgroups: device.features.has("subgroups"),
      lanes: info?.subgroupMinSize,
      texels: cpu && !!info && llvmpipe.brought?.pay(info),
      ...options.traits,
      ...(!tensorCores.brought && { matrix: undefined }),
    };
    this.adapterName = info
      ? [info.vendor, info.architecture, info.device, info.description].filter(Boolean).join(" ")
      : "unknown";
    this.#tunings = options.tuned;
    this.maxBindingBytes = Math.min(options.maxBindingBytes ?? Infinity, device.limits.maxStorageBufferBindingSize);
    this.maxBufferBytes = Math.min(options.maxBufferBytes ?? Infinity, device.limits.maxBufferSize);
    if (!borrowed) device.addEventListener("uncapturederror", this.#onError);
    void device.lost.then((info) => {
      if (!this.#disposed)
        this.#fail(
          new DeviceLostError(
            `the GPU device was lost (${info.reason}): ${info.message || "no reason given"}; ` +
              "go on from the last checkpoint on a new one",
          ),
        );
    });
  }

  /** A device of `source`, as `requestDevice` gives it. */
  static async open(source: GpuSource, options: GpuOptions = {}): Promise<Gpu> {
    const { device, info, borrowed } = await requestDevice(source);
    const matrix = await tensorCores.brought?.(device, info);
    return new Gpu(device, info, borrowed, { ...options, traits: { matrix, ...options.traits } });
  }

  get maxStorageBuffers(): number {
    return this.device.limits.maxStorageBuffersPerShaderStage;
  }
  get maxWorkgroups(): number {
    return this.device.limits.maxComputeWorkgroupsPerDimension;
  }
  get timestamps(): boolean {
    return this.device.features.has("timestamp-query");
  }

  /** What was found fastest for this kernel, problem and storage here, if anything was. */
  tuned(kernel: Kernel, params: Params, aliases: Readonly<Record<string, string>>): Consts | undefined {
    return this.#tunings?.tunables(this, kernel, params, aliases);
  }

  /** Name of the kernel of this list that was found fastest for the problem here, if any was. */
  preferred(kernels: readonly Kernel[], params: Params): string | undefined {
    return this.#tunings?.kernel(this, kernels, params);
  }

  /** The first error wins; it is thrown at every later `check`. */
  #fail(error: CmedlError): void {
    this.#failure ??= error;
  }

  /** Throws the error that the GPU reported of our work since the last read, or that it was lost. */
  check(): void {
    if (this.#disposed) throw new UsageError("this device was disposed");
    if (!this.#failure) return;
    const error = this.#failure;
    // A validation error concerns the work since the last read; a loss is for good.
    if (!(error instanceof DeviceLostError)) this.#failure = undefined;
    throw error;
  }

  createBuffer(bytes: number, usage: GPUBufferUsageFlags, label: string): GPUBuffer {
    const size = Math.max(16, Math.ceil(bytes / 16) * 16);
    if (size > this.maxBufferBytes) {
      throw new LimitExceededError(
        `${label} needs ${size} bytes, this device's buffers hold at most ` +
          `${this.maxBufferBytes}; make the batch or the image smaller`,
      );
    }
    const buffer = this.device.createBuffer({ size, usage, label });
    this.#count(1, size);
    return buffer;
  }

  destroy(made: GPUBuffer | GPUTexture): void {
    this.#count(-1, -bytesOf(made));
    made.destroy();
  }

  /** Counted among buffers. */
  createTexture(descriptor: GPUTextureDescriptor): GPUTexture {
    const texture = this.device.createTexture(descriptor);
    this.#count(1, bytesOf(texture));
    return texture;
  }

  #count(buffers: number, bytes: number): void {
    this.counters.buffers += buffers;
    this.counters.bytes += bytes;
    this.counters.peakBytes = Math.max(this.counters.peakBytes, this.counters.bytes);
  }

  /**
   * Gives what `make` makes, once the GPU took it; what the GPU refuses is thrown here, typed. The error scopes are of
   * this call alone: `make` is not async, so that calls under way at once do not hear each other's errors.
   */
  async scoped<T>(what: string, make: () => T): Promise<T> {
    this.check();
    const { made, refused } = this.#inScopes(what, make);
    const error = await refused;
    if (error) throw error;
    this.check();
    return made;
  }

  /**
   * As `scoped`, at once: what the GPU refuses is thrown by the next check. Scopes hear it before anything read back
   * arrives; an uncaptured error may come later, as an event (Chromium 156).
   */
  guarded<T>(what: string, make: () => T): T {
    const { made, refused } = this.#inScopes(what, make);
    const heard = refused.then((error) => error && this.#fail(error));
    // Nothing is kept of what was heard before.
    this.#heard = Promise.all([this.#heard, heard]).then(() => {});
    return made;
  }

  #inScopes<T>(what: string, make: () => T): { made: T; refused: Promise<CmedlError | undefined> } {
    const { device } = this;
    device.pushErrorScope("validation");
    device.pushErrorScope("out-of-memory");
    // A lost device may pop no scope; check() reports the loss.
    const pop = (): Promise<GPUError | null> => device.popErrorScope().catch(() => null);
    let made: T;
    try {
      made = make();
    } catch (error) {
      void pop();
      void pop();
      throw error;
    }
    const refused = Promise.all([pop(), pop()]).then(([memory, validation]) => {
      if (memory)
        return new OutOfMemoryError(
          `${what}: the GPU has no memory left (${memory.message}); ${this.counters.bytes} bytes were in use`,
        );
      return validation ? new GpuValidationError(`${what}: ${validation.message}`) : undefined;
    });
    return { made, refused };
  }

  /**
   * The pipeline of a WGSL module, compiled once per device; the layout is explicit, so equal layouts share a cache
   * entry. Kept until the device is disposed, unless all who asked for it give it up.
   */
  pipeline(code: string, entries: readonly GPUBindGroupLayoutEntry[], label: string): Promise<GPUComputePipeline> {
    const known = this.#pipelines.get(code);
    if (known) {
      known.asked++;
      return known.made;
    }
    const made = this.#compile(code, entries, label);
    const wanted = (): boolean => !this.#failure && this.#pipelines.get(code) === kept;
    const compiled = driverCompile.brought?.({ device: this.device, code, entries, made, wanted });
    const kept: KeptPipeline = { made: compiled ?? made, asked: 1 };
    this.#pipelines.set(code, kept);
    this.counters.pipelines++;
    kept.made.catch(() => this.#forget(code, kept));
    return kept.made;
  }

  /** Takes one call of `pipeline` back: its caller made no program. */
  giveUpPipeline(code: string): void {
    const kept = this.#pipelines.get(code);
    if (kept && --kept.asked === 0) this.#forget(code, kept);
  }

  #forget(code: string, kept: KeptPipeline): void {
    if (this.#pipelines.get(code) !== kept) return;
    this.#pipelines.delete(code);
    this.counters.pipelines--;
  }

  async #compile(
    code: string,
    entries: readonly GPUBindGroupLayoutEntry[],
    label: string,
  ): Promise<GPUComputePipeline> {
    const { made, refused } = this.#inScopes(`kernel ${label}`, () => {
      const module = this.device.createShaderModule({ code, label });
      const layout = this.device.createPipelineLayout({
        label,
        bindGroupLayouts: [this.device.createBindGroupLayout({ label, entries: [...entries] })],
      });
      const pipeline = this.device.createComputePipelineAsync({ layout, compute: { module }, label });
      return { module, pipeline };
    });
    try {
      return await made.pipeline;
    } catch (cause) {
      const error = await refused;
      if (error instanceof OutOfMemoryError) throw error;
      this.check();
      const { messages } = await made.module.getCompilationInfo();
      const first = messages.find((m) => m.type === "error");
      const where = first
        ? ` at line ${first.lineNum}: ${first.message}\n${code.split("\n")[first.lineNum - 1] ?? ""}`
        : `: ${String(cause)}`;
      throw new ShaderCompileError(`kernel ${label} does not compile${where}`);
    }
  }

  submit(...commands: readonly GPUCommandBuffer[]): void {
    this.device.queue.submit(commands);
    this.counters.totalSubmits++;
  }

  /** Copies of bytes of a buffer; throws what the GPU reported. */
  async readBuffer(buffer: GPUBuffer, offset: number, bytes: number): Promise<ArrayBuffer> {
    const size = wholeWords(bytes);
    if (size === 0) return new ArrayBuffer(0);
    const { made, refused } = this.#inScopes("reading back", () => {
      const staging = this.createBuffer(size, GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ, "read");
      const encoder = this.device.createCommandEncoder();
      encoder.copyBufferToBuffer(buffer, offset, staging, 0, size);
      this.submit(encoder.finish());
      // Within the scopes: where there is no memory for the buffer, mapping it is an error too.
      return [staging, staging.mapAsync(GPUMapMode.READ)] as const;
    });
    const [staging, mapped] = made;
    try {
      await this.map(staging, mapped, refused);
      return staging.getMappedRange(0, size).slice(0, bytes);
    } finally {
      this.destroy(staging);
    }
  }

  /** Waits until a staging buffer is mapped; a rejection becomes the reason for it, `refused` before others. */
  async map(
    staging: GPUBuffer,
    mapped: Promise<void> = staging.mapAsync(GPUMapMode.READ),
    refused?: Promise<CmedlError | undefined>,
  ): Promise<void> {
    try {
      await mapped;
    } catch (cause) {
      const error = await refused;
      if (error) throw error;
      this.check();
      throw new DeviceLostError(`nothing can be read back from the GPU: ${String(cause)}`);
    }
    // The buffer maps although the copy to it was refused.
    const error = await refused;
    await this.#heard;
    if (error) throw error;
    this.check();
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.device.removeEventListener("uncapturederror", this.#onError);
    this.#pipelines.clear();
    this.counters.pipelines = 0;
    if (!this.borrowed) this.device.destroy();
  }
}
