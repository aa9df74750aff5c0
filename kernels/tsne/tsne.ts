// t-SNE: neighbours and their affinities once, then in each step what pulls and what pushes the points of the map.
import { defineKernel, specialize } from "../kernel.ts";
import { ceilDiv, fold } from "../launch.ts";
import affinitiesSource from "./tsne-affinities.wgsl";
import attractionSource from "./tsne-attraction.wgsl";
import fftSource from "./tsne-fft.wgsl";
import gatherSource from "./tsne-gather.wgsl";
import greenSource from "./tsne-green.wgsl";
import nearestSource from "./tsne-nearest.wgsl";
import distancesSource from "./tsne-neighbour-distances.wgsl";
import repulsionSource from "./tsne-repulsion-tiled.wgsl";
import spreadSource from "./tsne-spread.wgsl";

/** `rows` of n points, and k neighbours of each. */
type NearestProblem = { readonly rows: number; readonly n: number; readonly k: number };
/** Points of c numbers. */
type DistancesProblem = { readonly rows: number; readonly k: number; readonly c: number };
/** `entropy` is the logarithm of the perplexity. */
type AffinitiesProblem = { readonly rows: number; readonly k: number; readonly entropy: number };
/** n points, which have `pairs` neighbours in all; `loss` is 1 where the divergence is summed too. */
type AttractionProblem = { readonly n: number; readonly pairs: number; readonly loss: number };
type PointsProblem = { readonly n: number };
/** n points on a grid of `side` × `side` nodes; 1 becomes `scale` there. */
type SpreadProblem = PointsProblem & { readonly side: number; readonly scale: number };
type GridProblem = { readonly side: number };
/** `batch` matrices of `rows` rows of `live` numbers, transformed to `side`, of which `keep` are kept. */
type FftProblem = {
  readonly side: number;
  readonly inverse: number;
  readonly batch: number;
  readonly rows: number;
  readonly live: number;
  readonly keep: number;
  readonly apart: number;
  readonly scale: number;
};

export const tsneNearest = defineKernel<NearestProblem>("tsne-nearest", {
  source: nearestSource,
  workgroups: (p) => fold(p.rows),
  cost: (p) => ({ flops: 0, bytes: 4 * p.rows * (p.n + p.k) }),
});
export const tsneNeighbourDistances = defineKernel<DistancesProblem>("tsne-neighbour-distances", {
  source: distancesSource,
  threads: (p) => p.rows * p.k,
  cost: (p) => ({ flops: 3 * p.rows * p.k * p.c, bytes: 4 * p.rows * (p.c + 2 * p.k) }),
});
export const tsneAffinities = defineKernel<AffinitiesProblem>("tsne-affinities", {
  source: affinitiesSource,
  threads: (p) => p.rows,
  cost: (p) => ({ flops: 5 * 20 * p.rows * p.k, bytes: 8 * p.rows * p.k }),
});
export const tsneAttraction = defineKernel<AttractionProblem>("tsne-attraction", {
  source: attractionSource,
  consts: (p) => ({ LOSS: p.loss === 1 }),
  threads: (p) => p.n,
  cost: (p) => ({ flops: 10 * p.pairs, bytes: 8 * p.pairs + 28 * p.n }),
});
export const tsneRepulsionTiled = defineKernel<PointsProblem>("tsne-repulsion-tiled", {
  source: repulsionSource,
  workgroups: (p) => fold(ceilDiv(p.n, 64)),
  cost: (p) => ({ flops: 11 * p.n * p.n, bytes: 24 * p.n }),
});
export const tsneSpread = defineKernel<SpreadProblem>("tsne-spread", {
  source: spreadSource,
  threads: (p) => p.n,
  cost: (p) => ({ flops: 100 * p.n, bytes: 8 * p.n + 4 * p.side ** 2 }),
});
export const tsneGather = defineKernel<PointsProblem & GridProblem>("tsne-gather", {
  source: gatherSource,
  threads: (p) => p.n,
  cost: (p) => ({ flops: 130 * p.n, bytes: 24 * p.n + 16 * p.side ** 2 }),
});
export const tsneGreen = defineKernel<GridProblem>("tsne-green", {
  source: greenSource,
  threads: (p) => p.side ** 2,
  cost: (p) => ({ flops: 12 * p.side ** 2, bytes: 16 * p.side ** 2 }),
});

const transform = {
  consts: (p: FftProblem) => ({ SIDE: p.side, INVERSE: p.inverse === 1 }),
  workgroups: (p: FftProblem) => fold(p.rows, p.batch),
  cost: (p: FftProblem) => ({
    flops: 5 * p.batch * p.rows * p.side * Math.log2(p.side),
    bytes: 8 * p.batch * p.rows * (p.live + p.keep),
  }),
};
export const tsneFft = defineKernel<FftProblem>("tsne-fft", { source: fftSource, ...transform });
/** Of the whole numbers that tsne-spread leaves, divided by `scale`. */
export const tsneFftCells = defineKernel<FftProblem>("tsne-fft-cells", {
  source: specialize(fftSource, {
    aliases: { In: "i32" },
    hooks: { load: "fn load(v : In, i : u32) -> vec2<f32> { return vec2<f32>(f32(v) / params.scale, 0.0); }" },
  }),
  ...transform,
});
/** Of x times `spectrum`, element by element. */
export const tsneFftProduct = defineKernel<FftProblem>("tsne-fft-product", {
  source: specialize(fftSource, {
    hooks: { load: "fn load(v : In, i : u32) -> vec2<f32> { return times(v, spectrum[i]); }" },
    append: "@group(0) @binding(4) var<storage, read> spectrum : array<vec2<f32>>;",
  }),
  ...transform,
});
