// Contextual similarity of two sets of points: passes over all pairs, which are stored only where they are few and a
// CPU works.
import { type KernelSpec, defineKernel } from "../kernel.ts";
import { ceilDiv, fold, quads } from "../launch.ts";
import mergeLargest from "./contextual-merge-largest.wgsl";
import mergeLeast from "./contextual-merge-least.wgsl";
import mergeSums from "./contextual-merge-sums.wgsl";
import reduceQuad from "./contextual-reduce-quad.wgsl";
import reduceTiled from "./contextual-reduce-tiled.wgsl";

/**
 * What a pass finds of each own point: the least distance (of rows), the sums of weights (of rows), the largest
 * similarity (of columns).
 */
export const KIND = { least: 0, sums: 1, largest: 2 } as const;

/** Points own [batch, own, C] against other [batch, other, C]. */
export type ContextualProblem = {
  readonly batch: number;
  readonly own: number;
  readonly other: number;
  readonly c: number;
  readonly bias: number;
  readonly scale: number;
  readonly least: number;
};
/** A dispatch for `count` own points from `first` on, the others in `splits` of `span` points. */
export type ContextualPart = ContextualProblem & {
  readonly first: number;
  readonly count: number;
  readonly splits: number;
  readonly span: number;
};
/** `kind` is one of KIND; `keep` is 1 where products are kept between the passes. */
type ReduceProblem = ContextualPart & { readonly kind: number; readonly keep: number };

/** Pairs of points that a dispatch meets, and bytes of the points. */
export const pairs = (p: ContextualPart): number => p.batch * p.count * p.other;
export const pointBytes = (p: ContextualPart): number => 4 * p.batch * (p.count + p.other) * p.c;
const reduceCost = (p: ReduceProblem) => ({
  flops: 2 * pairs(p) * p.c,
  bytes: pointBytes(p) + 8 * p.batch * p.splits * p.count,
});
/** Adapters on a CPU with subgroups. */
export const contextualReduceQuad = defineKernel<ReduceProblem>("contextual-reduce-quad", {
  source: reduceQuad,
  consts: (p) => ({ KIND: p.kind, KEEP: p.keep === 1 }),
  cost: (p) => (p.keep === 1 && p.kind !== KIND.least ? { flops: 4 * pairs(p), bytes: 4 * pairs(p) } : reduceCost(p)),
  tunables: { NV: [4, 8, 2] },
  fits: (_, t) => quads(t),
  workgroups: (p) => fold(ceilDiv(p.count, 128), p.batch * p.splits),
});
export const contextualReduceTiled = defineKernel<ReduceProblem>("contextual-reduce-tiled", {
  source: reduceTiled,
  consts: (p) => ({ KIND: p.kind }),
  workgroups: (p) => fold(ceilDiv(p.count, 64), p.batch * p.splits),
  cost: reduceCost,
});
/** In order of preference. */
export const contextualReduce = [contextualReduceQuad, contextualReduceTiled];

/** Bytes of all products of points of two images: kept between the passes where they are at most `MOST_KEPT`. */
export const productBytes = (batch: number, n: number, m: number): number => 64 * batch * ceilDiv(n, 4) * ceilDiv(m, 4);
export const MOST_KEPT = 2 ** 24;

/** `n` results, of which each is found in `splits`. */
type MergeProblem = { readonly n: number; readonly splits: number };
const perElement: Omit<KernelSpec<MergeProblem>, "source"> = {
  threads: (p) => p.n,
  cost: (p) => ({ flops: p.n * p.splits, bytes: 8 * p.n * (p.splits + 2) }),
};
export const contextualMergeLeast = defineKernel<MergeProblem>("contextual-merge-least", {
  source: mergeLeast,
  ...perElement,
});
export const contextualMergeSums = defineKernel<MergeProblem>("contextual-merge-sums", {
  source: mergeSums,
  ...perElement,
});
export const contextualMergeLargest = defineKernel<MergeProblem>("contextual-merge-largest", {
  source: mergeLargest,
  ...perElement,
});

/** No dispatch works longer than about this: a slow GPU's driver gives up on long ones. */
const MOST_FLOPS = 32e9;

/** Windows of own points, whole tiles each, that keep a dispatch over all other points short. */
export function windows(own: number, flopsPerPoint: number): { first: number; count: number }[] {
  const count = Math.max(1, Math.floor(MOST_FLOPS / flopsPerPoint / 64)) * 64;
  return Array.from({ length: ceilDiv(own, count) }, (_, i) => ({
    first: i * count,
    count: Math.min(count, own - i * count),
  }));
}

/**
 * Splits of the other points: few enough to merge, enough workgroups to fill a GPU, and sums of at most 4,096 terms
 * where they are many.
 */
export function splitsOf(batch: number, own: number, other: number, most: number): { splits: number; span: number } {
  const wanted = Math.max(
    Math.min(ceilDiv(512, batch * ceilDiv(own, 64)), ceilDiv(other, 256), most),
    most > 8 ? ceilDiv(other, 4096) : 1,
  );
  const span = ceilDiv(ceilDiv(other, wanted), 64) * 64;
  return { splits: ceilDiv(other, span), span };
}
