// Running sums along the middle of three axes: in one walk, or chunk by chunk in three.
import type { Params } from "../kernel.ts";
import { lanes } from "../lanes.ts";
import chunksSource from "./scan-chunks.wgsl";
import totalsSource from "./scan-totals.wgsl";
import source from "./scan.wgsl";

const size = (p: Params): number => p.outer * p.n * p.c;
/** Params.reverse is 0 or 1 and chooses the seam. */
const consts = (p: Params) => ({ REVERSE: p.reverse === 1 });

export const scan = lanes("scan", {
  source,
  consts,
  threads: (p) => p.outer * p.c,
  cost: (p) => ({ flops: size(p), bytes: 8 * size(p) }),
});
export const scanTotals = lanes("scan-totals", {
  source: totalsSource,
  consts,
  threads: (p) => p.outer * p.chunks * p.c,
  cost: (p) => ({ flops: size(p), bytes: 4 * size(p) }),
});
export const scanChunks = lanes("scan-chunks", {
  source: chunksSource,
  consts,
  threads: (p) => p.outer * p.chunks * p.c,
  cost: (p) => ({ flops: size(p), bytes: 8 * size(p) }),
});
