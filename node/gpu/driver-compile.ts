// llvmpipe compiles a pipeline when it first runs, on one core: half a minute before the first step of a regime. Devices
// of its own, a core each, compile them before: they dispatch them over no workgroups at all, and Mesa's cache on the
// disk hands the code to the device that will run them.
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
import type { AskedPipeline } from "../../engine/driver-compile.ts";
import { readsTexelsFaster } from "../../engine/gpu/source.ts";
import { coresHere } from "./cores.ts";
import { mappedNow } from "./patience.ts";

/** Fewer pipelines than these are compiled as they run. */
const FEWEST = 16;
/** Most compile at a time. */
const MOST = 4;
/** So many of the longer half of all tell whether the cache has them. */
const PROBES = 3;
/** Out of the cache they take a few milliseconds, else a hundred and more. */
const CACHED_MS = 50;
/** For Mesa to have written what it compiled. */
const WRITTEN_MS = 50;
/** Turns of the event loop in which a compile that gave one goes on. */
const TURNS = 4;
/** Between two questions whether a pipeline is compiled. */
const ASK_MS = [1, 2, 4] as const;
/** As long as the longest uniform of a pipeline, and more. */
const BOUND_BYTES = 2 ** 14;

/** A pipeline that is waited for until `done` is called. */
interface Job {
  readonly asked: AskedPipeline;
  done(): void;
}

export class DriverCompiler {
  /** What was asked for since the last burst, by device. */
  readonly #asked = new Map<GPUDevice, Job[]>();
  /** Whether what one device compiles is of use to another. */
  #hasCache = true;

  /** `adapterOf` gives another adapter of a device's own kind. */
  constructor(readonly adapterOf: (device: GPUDevice) => Promise<GPUAdapter | null>) {}

  /** The pipeline, once the driver has compiled it, or where that is left to its first run. */
  readonly compile = async (asked: AskedPipeline): Promise<GPUComputePipeline> => {
    const { device, made } = asked;
    if (this.#hasCache && readsTexelsFaster(device.adapterInfo) && coresHere() > 1)
      await new Promise<void>((done) => {
        made.catch(done); // who asked hears of it at once
        const jobs = this.#asked.get(device);
        if (jobs) jobs.push({ asked, done });
        else {
          this.#asked.set(device, [{ asked, done }]);
          void this.#begin(device);
        }
      });
    return made;
  };

  async #begin(device: GPUDevice): Promise<void> {
    const jobs = this.#asked.get(device)!;
    // A compile that gives turns asks for more after each.
    for (let asked = 0; asked < jobs.length; ) {
      asked = jobs.length;
      for (let i = 0; i < TURNS; i++) await turn();
    }
    this.#asked.delete(device);
    try {
      if (jobs.length >= FEWEST) await this.#compile(device, jobs);
    } catch {
      // A device that can't be had, or is lost, compiles nothing: that is left to first runs.
    } finally {
      for (const { done } of jobs) done();
    }
  }

  async #compile(device: GPUDevice, jobs: readonly Job[]): Promise<void> {
    const settled = await Promise.allSettled(jobs.map(({ asked }) => asked.made));
    const made = jobs.filter((_, i) => settled[i]!.status === "fulfilled");
    if (made.length < FEWEST) return;
    const opened: Promise<Compiler>[] = [];
    const open = (): Promise<Compiler> => {
      const compiler = this.adapterOf(device).then((adapter) => Compiler.open(adapter, device.features));
      opened.push(compiler);
      return compiler;
    };
    try {
      const first = await open();
      const missing = await firstMissing(first, made);
      if (!missing) return;
      const left = shuffled(made).values();
      const work = async (compiler: Compiler): Promise<void> => {
        for (const job of left) {
          if (!this.#hasCache) return;
          await compiler.compile(job);
          job.done();
        }
      };
      // It goes on while another looks whether what it compiles is of use to others.
      const alone = work(first);
      alone.catch(() => {}); // heard of below
      const others = await Promise.all(Array.from({ length: Math.min(coresHere(), MOST) - 1 }, open));
      const isCached = async (): Promise<boolean> => {
        await sleep(WRITTEN_MS);
        const ms = await others[0]!.compile(missing.job);
        return ms === undefined || ms < missing.ms / 2;
      };
      this.#hasCache = await isCached();
      await Promise.all([alone, ...others.map(work)]);
      // A cache that is too small has lost it by now.
      this.#hasCache &&= await isCached();
    } finally {
      // One that opens after another could not must go as well.
      for (const compiler of await Promise.allSettled(opened))
        if (compiler.status === "fulfilled") compiler.value.device.destroy();
    }
  }
}

/** The first of a few pipelines that has to be compiled, and how long that took; undefined where all are cached. */
async function firstMissing(
  compiler: Compiler,
  jobs: readonly Job[],
): Promise<{ readonly job: Job; readonly ms: number } | undefined> {
  // Shorter ones first: nothing else is compiled meanwhile.
  const byLength = [...jobs].sort((a, b) => a.asked.code.length - b.asked.code.length);
  for (let i = 1; i <= PROBES; i++) {
    const job = byLength[Math.ceil(((PROBES + i) * byLength.length) / (2 * PROBES)) - 1]!;
    const ms = await compiler.compile(job);
    if (ms !== undefined && ms > CACHED_MS) return { job, ms };
  }
  return undefined;
}

/**
 * Longer ones first, more or less: processes that begin at once take the same pipelines each in an order of its own, and
 * find what others compiled.
 */
const shuffled = (jobs: readonly Job[]): Job[] =>
  jobs
    .map((job) => ({ job, weight: job.asked.code.length * (0.8 + 0.4 * Math.random()) }))
    .sort((a, b) => b.weight - a.weight)
    .map(({ job }) => job);

/** A device whose driver compiles one pipeline after the other. */
class Compiler {
  readonly #zeros: GPUBuffer;
  readonly #staging: GPUBuffer;
  /** What pipelines bind, for dispatches that run nothing. */
  readonly #buffers = new Map<number, GPUBuffer>();
  readonly #texture: GPUTexture;

  private constructor(readonly device: GPUDevice) {
    const { INDIRECT, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
    this.#zeros = device.createBuffer({ size: 16, usage: INDIRECT | COPY_SRC });
    this.#staging = device.createBuffer({ size: 16, usage: MAP_READ | COPY_DST });
    const usage = GPUTextureUsage.STORAGE_BINDING;
    this.#texture = device.createTexture({ size: [1, 1], format: "rgba32float", usage });
  }

  static async open(adapter: GPUAdapter | null, features: GPUSupportedFeatures): Promise<Compiler> {
    if (!adapter) throw new Error("no adapter");
    const requiredFeatures = [...features].filter((f) => adapter.features.has(f)) as GPUFeatureName[];
    return new Compiler(await adapter.requestDevice({ requiredFeatures }));
  }

  /** Milliseconds that the driver took; undefined where nobody waits for the pipeline any more, or it is refused. */
  async compile({ asked }: Job): Promise<number | undefined> {
    if (!asked.wanted()) return undefined;
    const { device } = this;
    device.pushErrorScope("validation");
    const commands = this.#commands(asked);
    const began = performance.now();
    device.queue.submit([commands]);
    const refused = device.popErrorScope();
    for (let i = 0; !(await mappedNow(this.#staging)); i++) await sleep(ASK_MS[i] ?? ASK_MS.at(-1));
    const tookMs = performance.now() - began;
    this.#staging.unmap();
    return (await refused) ? undefined : tookMs;
  }

  #commands({ code, entries }: AskedPipeline): GPUCommandBuffer {
    const { device } = this;
    const layout = device.createBindGroupLayout({ entries: [...entries] });
    const pipeline = device.createComputePipeline({
      layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module: device.createShaderModule({ code }) },
    });
    const bound = entries.map(({ binding, storageTexture }) => ({
      binding,
      resource: storageTexture ? this.#texture.createView() : { buffer: this.#bufferOf(binding) },
    }));
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, device.createBindGroup({ layout, entries: bound }));
    // The driver compiles before it looks how many workgroups there are.
    pass.dispatchWorkgroupsIndirect(this.#zeros, 0);
    pass.end();
    encoder.copyBufferToBuffer(this.#zeros, 0, this.#staging, 0, 16);
    return encoder.finish();
  }

  #bufferOf(binding: number): GPUBuffer {
    const known = this.#buffers.get(binding);
    if (known) return known;
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.UNIFORM;
    const made = this.device.createBuffer({ size: BOUND_BYTES, usage });
    this.#buffers.set(binding, made);
    return made;
  }
}
