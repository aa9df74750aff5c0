// Positions of the largest or smallest elements along the middle of three axes.
import { type Params, defineKernel } from "../kernel.ts";
import { lanes } from "../lanes.ts";
import source from "./arg-extreme.wgsl";
import merge from "./arg-extreme-merge.wgsl";

/** Params.least is 0 or 1 and chooses the seam. */
const consts = (p: Params) => ({ LEAST: p.least === 1 });

export const argExtreme = lanes("arg-extreme", {
  source,
  consts,
  threads: (p) => p.outer * p.chunks * p.c,
  cost: (p) => ({ flops: p.outer * p.n * p.c, bytes: 4 * p.outer * (p.n + p.chunks) * p.c }),
});
export const argExtremeMerge = defineKernel("arg-extreme-merge", {
  source: merge,
  consts,
  threads: (p) => p.outer * p.c,
  cost: (p) => ({ flops: p.outer * p.chunks * p.c, bytes: 8 * p.outer * p.chunks * p.c }),
});
