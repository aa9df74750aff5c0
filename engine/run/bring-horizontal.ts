// Brings all that several dispatches in one need.
import { horizontal } from "../horizontal.ts";
import { joinEqual, joiningPays } from "../plan/horizontal.ts";
import { withParts } from "../wgsl/parts.ts";

/**
 * Programs that are compiled from then on do equal, small, independent work of several ops in one dispatch: results are
 * the same to the bit, a step of small networks takes about half as many dispatches. `openNodeGpu` does this; a page
 * may.
 */
export const bringHorizontalFusion = (): void =>
  horizontal.bring({ pays: joiningPays, join: joinEqual, rewrite: withParts });
