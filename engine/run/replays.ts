// Dispatches that are ready to be encoded, and how they are.
import { TexelEncoder, type TexelUse } from "../gpu/texels.ts";
import type { TimedDispatch } from "../gpu/profiler.ts";
import type { PlannedDispatch } from "../plan/plan.ts";

export interface Replay extends TexelUse {
  readonly dispatch: PlannedDispatch;
  /** Where its stage was made, if that is remembered. */
  readonly site?: string;
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
}

/** Encodes dispatches in one pass, or in as many as there are copies between them. */
export function encodeReplays(encoder: GPUCommandEncoder, replays: readonly Replay[], label: string): void {
  const texels = new TexelEncoder(encoder);
  let pass: Pass | undefined;
  for (const replay of replays) {
    if (texels.lacks(replay)) {
      pass?.end();
      pass = undefined;
      texels.bring(replay);
    }
    pass ??= new Pass(encoder.beginComputePass({ label }));
    pass.add(replay);
    texels.ran(replay);
  }
  pass?.end();
}

/** A pass in which equal pipelines and debug groups are set once. */
class Pass {
  #pipeline: GPUComputePipeline | undefined;
  #group: string | undefined;

  constructor(readonly pass: GPUComputePassEncoder) {}

  add({ dispatch, site, pipeline, bindGroup }: Replay): void {
    this.#enter(site);
    if (pipeline !== this.#pipeline) {
      this.pass.setPipeline(pipeline);
      this.#pipeline = pipeline;
    }
    this.pass.setBindGroup(0, bindGroup);
    const [x, y, z] = dispatch.workgroups;
    this.pass.dispatchWorkgroups(x, y, z);
  }

  end(): void {
    this.#enter(undefined);
    this.pass.end();
  }

  #enter(group: string | undefined): void {
    if (group === this.#group) return;
    if (this.#group) this.pass.popDebugGroup();
    if (group) this.pass.pushDebugGroup(group);
    this.#group = group;
  }
}

/** A dispatch as it is timed. */
export const timedOf = (replay: Replay): TimedDispatch => ({
  ...replay.dispatch,
  ...replay,
  kernel: replay.dispatch.kernel.name,
});
