// Writing elements where an index says, the last of several: its places are found first.
import { defineKernel } from "../kernel.ts";
import { type GatherProblem, sources, targets } from "./gather.ts";
import boundsSource from "./scatter-bounds.wgsl";
import clearSource from "./scatter-clear.wgsl";
import lastSource from "./scatter-last.wgsl";

/** Words of scratch that are cleared, or given room. */
export type WordsProblem = { readonly count: number };
export const scatterClear = defineKernel<WordsProblem>("scatter-clear", {
  source: clearSource,
  threads: (p) => p.count,
  cost: (p) => ({ flops: 0, bytes: 4 * p.count }),
});
export const scatterBounds = defineKernel<GatherProblem>("scatter-bounds", {
  source: boundsSource,
  threads: sources,
  cost: (p) => ({ flops: 0, bytes: 12 * sources(p) }),
});
export const scatterLast = defineKernel<GatherProblem>("scatter-last", {
  source: lastSource,
  threads: targets,
  cost: (p) => ({ flops: 0, bytes: 4 * sources(p) + 8 * targets(p) }),
});
