// Looking elements up by index, and the transposes. Scatters find each target's sources first (how many and which,
// then links in order), so that every output sums its own in a fixed order: no float atomics.
import { defineKernel, specialize } from "../kernel.ts";
import { lanes } from "../lanes.ts";
import gatherSource from "./gather.wgsl";
import dotsSource from "./gather-dots.wgsl";
import tapsSource from "./gather-taps.wgsl";
import addSource from "./scatter-add.wgsl";
import boundsSource from "./scatter-bounds.wgsl";
import clearSource from "./scatter-clear.wgsl";
import lastSource from "./scatter-last.wgsl";
import linksSource from "./scatter-links.wgsl";
import listSource from "./scatter-list.wgsl";
import roomsSource from "./scatter-rooms.wgsl";
import scatterTapsSource from "./scatter-taps.wgsl";

/** x [outer, n, inner], looked up at index [outer or 1, m, inner or 1]. */
export type GatherProblem = {
  readonly outer: number;
  readonly n: number;
  readonly m: number;
  readonly inner: number;
  /** 1 where a negative index counts from the end. */
  readonly wrap?: number;
};
/** Words of scratch that are cleared, or given room. */
type WordsProblem = { readonly count: number };
/** x [outer, n, c], looked up at `taps` of each of `points`. */
export type TapsProblem = {
  readonly outer: number;
  readonly n: number;
  readonly c: number;
  readonly points: number;
  readonly taps: number;
};

const sources = (p: GatherProblem): number => p.outer * p.m * p.inner;
const targets = (p: GatherProblem): number => p.outer * p.n * p.inner;
const taps = (p: TapsProblem): number => p.outer * p.points * p.taps;

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
export const scatterRooms = defineKernel<WordsProblem>("scatter-rooms", {
  source: roomsSource,
  threads: (p) => p.count,
  cost: (p) => ({ flops: 0, bytes: 8 * p.count }),
});
export const scatterList = defineKernel<GatherProblem>("scatter-list", {
  source: listSource,
  threads: sources,
  cost: (p) => ({ flops: 0, bytes: 16 * sources(p) }),
});
export const scatterLinks = defineKernel<GatherProblem>("scatter-links", {
  source: linksSource,
  threads: sources,
  cost: (p) => ({ flops: 0, bytes: 12 * sources(p) }),
});
export const scatterAdd = defineKernel<GatherProblem>("scatter-add", {
  source: addSource,
  threads: targets,
  cost: (p) => ({ flops: sources(p), bytes: 8 * (sources(p) + targets(p)) }),
});
export const scatterLast = defineKernel<GatherProblem>("scatter-last", {
  source: lastSource,
  threads: targets,
  cost: (p) => ({ flops: 0, bytes: 4 * sources(p) + 8 * targets(p) }),
});

export const gatherTaps = lanes<TapsProblem>("gather-taps", {
  source: tapsSource,
  threads: (p) => p.outer * p.points * p.c,
  cost: (p) => ({ flops: 2 * taps(p) * p.c, bytes: 8 * taps(p) + 4 * p.outer * (p.points + p.n) * p.c }),
});
export const scatterTaps = lanes<TapsProblem>("scatter-taps", {
  source: scatterTapsSource,
  threads: (p) => p.outer * p.n * p.c,
  cost: (p) => ({ flops: 2 * taps(p) * p.c, bytes: 8 * taps(p) + 4 * p.outer * (p.points + p.n) * p.c }),
});
export const gatherDots = defineKernel<TapsProblem>("gather-dots", {
  source: dotsSource,
  threads: taps,
  cost: (p) => ({ flops: 2 * taps(p) * p.c, bytes: 8 * taps(p) + 4 * p.outer * (p.points + p.n) * p.c }),
});
