// How dispatches are bound: explicit layouts (an "auto" layout would drop unused bindings and defeat the pipeline
// cache), one uniform buffer for all, and the closing dispatch that proves a run was executed.
import { finish } from "../../kernels/map/finish.ts";
import type { BoundMemory } from "../fuse/memory.ts";
import type { Plan, PlannedDispatch } from "../plan/plan.ts";
import type { Dispatch } from "../wgsl/dispatch.ts";
import { TEXEL_FORMAT } from "../../kernels/texels.ts";

/** GPUShaderStage.COMPUTE. */
const visibility = 4;

/** The layout a dispatch's bind group has. */
export const layoutOf = (d: Dispatch): GPUBindGroupLayoutEntry[] =>
  [
    ...d.memory.map((m) => ({
      binding: m.binding,
      visibility,
      ...resourceOf(m),
    })),
    ...d.uniforms.map(({ binding }) => ({
      binding,
      visibility,
      buffer: { type: "uniform" as const },
    })),
  ].sort((a, b) => a.binding - b.binding);

const resourceOf = ({ access, texture }: BoundMemory): Pick<GPUBindGroupLayoutEntry, "buffer" | "storageTexture"> =>
  texture === undefined
    ? { buffer: { type: access === "read" ? "read-only-storage" : "storage" } }
    : { storageTexture: { access: "read-only", format: TEXEL_FORMAT } };

/** The dispatch of a plan with buffers alone: the copies in textures that it reads are left out. */
export const withoutTexels = (d: PlannedDispatch, plan: Plan): PlannedDispatch => {
  const memory = d.memory.map(({ texture: _, ...m }) => m);
  const writable = new Set(memory.filter((m) => m.access === "read_write").map((m) => m.binding));
  const told = d.told?.(memory, (m) => plan.place(m).offset);
  return { ...d, ...told, memory, code: d.wgsl({ writable, texels: new Set() }) };
};

/** Layout of the closing dispatch: the run's number, the status word. */
export const finishLayout: GPUBindGroupLayoutEntry[] = [
  { binding: 0, visibility, buffer: { type: "read-only-storage" } },
  { binding: 1, visibility, buffer: { type: "storage" } },
];
export const finishDispatch: PlannedDispatch = {
  label: "finish",
  kernel: finish,
  params: {},
  consts: {},
  aliases: {},
  byFours: new Set(),
  wgsl: () => finish.source,
  code: finish.source,
  memory: [],
  uniforms: [],
  workgroups: [1, 1, 1],
  cost: { flops: 0, bytes: 0 },
  fused: [],
};

/** Offsets of uniform bindings are multiples of this many bytes on every device. */
const UNIFORM_ALIGNMENT = 256;

/** The uniforms of all dispatches in one buffer, equal contents once. */
export class UniformArena {
  readonly bytes: ArrayBuffer;
  readonly #offsets = new Map<unknown, number>();

  constructor(dispatches: readonly Dispatch[]) {
    const parts: { offset: number; data: ArrayBuffer }[] = [];
    let end = 0;
    for (const { data } of dispatches.flatMap((d) => d.uniforms)) {
      const key = keyOf(data);
      if (this.#offsets.has(key)) continue;
      this.#offsets.set(key, end);
      parts.push({ offset: end, data });
      end += Math.ceil(data.byteLength / UNIFORM_ALIGNMENT) * UNIFORM_ALIGNMENT;
    }
    this.bytes = new ArrayBuffer(Math.max(16, end));
    for (const { offset, data } of parts) new Uint8Array(this.bytes, offset).set(new Uint8Array(data));
  }

  offsetOf(data: ArrayBuffer): number {
    return this.#offsets.get(keyOf(data))!;
  }
}

/** Uniforms of up to so many bytes are compared: those of several parts are large, and of one dispatch each. */
const COMPARED = 1024;
const keyOf = (data: ArrayBuffer): unknown => (data.byteLength > COMPARED ? data : new Uint32Array(data).join());
