// What a program hands over to be summed over ranks.
import { defineKernel } from "../kernel.ts";
import source from "./across-ranks.wgsl";

/** `n` counts elements; `gradient` tells those of gradients, which may be sent in fewer bits. */
type AcrossRanksProblem = { readonly n: number; readonly gradient: boolean };

export const acrossRanks = defineKernel<AcrossRanksProblem>("across-ranks", {
  source,
  threads: (p) => p.n,
  cost: (p) => ({ flops: 0, bytes: 8 * p.n }),
});
