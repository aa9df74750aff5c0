// Joins the chunks of a long sum, in order.
import { defineKernel } from "../kernel.ts";
import source from "./sum-partials.wgsl";

/** `n` sums of `splits` chunks each. */
type PartialsProblem = { readonly n: number; readonly splits: number };

export const sumPartials = defineKernel<PartialsProblem>("sum-partials", {
  source,
  threads: (p) => p.n,
  cost: (p) => ({ flops: p.n * p.splits, bytes: 4 * p.n * (p.splits + 1) }),
});
