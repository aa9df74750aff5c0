// Looking elements up by index.
import { defineKernel, specialize } from "../kernel.ts";
import { lanes } from "../lanes.ts";
import gatherSource from "./gather.wgsl";
import tapsSource from "./gather-taps.wgsl";

/** x [outer, n, inner], looked up at index [outer or 1, m, inner or 1]. */
export type GatherProblem = {
  readonly outer: number;
  readonly n: number;
  readonly m: number;
  readonly inner: number;
  /** 1 where a negative index counts from the end. */
  readonly wrap?: number;
};
/** x [outer, n, c], looked up at `taps` of each of `points`. */
export type TapsProblem = {
  readonly outer: number;
  readonly n: number;
  readonly c: number;
  readonly points: number;
  readonly taps: number;
};

/** Elements looked up, elements to look up, and taps. */
export const sources = (p: GatherProblem): number => p.outer * p.m * p.inner;
export const targets = (p: GatherProblem): number => p.outer * p.n * p.inner;
export const taps = (p: TapsProblem): number => p.outer * p.points * p.taps;

export const gather = defineKernel<GatherProblem>("gather", {
  source: gatherSource,
  threads: sources,
  cost: (p) => ({ flops: 0, bytes: 12 * sources(p) }),
});
/** The same for floats, which may be stored in half precision. */
export const gatherFloats = defineKernel<GatherProblem>("gather-floats", {
  source: specialize(gatherSource, {
    aliases: { Word: "f32" },
    hooks: { outside: "fn outside() -> Word { return Word(bitcast<f32>(params.outside)); }" },
  }),
  threads: sources,
  cost: (p) => ({ flops: 0, bytes: 8 * sources(p) }),
});

export const gatherTaps = lanes<TapsProblem>("gather-taps", {
  source: tapsSource,
  threads: (p) => p.outer * p.points * p.c,
  cost: (p) => ({ flops: 2 * taps(p) * p.c, bytes: 8 * taps(p) + 4 * p.outer * (p.points + p.n) * p.c }),
});
