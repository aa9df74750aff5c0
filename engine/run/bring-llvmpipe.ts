// Brings what only llvmpipe gains by: reading copies in storage textures, and handing values from lane to lane.
import { readsTexelsFaster } from "../gpu/source.ts";
import { llvmpipe } from "../llvmpipe.ts";
import { handOnInLanes } from "../lower/lanes.ts";
import { planTexels } from "../plan/texels.ts";
import { readTexels } from "../wgsl/texels.ts";
import { texelUses } from "./texel-uses.ts";

export const bringLlvmpipe = (): void =>
  llvmpipe.bring({
    pay: readsTexelsFaster,
    plan: planTexels,
    rewrite: readTexels,
    uses: texelUses,
    handOn: handOnInLanes,
  });
