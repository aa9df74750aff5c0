// Brings what only llvmpipe gains by: kernels for eight lanes, reading copies in storage textures, and handing values from
// lane to lane.
import { preferOctets } from "../../kernels/octets.ts";
import { readsTexelsFaster } from "../gpu/source.ts";
import { llvmpipe } from "../llvmpipe.ts";
import { handOnInLanes } from "../lower/lanes.ts";
import { planTexels } from "../plan/texels.ts";
import { readTexels } from "../wgsl/texels.ts";
import { texelUses } from "./texel-uses.ts";

export function bringLlvmpipe(): void {
  preferOctets();
  llvmpipe.bring({
    pay: readsTexelsFaster,
    plan: planTexels,
    rewrite: readTexels,
    uses: texelUses,
    handOn: handOnInLanes,
  });
}
