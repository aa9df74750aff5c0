// y = conv2d(x, w): NHWC · RSCK → NPQK.
import { type Kernel, type KernelSpec, defineKernel } from "../kernel.ts";
import {
  ceilDiv,
  columnBlocks,
  fold,
  quadGroups,
  quads,
  readsTexels,
  scalarTile,
  vectorsPerQuadThread,
  vectorsPerThread,
} from "../launch.ts";
import {
  type ConvChunks,
  type ConvProblem,
  channelsBy4,
  convCost,
  hasRuns,
  suitsTiles,
  tilesOf,
} from "./conv2d-problem.ts";
import direct from "./conv2d-direct.wgsl";
import directQuad from "./conv2d-direct-quad.wgsl";
import directVec4 from "./conv2d-direct-vec4.wgsl";
import implicitGemm from "./conv2d-implicit-gemm.wgsl";
import thinIn from "./conv2d-thin-in-quad.wgsl";
import thinOut from "./conv2d-thin-out-quad.wgsl";

/** Any C to K in fours: a first layer of 1 or 3 channels, and the input gradient of a head. */
export const thinInSpec = {
  source: thinIn,
  tunables: { KV: [2, 1, 3, 4] },
  consts: (p, t) => ({
    WG: t.cpu ? 16 : 64,
    KV: vectorsPerQuadThread(p.k, readsTexels(p, t)),
    SLIDES: p.c === 1 && p.strideX === 1,
    REFLECT: p.reflect,
  }),
  fits: (p, t) => t.subgroups && hasRuns(p, t) && p.c % 4 !== 0 && p.k % 4 === 0 && (!p.flip || p.c === 1),
  workgroups: (p, c) => fold(ceilDiv(p.n * p.p * ceilDiv(p.q, 4), Number(c.WG)), ceilDiv(p.k, 4 * Number(c.KV))),
  cost: convCost,
} satisfies KernelSpec<ConvProblem>;
/** C in fours to one channel: a head, and the input gradient of a first layer. */
export const thinOutSpec = {
  source: thinOut,
  consts: (p, t) => ({ WG: t.cpu ? 8 : 64, REFLECT: p.reflect }),
  fits: (p, t) => t.subgroups && hasRuns(p, t) && p.strideX === 1 && p.c % 4 === 0 && p.k === 1,
  workgroups: (p, c) => fold(ceilDiv(p.n * p.p * ceilDiv(p.q, 8), Number(c.WG))),
  cost: convCost,
} satisfies KernelSpec<ConvProblem>;
export const conv2dThinInQuad = defineKernel<ConvProblem>("conv2d-thin-in-quad", thinInSpec);
export const conv2dThinOutQuad = defineKernel<ConvProblem>("conv2d-thin-out-quad", thinOutSpec);

export const conv2dDirectQuad = defineKernel<ConvProblem>("conv2d-direct-quad", {
  source: directQuad,
  tunables: { KV: [2, 1, 3, 4] },
  consts: (p, t) => ({
    KV: vectorsPerQuadThread(p.k / p.groups, readsTexels(p, t)),
    REFLECT: p.reflect,
  }),
  fits: (p, t) => quads(t) && channelsBy4(p),
  workgroups: (p, c) => quadGroups(p.n * p.p * p.q, tilesOf(p, p.k, 4 * Number(c.KV))),
  cost: convCost,
});
/** Tiles in workgroup memory. */
export const conv2dTiledSpec = {
  source: implicitGemm,
  tunables: { NB: [2, 1] },
  consts: (p) => ({ NB: columnBlocks(p.n * p.p * p.q, p.k), REFLECT: p.reflect }),
  fits: (p, t) => !t.cpu && suitsTiles(p, p.n * p.p * p.q, p.k, p.r * p.s * p.c),
  workgroups: (p, c) => fold(ceilDiv(p.n * p.p * p.q, 64), p.chunks * ceilDiv(p.k, 32 * Number(c.NB))),
  cost: convCost,
} satisfies KernelSpec<ConvProblem, ConvChunks>;
export const conv2dImplicitGemm = defineKernel<ConvProblem, ConvChunks>("conv2d-implicit-gemm", {
  ...conv2dTiledSpec,
  tally: 64,
});
export const conv2dDirectVec4 = defineKernel<ConvProblem>("conv2d-direct-vec4", {
  source: directVec4,
  tunables: { KV: [2, 1, 3, 4] },
  consts: (p) => ({ KV: vectorsPerThread(p.k / p.groups), REFLECT: p.reflect }),
  fits: channelsBy4,
  threads: (p, c) => p.n * p.p * ceilDiv(p.q, 4) * tilesOf(p, p.k, 4 * Number(c.KV)),
  cost: convCost,
});
export const conv2dDirect = defineKernel<ConvProblem>("conv2d-direct", {
  source: direct,
  tunables: { KT: [4, 1] },
  consts: (p) => ({ KT: scalarTile(p.k / p.groups), REFLECT: p.reflect }),
  threads: (p, c) => p.n * p.p * ceilDiv(p.q, 8) * tilesOf(p, p.k, Number(c.KT)),
  cost: convCost,
});

/** In order of preference; the last takes any problem. */
export const conv2dKernels: Kernel<ConvProblem>[] = [
  conv2dDirectQuad,
  conv2dThinInQuad,
  conv2dThinOutQuad,
  conv2dImplicitGemm,
  conv2dDirectVec4,
  conv2dDirect,
];
