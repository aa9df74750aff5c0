// llvmpipe compiles a pipeline when it first runs, on one core: half a minute before the first step of a regime. Devices
// of its own, a core each, compile them before: they dispatch them over no workgroups at all, and Mesa's cache on the
// disk hands the code to the device that will run them.
import { createHash } from "node:crypto";
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
import type { AskedPipeline } from "../../engine/driver-compile.ts";
import { readsTexelsFaster } from "../../engine/gpu/source.ts";
import { coresHere } from "./cores.ts";
import { mappedNow } from "./patience.ts";

/** Fewer pipelines than these are compiled as they run. */
const FEWEST = 16;
/** Most compile at a time. */
const MOST = 4;
/** A pipeline that takes less comes out of the cache: half of what the quickest of half the kernels takes. */
const CACHED_MS = 30;
/** For Mesa to have written what it compiled. */
const WRITTEN_MS = 50;
/** Between two questions whether a pipeline is compiled. */
const ASK_MS = [1, 2, 4, 8, 16] as const;

interface Job {
  readonly asked: AskedPipeline;
  /** Called when the driver has compiled it, or will when it first runs. */
  done(): void;
}

export class DriverCompiler {
  /** What was asked for in this turn of the event loop. */
  #asked: Job[] = [];
  /** Codes that are in the cache. */
  readonly #known = new Set<string>();
  /** One burst after the other. */
  #last: Promise<void> = Promise.resolve();
  /** Kept to see whether the cache has what is asked for. */
  #probe: Compiler | undefined;

  /** `adapterOf` gives another adapter for devices like this one. */
  constructor(readonly adapterOf: () => Promise<GPUAdapter | null>) {}

  readonly compile = async (asked: AskedPipeline): Promise<GPUComputePipeline> => {
    const { device, made, code } = asked;
    made.catch(() => {}); // who waits for the pipeline hears of it, later
    if (readsTexelsFaster(device.adapterInfo) && coresHere() > 1 && !this.#known.has(hashOf(code)))
      await new Promise<void>((done) => {
        if (this.#asked.push({ asked, done }) === 1) void this.#begin();
      });
    return made;
  };

  async #begin(): Promise<void> {
    await turn();
    const jobs = this.#asked;
    this.#asked = [];
    // Where no device can be had, pipelines are compiled as they run.
    if (jobs.length >= FEWEST) {
      this.#last = this.#last.then(() => this.#compile(jobs)).catch(() => {});
      await this.#last;
    }
    for (const { done } of jobs) done();
  }

  async #compile(jobs: readonly Job[]): Promise<void> {
    const { device } = jobs[0]!.asked;
    const byLength = [...jobs].sort((a, b) => b.asked.code.length - a.asked.code.length);
    const probe = this.#probe ?? (await this.#open(device));
    this.#probe = probe;
    const probed = byLength[byLength.length >> 1]!;
    const tookMs = (await probe?.compile(probed)) ?? 0;
    if (!probe || tookMs < CACHED_MS) return this.#learn(jobs);
    const others = await Promise.all(Array.from({ length: Math.min(coresHere(), MOST) - 1 }, () => this.#open(device)));
    try {
      await sleep(WRITTEN_MS);
      // Without a cache, what one device compiles is of no use to another.
      const again = await others[0]?.compile(probed);
      if (again === undefined || again > tookMs / 2) return;
      const left = byLength.values();
      const work = async (compiler: Compiler): Promise<void> => {
        for (const job of left) {
          await compiler.compile(job);
          job.done();
        }
      };
      await Promise.all([probe, ...others.flatMap((c) => c ?? [])].map(work));
      await sleep(WRITTEN_MS);
      this.#learn(jobs);
    } finally {
      for (const compiler of others) compiler?.device.destroy();
    }
  }

  #learn(jobs: readonly Job[]): void {
    for (const { asked } of jobs) this.#known.add(hashOf(asked.code));
  }

  async #open({ features }: GPUDevice): Promise<Compiler | undefined> {
    const adapter = await this.adapterOf();
    const requiredFeatures = [...features].filter((f) => adapter?.features.has(f)) as GPUFeatureName[];
    const device = await adapter?.requestDevice({ requiredFeatures });
    return device && new Compiler(device);
  }
}

const hashOf = (code: string): string => createHash("sha1").update(code).digest("base64");

/** A device whose driver compiles one pipeline after the other. */
class Compiler {
  readonly #zeros: GPUBuffer;
  readonly #staging: GPUBuffer;
  /** What pipelines bind, for dispatches that run nothing. */
  readonly #buffers = new Map<number, GPUBuffer>();
  readonly #texture: GPUTexture;

  constructor(readonly device: GPUDevice) {
    const { INDIRECT, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
    this.#zeros = device.createBuffer({ size: 16, usage: INDIRECT | COPY_SRC });
    this.#staging = device.createBuffer({ size: 16, usage: MAP_READ | COPY_DST });
    const usage = GPUTextureUsage.STORAGE_BINDING;
    this.#texture = device.createTexture({ size: [1, 1], format: "rgba32float", usage });
  }

  /** Milliseconds that the driver took; undefined where nobody waits for the pipeline any more, or it is refused. */
  async compile({ asked }: Job): Promise<number | undefined> {
    const isMade = await asked.made.then(
      () => true,
      () => false,
    );
    if (!isMade || !asked.wanted()) return undefined;
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

/** As long as the longest uniform of a pipeline, and more. */
const BOUND_BYTES = 2 ** 14;
