// Reading copies in storage textures: node/gpu brings it, for no adapter that pages meet gains by it, so that they are
// without it.
import { Part } from "./part.ts";
import type { readsTexelsFaster } from "./gpu/source.ts";
import type { planTexels } from "./plan/texels.ts";
import type { texelUses } from "./run/texel-uses.ts";
import type { readTexels } from "./wgsl/texels.ts";

export interface TexelReads {
  /** Whether an adapter gains by them. */
  readonly pay: typeof readsTexelsFaster;
  readonly plan: typeof planTexels;
  readonly rewrite: typeof readTexels;
  readonly uses: typeof texelUses;
}

export const texelReads = new Part<TexelReads>();
