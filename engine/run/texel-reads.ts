// Brings all that reads copies in storage textures.
import { readsTexelsFaster } from "../gpu/source.ts";
import { planTexels } from "../plan/texels.ts";
import { texelReads } from "../texels.ts";
import { readTexels } from "../wgsl/texels.ts";
import { texelUses } from "./texel-uses.ts";

export const bringTexelReads = (): void =>
  texelReads.bring({ pay: readsTexelsFaster, plan: planTexels, rewrite: readTexels, uses: texelUses });
