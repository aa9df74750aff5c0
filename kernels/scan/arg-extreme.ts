// Positions of the largest or smallest elements along the middle of three axes.
import { defineKernel } from "../kernel.ts";
import { lanes } from "../lanes.ts";
import source from "./arg-extreme.wgsl";
import merge from "./arg-extreme-merge.wgsl";

/** x [outer, n, c], along n in `chunks`; `least` is 1 for the smallest elements, 0 for the largest. */
type ArgExtremeProblem = {
  readonly outer: number;
  readonly n: number;
  readonly c: number;
  readonly chunks: number;
  readonly least: number;
};

const consts = (p: ArgExtremeProblem) => ({ LEAST: p.least === 1 });

export const argExtreme = lanes<ArgExtremeProblem>("arg-extreme", {
  source,
  consts,
  threads: (p) => p.outer * p.chunks * p.c,
  cost: (p) => ({ flops: p.outer * p.n * p.c, bytes: 4 * p.outer * (p.n + p.chunks) * p.c }),
});
export const argExtremeMerge = defineKernel<ArgExtremeProblem>("arg-extreme-merge", {
  source: merge,
  consts,
  threads: (p) => p.outer * p.c,
  cost: (p) => ({ flops: p.outer * p.chunks * p.c, bytes: 8 * p.outer * p.chunks * p.c }),
});
