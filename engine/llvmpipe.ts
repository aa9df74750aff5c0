// What only llvmpipe gains by: node/gpu brings it, for no adapter that pages meet does, so that they are without it.
import type { readsTexelsFaster } from "./gpu/source.ts";
import type { handOnInLanes } from "./lower/lanes.ts";
import { Part } from "./part.ts";
import type { planTexels } from "./plan/texels.ts";
import type { texelUses } from "./run/texel-uses.ts";
import type { readTexels } from "./wgsl/texels.ts";

export interface Llvmpipe {
  /** Whether an adapter gains by copies in storage textures. */
  readonly pay: typeof readsTexelsFaster;
  readonly plan: typeof planTexels;
  readonly rewrite: typeof readTexels;
  readonly uses: typeof texelUses;
  readonly handOn: typeof handOnInLanes;
}

export const llvmpipe = new Part<Llvmpipe>();
