// What a program is made of, before its first run: all pipelines at once, then buffers and bind groups in error scopes.
import { finish } from "../../kernels/map/finish.ts";
import type { Gpu } from "../gpu/gpu.ts";
import type { Pace } from "../pace.ts";
import type { Tensor } from "../tensor.ts";
import { type Variable, variableOf } from "../variable.ts";
import { UniformArena, finishDispatch, finishLayout, layoutOf } from "./bindings.ts";
import type { Estimate } from "./compilation.ts";
import type { Place, Storage } from "../plan/memory.ts";
import type { Plan, PlannedDispatch } from "../plan/plan.ts";
import { type BoundMemory, isScratch } from "../fuse/memory.ts";
import { type Fusion, siteOf } from "../fuse/stage.ts";
import type { Replay } from "./replays.ts";
import { StagingRing } from "./staging.ts";
import { TEXELS_IN_ROW, TEXEL_FORMAT } from "../../kernels/texels.ts";
import { NO_TEXELS } from "../gpu/texels.ts";
import { llvmpipe } from "../llvmpipe.ts";
import type { BufferPlace, VariableMemory } from "./variables.ts";

export interface ProgramParts {
  readonly name: string;
  readonly gpu: Gpu;
  readonly plan: Plan;
  readonly fusion: Fusion;
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly outputs: ReadonlyMap<string, Tensor>;
  readonly afterRun: readonly (() => void)[];
  readonly estimate: Estimate;
  /** The device's. */
  readonly variables: VariableMemory;
  /** Hears that the program was disposed. */
  readonly onDispose?: () => void;
}

/** Where each storage of a plan begins. */
export type Places = ReadonlyMap<Storage, BufferPlace>;

/** An output that every run copies to `at` in the staging buffer. */
export interface SmallOutput {
  readonly name: string;
  readonly tensor: Tensor;
  readonly place: Place;
  readonly at: number;
}

export interface Built {
  readonly places: Places;
  /** Buffers of this program alone. */
  readonly owned: readonly (GPUBuffer | GPUTexture)[];
  readonly replays: readonly Replay[];
  /** How often the device had moved variables when these were bound. */
  readonly moves: number;
  /** The replays bound again, with every variable where it is now; `places` follows. Throws UsageError. */
  rebind(): readonly Replay[];
  /** The variables that a run changes. */
  readonly changes: readonly Variable[];
  readonly host: GPUBuffer;
  readonly status: GPUBuffer;
  readonly small: readonly SmallOutput[];
  readonly stagings: StagingRing;
}

/** Outputs up to this many bytes are copied out by every run; larger ones when they are read. */
export const SMALL_OUTPUT = 4096;
export const STATUS_BYTES = 16;

/**
 * Makes pipelines, brings the plan's variables to the device, then makes the rest at once. Throws OutOfMemoryError,
 * ShaderCompileError, ValuesLostError, and the reason of an abort.
 */
export async function build(parts: ProgramParts, pace: Pace): Promise<Built> {
  const { gpu, plan, name, variables } = parts;
  const dispatches = plan.stages.flatMap((s) => s.dispatches);
  const builder = new Builder(parts);
  const byCode = new Map(dispatches.map((d) => [d.code, d]));
  const pipelines = new PipelineSet(gpu, pace, byCode.size + 1);
  try {
    for (const d of byCode.values()) await pipelines.add(d.code, layoutOf(d), d.kernel.name);
    await pipelines.add(finish.source, finishLayout, "finish");
    const compiled = await pace.waitFor(pipelines.compiled());
    await variables.bring(
      plan.storages.flatMap((storage) => storage.variable ?? []),
      pace,
    );
    pace.tell("bind", 0, 1);
    const built = await gpu.scoped(name, () => builder.build(dispatches, compiled));
    pace.signal?.throwIfAborted();
    pace.tell("bind", 1, 1);
    return built;
  } catch (error) {
    builder.abandon();
    pipelines.giveUp();
    throw error;
  }
}

/** The pipelines of a program in the making. */
class PipelineSet {
  readonly #asked = new Map<string, Promise<GPUComputePipeline>>();
  #done = 0;
  #givenUp = false;

  constructor(
    readonly gpu: Gpu,
    readonly pace: Pace,
    readonly total: number,
  ) {}

  async add(code: string, entries: readonly GPUBindGroupLayoutEntry[], kernel: string): Promise<void> {
    if (this.#givenUp) return;
    const { gpu, pace, total } = this;
    const made = gpu.pipeline(code, entries, kernel).then((pipeline) => {
      if (!this.#givenUp) pace.tell("pipelines", ++this.#done, total);
      return pipeline;
    });
    made.catch(() => this.giveUp()); // who waits for all hears of it
    this.#asked.set(code, made);
    if (pace.isDue) await pace.turn();
  }

  /**
   * All of them. Throws the first refusal once none is being compiled: a process that ends meanwhile crashes in Dawn.
   */
  async compiled(): Promise<ReadonlyMap<string, GPUComputePipeline>> {
    await Promise.allSettled(this.#asked.values());
    const compiled = new Map<string, GPUComputePipeline>();
    for (const [code, made] of this.#asked) compiled.set(code, await made);
    return compiled;
  }

  giveUp(): void {
    if (this.#givenUp) return;
    this.#givenUp = true;
    for (const code of this.#asked.keys()) this.gpu.giveUpPipeline(code);
  }
}

/** Sizes of bindings are multiples of this many bytes. */
const UNIT = 16;
const wholeUnits = (bytes: number): number => Math.ceil(bytes / UNIT) * UNIT;

/** What a run of a plan changes. */
function changedBy(plan: Plan): ReadonlySet<Storage> {
  const written = new Set<Storage>(plan.copies.map((c) => c.to.storage));
  for (const { memory, access } of plan.stages.flatMap((s) => s.dispatches).flatMap((d) => d.memory))
    if (access === "read_write") written.add(plan.place(memory).storage);
  return written;
}

/** The run of a buffer that a dispatch reads or writes. */
export function entryOf(
  plan: Plan,
  places: Places,
  { binding, memory }: BoundMemory,
): GPUBindGroupEntry & { readonly resource: Required<GPUBufferBinding> } {
  const { storage, offset } = plan.place(memory);
  const size = Math.max(UNIT, wholeUnits(memory.bytes));
  const place = places.get(storage)!;
  return { binding, resource: { buffer: place.buffer, offset: place.offset + offset, size } };
}

/** "conv2d-direct conv2d [2, 64, 64, 8] [3, 3, 8, 8] → [2, 64, 64, 8] · unet.down1": kernel, shapes, layer. */
function labelOf({ kernel, label, memory }: PlannedDispatch, site: string | undefined): string {
  const names = memory.map(({ memory: { content } }) => (isScratch(content) ? undefined : variableOf(content)?.name));
  const layer = site ?? names.find((name) => name)?.replace(/\.\w+$/, "");
  return `${kernel.name} ${label}${layer ? ` · ${layer}` : ""}`;
}

/** Makes buffers and bind groups; within the error scopes of its caller. */
class Builder {
  readonly #owned: (GPUBuffer | GPUTexture)[] = [];
  readonly #places = new Map<Storage, BufferPlace>();
  readonly #written: ReadonlySet<Storage>;
  #slots: readonly GPUBuffer[] = [];
  #textures: readonly GPUTexture[] = [];
  #ring: StagingRing | undefined;

  constructor(readonly parts: ProgramParts) {
    this.#written = changedBy(parts.plan);
  }

  build(dispatches: readonly PlannedDispatch[], pipelines: ReadonlyMap<string, GPUComputePipeline>): Built {
    const { gpu, plan, name } = this.parts;
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    this.#slots = plan.slotBytes.map((bytes, i) => this.#own(bytes, usage, `slot ${i}`));
    for (const s of plan.storages)
      if (!s.variable) this.#places.set(s, { buffer: this.#own(s.bytes, usage, s.label), offset: 0 });
    this.#textures = plan.textureRows.map((rows, i) => this.#ownTexture(rows, `copies ${i}`));
    this.#placeVariables();
    const { moves } = this.parts.variables;
    const host = this.#places.get(plan.storages.find((s) => s.kind === "host")!)!.buffer;
    const status = this.#own(STATUS_BYTES, usage, "status");
    for (const { memory } of dispatches.flatMap((d) => d.memory)) this.#placeOf(plan.place(memory).storage);
    const uniforms = this.#uniforms(dispatches);
    const finishing = this.#finish(pipelines.get(finish.source)!, host, status);
    const bind = (): Replay[] => [...this.#replays(dispatches, pipelines, uniforms), finishing];
    const replays = bind();
    const { small, end } = this.#smallOutputs();
    this.#ring = new StagingRing(gpu, end, `${name}: staging`);
    const rebind = (): Replay[] => {
      this.#placeVariables();
      return gpu.guarded(name, bind);
    };
    return {
      places: this.#places,
      owned: this.#owned,
      replays,
      moves,
      rebind,
      changes: [...this.#written].flatMap((s) => s.variable ?? []),
      host,
      status,
      small,
      stagings: this.#ring,
    };
  }

  #placeVariables(): void {
    const { plan, variables } = this.parts;
    for (const s of plan.storages)
      if (s.variable)
        this.#places.set(s, this.#written.has(s) ? variables.ownPlaceOf(s.variable) : variables.placeOf(s.variable));
  }

  /** Frees what was made so far. */
  abandon(): void {
    for (const made of this.#owned) this.parts.gpu.destroy(made);
    this.#ring?.dispose();
  }

  #own(bytes: number, usage: GPUBufferUsageFlags, label: string): GPUBuffer {
    const { gpu, name } = this.parts;
    const buffer = gpu.createBuffer(bytes, usage, `${name}: ${label}`);
    this.#owned.push(buffer);
    return buffer;
  }

  #ownTexture(rows: number, label: string): GPUTexture {
    const { gpu, name } = this.parts;
    const usage = GPUTextureUsage.STORAGE_BINDING | GPUTextureUsage.COPY_DST;
    const size = [TEXELS_IN_ROW, rows];
    const texture = gpu.createTexture({ size, format: TEXEL_FORMAT, usage, label: `${name}: ${label}` });
    this.#owned.push(texture);
    return texture;
  }

  #placeOf(storage: Storage): BufferPlace {
    const known = this.#places.get(storage);
    if (known) return known;
    const place = { buffer: this.#slots[storage.slot!]!, offset: 0 };
    this.#places.set(storage, place);
    return place;
  }

  #uniforms(dispatches: readonly PlannedDispatch[]): { arena: UniformArena; buffer: GPUBuffer } {
    const arena = new UniformArena(dispatches);
    const buffer = this.#own(arena.bytes.byteLength, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST, "uniforms");
    this.parts.gpu.device.queue.writeBuffer(buffer, 0, arena.bytes);
    return { arena, buffer };
  }

  #replays(
    dispatches: readonly PlannedDispatch[],
    pipelines: ReadonlyMap<string, GPUComputePipeline>,
    { arena, buffer }: { arena: UniformArena; buffer: GPUBuffer },
  ): Replay[] {
    const { gpu, plan } = this.parts;
    const reads = this.#textures.length > 0 ? llvmpipe.brought : undefined;
    const useOf = reads?.uses(dispatches, (m) => entryOf(plan, this.#places, m), this.#textures);
    const views = this.#textures.map((texture) => texture.createView());
    const sites = plan.stages.flatMap((s) => s.dispatches.map(() => siteOf(s.stage)));
    return dispatches.map((dispatch, i) => {
      const pipeline = pipelines.get(dispatch.code)!;
      const entries = [
        ...dispatch.memory.map((m) =>
          m.texture === undefined
            ? entryOf(plan, this.#places, m)
            : { binding: m.binding, resource: views[m.texture]! },
        ),
        ...dispatch.uniforms.map(({ binding, data }) => ({
          binding,
          resource: { buffer, offset: arena.offsetOf(data), size: data.byteLength },
        })),
      ];
      const layout = pipeline.getBindGroupLayout(0);
      const site = sites[i];
      const label = labelOf(dispatch, site);
      const bindGroup = gpu.device.createBindGroup({ label, layout, entries });
      return { dispatch, site, pipeline, bindGroup, ...(useOf?.(dispatch) ?? NO_TEXELS) };
    });
  }

  /** The closing dispatch copies the run's number from the host buffer to the status word. */
  #finish(pipeline: GPUComputePipeline, host: GPUBuffer, status: GPUBuffer): Replay {
    const bindGroup = this.parts.gpu.device.createBindGroup({
      label: finishDispatch.label,
      layout: pipeline.getBindGroupLayout(0),
      entries: [
        { binding: 0, resource: { buffer: host, size: 16 } },
        { binding: 1, resource: { buffer: status } },
      ],
    });
    return { dispatch: finishDispatch, pipeline, bindGroup, ...NO_TEXELS };
  }

  /** Outputs that every run copies, one after the other behind the status word, and where they end. */
  #smallOutputs(): { small: SmallOutput[]; end: number } {
    const small: SmallOutput[] = [];
    let end = STATUS_BYTES;
    for (const [name, tensor] of this.parts.outputs) {
      if (tensor.bytes > SMALL_OUTPUT) continue;
      const place = this.parts.plan.placeOf(tensor);
      this.#placeOf(place.storage);
      small.push({ name, tensor, place, at: end });
      end += wholeUnits(tensor.bytes);
    }
    return { small, end };
  }
}
