// How dispatches are bound: explicit layouts (an "auto" layout would drop unused bindings and defeat the pipeline
// cache), one uniform buffer for all, and the closing dispatch that proves a run was executed.
import { finish } from "../../kernels/map/finish.ts";
import type { Dispatch } from "../lower/lower.ts";

/** The layout a dispatch's bind group has. */
export const layoutOf = (d: Dispatch): GPUBindGroupLayoutEntry[] =>
  [
    ...d.memory.map(({ binding, access }) => ({
      binding,
      visibility: GPUShaderStage.COMPUTE,
      buffer: { type: access === "read" ? ("read-only-storage" as const) : ("storage" as const) },
    })),
    ...d.uniforms.map(({ binding }) => ({
      binding,
      visibility: GPUShaderStage.COMPUTE,
      buffer: { type: "uniform" as const },
    })),
  ].sort((a, b) => a.binding - b.binding);

/** Layout of the closing dispatch: the run's number, the status word. */
export const finishLayout: GPUBindGroupLayoutEntry[] = [
  { binding: 0, visibility: 4, buffer: { type: "read-only-storage" } },
  { binding: 1, visibility: 4, buffer: { type: "storage" } },
];
export const finishDispatch: Dispatch = {
  label: "finish",
  kernel: finish,
  params: {},
  consts: {},
  code: finish.source,
  memory: [],
  uniforms: [],
  workgroups: [1, 1, 1],
  cost: { flops: 0, bytes: 0 },
  fused: [],
};

/** The uniforms of all dispatches in one buffer, equal contents once. */
export class UniformArena {
  readonly bytes: ArrayBuffer;
  readonly #offsets = new Map<string, number>();

  constructor(dispatches: readonly Dispatch[]) {
    const ALIGN = 256;
    const parts: { at: number; data: ArrayBuffer }[] = [];
    let at = 0;
    for (const d of dispatches) {
      for (const { data } of d.uniforms) {
        const key = new Uint32Array(data).join();
        if (this.#offsets.has(key)) continue;
        this.#offsets.set(key, at);
        parts.push({ at, data });
        at += Math.ceil(data.byteLength / ALIGN) * ALIGN;
      }
    }
    this.bytes = new ArrayBuffer(Math.max(16, at));
    for (const p of parts) new Uint8Array(this.bytes, p.at).set(new Uint8Array(p.data));
  }

  offsetOf(data: ArrayBuffer): number {
    return this.#offsets.get(new Uint32Array(data).join())!;
  }
}
