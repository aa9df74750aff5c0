// The transposes of lookups. Scatters find each target's sources first (how many and which, then links in order), so
// that every output sums its own in a fixed order: no float atomics.
import { defineKernel } from "../kernel.ts";
import { lanes } from "../lanes.ts";
import { type GatherProblem, type TapsProblem, sources, taps, targets } from "./gather.ts";
import dotsSource from "./gather-dots.wgsl";
import addSource from "./scatter-add.wgsl";
import type { WordsProblem } from "./scatter-last.ts";
import linksSource from "./scatter-links.wgsl";
import listSource from "./scatter-list.wgsl";
import roomsSource from "./scatter-rooms.wgsl";
import scatterTapsSource from "./scatter-taps.wgsl";

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
