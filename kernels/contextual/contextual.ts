// Contextual similarity of two sets of points: passes over all pairs, which are stored only where they are few and a
// CPU works.
import { type Consts, type KernelSpec, defineKernel } from "../kernel.ts";
import { ceilDiv, fold, quads } from "../launch.ts";
import gradQuad from "./contextual-grad-quad.wgsl";
import gradTiled from "./contextual-grad-tiled.wgsl";
import mergeLargest from "./contextual-merge-largest.wgsl";
import mergeLeast from "./contextual-merge-least.wgsl";
import mergeSums from "./contextual-merge-sums.wgsl";
import order from "./contextual-order.wgsl";
import pull from "./contextual-pull.wgsl";
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
/** `rows` is 1 where the own points are x, `source` 1 where each row takes its largest similarity. */
type GradProblem = ContextualPart & { readonly rows: number; readonly source: number };

const pairs = (p: ContextualPart): number => p.batch * p.count * p.other;
const pointBytes = (p: ContextualPart): number => 4 * p.batch * (p.count + p.other) * p.c;
const reduceCost = (p: ReduceProblem) => ({
  flops: 2 * pairs(p) * p.c,
  bytes: pointBytes(p) + 8 * p.batch * p.splits * p.count,
});
const seams = (p: GradProblem): Consts => ({ ROWS: p.rows === 1, SOURCE: p.source === 1 });
const gradCost = (p: GradProblem) => ({
  flops: 4 * pairs(p) * p.c,
  bytes: pointBytes(p) + 4 * p.batch * p.splits * p.count * p.c,
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

/** Adds what it finds to its own output, so takes all other points at once. */
export const contextualGradQuad = defineKernel<GradProblem>("contextual-grad-quad", {
  source: gradQuad,
  tunables: { NV: [4, 8, 2] },
  consts: seams,
  fits: (_, t) => quads(t),
  workgroups: (p) => fold(ceilDiv(p.count, 128), p.batch),
  cost: gradCost,
});
export const contextualGradTiled = defineKernel<GradProblem>("contextual-grad-tiled", {
  source: gradTiled,
  tunables: { CU: [4, 2, 1, 3] },
  consts: (p) => ({ CU: Math.min(4, ceilDiv(p.c, 32)), ...seams(p) }),
  workgroups: (p, c) => fold(ceilDiv(p.count, 32), p.batch * p.splits * ceilDiv(p.c, 32 * Number(c.CU))),
  cost: gradCost,
});
export const contextualGrad = [contextualGradQuad, contextualGradTiled];

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

/** x [batch, n, C] against y [batch, m, C]. */
type PullProblem = { readonly batch: number; readonly n: number; readonly m: number; readonly source: number };
export const contextualPull = defineKernel<PullProblem>("contextual-pull", {
  source: pull,
  consts: (p) => ({ SOURCE: p.source === 1 }),
  threads: (p) => p.batch * p.n,
  cost: (p) => ({ flops: p.source * p.batch * p.n * p.m, bytes: 4 * p.batch * (7 * p.n + 3 * p.m) }),
});

export const contextualOrder = defineKernel<Omit<PullProblem, "m" | "source">>("contextual-order", {
  source: order,
  workgroups: (p) => fold(p.batch),
  cost: (p) => ({ flops: 2 * p.batch * p.n, bytes: 12 * p.batch * p.n }),
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
