// The first stage of a program that leaves a number which is not finite: kernel, layer, tensor and element.
import { bytesPerElement } from "../../engine/dtype.ts";
import { type Stage, writtenBy } from "../../engine/fuse/stage.ts";
import type { Gpu } from "../../engine/gpu/gpu.ts";
import { writeInputs } from "../../engine/run/inputs.ts";
import type { Feeds, OpenedProgram, Program } from "../../engine/run/program.ts";
import type { BufferPlace } from "../../engine/run/variables.ts";
import { type Shape, stridesOf } from "../../engine/shape.ts";
import type { Place } from "../../engine/plan/memory.ts";
import type { Tensor } from "../../engine/tensor.ts";
import type { Variable } from "../../engine/variable.ts";
import { fold } from "../../kernels/launch.ts";
import { aside } from "../aside.ts";
import { encodeStages } from "../capture.ts";
import source from "./not-finite.wgsl";

export interface NotFinite {
  /** What holds it: a variable or an input by name, before any stage; else the tensor that a stage wrote. */
  readonly what: string;
  /** The stage's number among dispatches, its last kernel, label and layer; absent for variables and inputs. */
  readonly stage?: number;
  readonly kernel?: string;
  readonly label?: string;
  readonly site?: string;
  /** The first element, row-major, and its index in each dimension. */
  readonly element: number;
  readonly index: readonly number[];
  /** How many elements of the tensor are not finite, and how many it has. */
  readonly count: number;
  readonly of: number;
}

/** Numbers to look at: where they begin, and how they stand. */
interface Looked {
  readonly what: string;
  readonly place: BufferPlace;
  readonly half: boolean;
  readonly shape: Shape;
  readonly strides: readonly number[];
  /** In elements, behind the place. */
  readonly offset: number;
  /** The dispatch after which; −1 before the first. */
  readonly after: number;
}

const RANK = 8;
/** One look's Params: uniforms begin at multiples of 256 bytes. */
const PARAMS_BYTES = 256;
const PARAMS_WORDS = PARAMS_BYTES / 4;

/**
 * Runs a program once, and looks at all that each stage stores: the first number that is infinite or NaN, and how many
 * there are in its tensor; undefined where all are finite. The run changes nothing. Throws what the GPU reports.
 */
export async function firstNotFiniteStage(program: Program, feeds: Feeds = {}): Promise<NotFinite | undefined> {
  return aside(program, async (opened) => {
    const { parts, made, replays, writeHost } = opened;
    const { gpu, name } = parts;
    const looks = looksOf(opened);
    const pass = await LookPass.create(gpu, name, looks);
    try {
      await gpu.scoped(`${name}: looking for what is not finite`, () => {
        const encoder = gpu.device.createCommandEncoder({ label: `${name}: looked at` });
        writeInputs(parts, made.places, feeds, encoder);
        writeHost();
        pass.encode(encoder, -1);
        replays.forEach((_, stage) => {
          encodeStages(encoder, opened, stage, stage + 1);
          pass.encode(encoder, stage);
        });
        gpu.submit(encoder.finish());
      });
      return firstFound(looks, await pass.read(), replays);
    } finally {
      pass.dispose();
    }
  });
}

/** The dispatches of not-finite.wgsl that look at numbers, and their counts: for each look [how many, the first]. */
class LookPass {
  readonly #params: GPUBuffer;
  readonly #found: GPUBuffer;

  private constructor(
    readonly gpu: Gpu,
    readonly pipeline: GPUComputePipeline,
    readonly looks: readonly Looked[],
    name: string,
  ) {
    const { STORAGE, UNIFORM, COPY_SRC, COPY_DST } = GPUBufferUsage;
    const count = looks.length;
    this.#params = gpu.createBuffer(PARAMS_BYTES * Math.max(1, count), UNIFORM | COPY_DST, `${name}: looks`);
    this.#found = gpu.createBuffer(8 * Math.max(2, count), STORAGE | COPY_SRC | COPY_DST, `${name}: not finite`);
    gpu.device.queue.writeBuffer(this.#params, 0, paramsOf(looks));
    const none = new Uint32Array(2 * count).map((_, i) => (i % 2 === 0 ? 0 : 0xffffffff));
    gpu.device.queue.writeBuffer(this.#found, 0, none);
  }

  static async create(gpu: Gpu, name: string, looks: readonly Looked[]): Promise<LookPass> {
    const layout: GPUBindGroupLayoutEntry[] = [
      { binding: 0, visibility: GPUShaderStage.COMPUTE, buffer: { type: "uniform" } },
      { binding: 1, visibility: GPUShaderStage.COMPUTE, buffer: { type: "read-only-storage" } },
      { binding: 2, visibility: GPUShaderStage.COMPUTE, buffer: { type: "storage" } },
    ];
    return new LookPass(gpu, await gpu.pipeline(source, layout, "not-finite"), looks, name);
  }

  /** Encodes the looks that come after a dispatch. */
  encode(encoder: GPUCommandEncoder, after: number): void {
    const { gpu, pipeline } = this;
    for (const [at, look] of this.looks.entries()) {
      if (look.after !== after) continue;
      const pass = encoder.beginComputePass({ label: `is ${look.what} finite?` });
      pass.setPipeline(pipeline);
      const bindGroup = gpu.device.createBindGroup({
        label: look.what,
        layout: pipeline.getBindGroupLayout(0),
        entries: [
          { binding: 0, resource: { buffer: this.#params, offset: PARAMS_BYTES * at, size: PARAMS_BYTES } },
          { binding: 1, resource: { buffer: look.place.buffer, offset: look.place.offset } },
          { binding: 2, resource: { buffer: this.#found } },
        ],
      });
      pass.setBindGroup(0, bindGroup);
      pass.dispatchWorkgroups(...fold(Math.ceil(sizeOf(look.shape) / 64)));
      pass.end();
    }
  }

  async read(): Promise<Uint32Array> {
    return new Uint32Array(await this.gpu.readBuffer(this.#found, 0, 8 * this.looks.length));
  }

  dispose(): void {
    this.gpu.destroy(this.#params);
    this.gpu.destroy(this.#found);
  }
}

/** The first look in the order of the run that found something. */
function firstFound(
  looks: readonly Looked[],
  counts: Uint32Array,
  replays: OpenedProgram["replays"],
): NotFinite | undefined {
  const order = looks.map((look, i) => ({ look, i })).sort((a, b) => a.look.after - b.look.after);
  const bad = order.find(({ i }) => counts[2 * i]! > 0);
  if (!bad) return undefined;
  const { look, i } = bad;
  const element = counts[2 * i + 1]!;
  const base = {
    what: look.what,
    element,
    index: indexOf(element, look.shape),
    count: counts[2 * i]!,
    of: sizeOf(look.shape),
  };
  if (look.after < 0) return base;
  const { dispatch, site } = replays[look.after]!;
  return {
    ...base,
    stage: look.after,
    kernel: dispatch.kernel.name,
    label: dispatch.label,
    ...(site === undefined ? {} : { site }),
  };
}

/** "NaN or infinity in relu f32[…] at [0, 3, 1, 2]: …": kernel, layer, and how many. */
export function notFiniteText({ what, stage, kernel, label, site, index, count, of }: NotFinite): string {
  const by = stage === undefined ? "before any stage" : `written by stage ${stage}, ${kernel}, ${label}`;
  return `${what} has ${count} of ${of} numbers that are not finite, first at [${index.join(", ")}]; ${by}${site ? ` · ${site}` : ""}`;
}

const sizeOf = (shape: Shape): number => shape.reduce((n, d) => n * d, 1);

function indexOf(element: number, shape: Shape): number[] {
  const index: number[] = [];
  let rest = element;
  for (const size of [...shape].reverse()) {
    index.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return index;
}

function looksOf({ parts, made }: OpenedProgram): Looked[] {
  const { plan, fusion, inputs } = parts;
  const looks: Looked[] = [];
  const whole = (what: string, place: BufferPlace, shape: Shape, half: boolean): void => {
    looks.push({ what, place, shape, half, strides: stridesOf(shape), offset: 0, after: -1 });
  };
  const known = (what: string, t: Tensor | Variable, { storage, offset }: Place): void => {
    const start = made.places.get(storage)!;
    const place = { buffer: start.buffer, offset: start.offset + offset };
    if (isFloat(t.dtype) && t.size > 0) whole(what, place, t.shape, t.dtype === "f16");
  };
  for (const s of plan.storages) if (s.variable) known(s.label, s.variable, { storage: s, offset: 0 });
  for (const [name, place] of plan.inputs) known(`input ${name}`, inputs.get(name)!, place);
  const view = (t: Tensor, into: Tensor, offset: number, strides: readonly number[], after: number): void => {
    if (!isFloat(t.dtype) || t.size === 0 || t.shape.length > RANK) return;
    const placed = plan.placeOf(into);
    const start = made.places.get(placed.storage);
    if (!start) return;
    // Bindings begin at multiples of 256 bytes; what lies before is skipped by the offset.
    const at = start.offset + placed.offset;
    const aligned = Math.floor(at / 256) * 256;
    const each = bytesPerElement(t.dtype);
    looks.push({
      what: `${t}`,
      place: { buffer: start.buffer, offset: aligned },
      shape: t.shape,
      half: t.dtype === "f16",
      strides,
      offset: (at - aligned) / each + offset,
      after,
    });
  };
  let after = -1;
  const ofStage = (stage: Stage): void => {
    if (stage.kind === "part") view(stage.value, stage.into, stage.view.offset, stage.view.strides, after);
    for (const t of writtenBy(stage)) {
      const residence = fusion.residences.get(t);
      if (residence) view(t, residence.into, residence.view.offset, residence.view.strides, after);
      else view(t, t, 0, stridesOf(t.shape), after);
    }
    if (stage.kind === "map" && stage.duplicate)
      view(stage.result, stage.duplicate.into, stage.duplicate.view.offset, stage.duplicate.view.strides, after);
  };
  for (const { dispatches, beside = [], ...own } of plan.stages) {
    after += dispatches.length;
    if (dispatches.length === 0) continue;
    for (const { absorbed, stage } of [own, ...beside]) {
      if (absorbed) ofStage(absorbed);
      ofStage(stage);
    }
  }
  return looks;
}

const isFloat = (dtype: string): boolean => dtype === "f32" || dtype === "f16";

function paramsOf(looks: readonly Looked[]): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(PARAMS_WORDS * Math.max(1, looks.length));
  looks.forEach(({ shape, strides, offset, half }, at) => {
    const own = words.subarray(at * PARAMS_WORDS, (at + 1) * PARAMS_WORDS);
    own.set([sizeOf(shape), offset, Number(half), at]);
    // Missing dimensions stand in front, of size 1.
    own.fill(1, 4, 4 + RANK);
    own.set(shape, 4 + RANK - shape.length);
    own.set(strides, 4 + RANK + RANK - strides.length);
  });
  return words;
}
