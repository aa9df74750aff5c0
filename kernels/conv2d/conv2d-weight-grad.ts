// dw = conv2dWeightGrad(x, dy): NHWC · NPQK → RSCK, a sum over all pixels that is cut into chunks.
import { type Kernel, type KernelSpec, type Traits, defineKernel } from "../kernel.ts";
import {
  type Chunks,
  ceilDiv,
  quads,
  readsTexels,
  scalarTile,
  vectorsPerQuadThread,
  vectorsPerThread,
} from "../launch.ts";
import {
  type ConvChunks,
  type ConvProblem,
  canTurn,
  channelsBy4,
  convCost,
  hasRuns,
  suitsTiles,
  tilesOf,
  turned,
} from "./conv2d-problem.ts";
import direct from "./conv2d-weight-grad-direct.wgsl";
import directQuad from "./conv2d-weight-grad-direct-quad.wgsl";
import directVec4 from "./conv2d-weight-grad-direct-vec4.wgsl";
import implicitGemm from "./conv2d-weight-grad-implicit-gemm.wgsl";
import thin from "./conv2d-weight-grad-thin-quad.wgsl";

/** Rows (r,s,c) of the filter as a matrix with K columns. */
const rowsOf = (p: ConvProblem): number => p.r * p.s * (p.c / p.groups);
const kvOf = (p: ConvProblem): number => vectorsPerThread(p.k / p.groups);
export const quadKvOf = (p: ConvProblem, t: Traits): number => vectorsPerQuadThread(p.k / p.groups, readsTexels(p, t));
/** The sum is cut until there are workgroups enough, so tiles are as wide as the filters allow. */
const tiledColumns = (p: ConvProblem): number => (p.k <= 32 ? 1 : 2);

export const conv2dWeightGradDirectQuad = defineKernel<ConvProblem, ConvChunks>("conv2d-weight-grad-direct-quad", {
  source: directQuad,
  tunables: { KV: [2, 1, 3, 4] },
  consts: (p, t) => ({ KV: quadKvOf(p, t), REFLECT: p.reflect }),
  fits: (p, t) => quads(t) && channelsBy4(p),
  workgroups: (p, c) => [ceilDiv(rowsOf(p) / 4, 8), p.chunks, tilesOf(p, p.k, 4 * Number(c.KV))],
  cost: convCost,
});
/** Tiles in workgroup memory. */
export const conv2dWeightGradTiledSpec = {
  source: implicitGemm,
  tunables: { NB: [2, 1] },
  consts: (p) => ({ NB: tiledColumns(p), REFLECT: p.reflect }),
  fits: (p, t) => !t.cpu && suitsTiles(p, rowsOf(p), p.k, p.n * p.p * p.q),
  workgroups: (p, c) => [ceilDiv(rowsOf(p), 64), p.chunks, ceilDiv(p.k, 32 * Number(c.NB))],
  cost: convCost,
} satisfies KernelSpec<ConvProblem, ConvChunks>;
export const conv2dWeightGradImplicitGemm = defineKernel<ConvProblem, ConvChunks>(
  "conv2d-weight-grad-implicit-gemm",
  conv2dWeightGradTiledSpec,
);
export const conv2dWeightGradDirectVec4 = defineKernel<ConvProblem, ConvChunks>("conv2d-weight-grad-direct-vec4", {
  source: directVec4,
  tunables: { KV: [2, 1, 3, 4] },
  consts: (p) => ({ KV: kvOf(p), REFLECT: p.reflect }),
  fits: channelsBy4,
  threads: (p, c) => p.chunks * (rowsOf(p) / 4) * tilesOf(p, p.k, 4 * Number(c.KV)),
  cost: convCost,
});
export const conv2dWeightGradDirect = defineKernel<ConvProblem, ConvChunks>("conv2d-weight-grad-direct", {
  source: direct,
  tunables: { KT: [4, 1] },
  consts: (p) => ({ KT: scalarTile(p.k / p.groups), REFLECT: p.reflect }),
  threads: (p, c) => p.chunks * ceilDiv(rowsOf(p), 8) * tilesOf(p, p.k, Number(c.KT)),
  cost: convCost,
});

/** Rows of a thin kernel: four neighbours of a run (s,c) each. */
const thinRows = (p: ConvProblem): number => p.r * ceilDiv(p.s * p.c, 4);
const thinSpec = {
  source: thin,
  tunables: { KV: [2, 1, 3, 4] },
  consts: (p, t) => ({ KV: quadKvOf(p, t), SLIDES: p.c === 1 && p.strideX === 1, REFLECT: p.reflect }),
  fits: (p, t) => quads(t) && hasRuns(p, t) && p.c % 4 !== 0 && p.k % 4 === 0 && (!p.flip || p.c === 1),
  workgroups: (p, c) => [ceilDiv(thinRows(p), 8), p.chunks, ceilDiv(p.k, 4 * Number(c.KV))],
  cost: convCost,
} satisfies KernelSpec<ConvProblem, ConvChunks>;
/** Any C to K in fours: a first layer of 1 or 3 channels. */
export const conv2dWeightGradThinQuad = defineKernel<ConvProblem, ConvChunks>("conv2d-weight-grad-thin-quad", thinSpec);
/** C in fours to one channel: a head. */
export const conv2dWeightGradThinOutQuad = defineKernel<ConvProblem, ConvChunks>("conv2d-weight-grad-thin-out-quad", {
  ...thinSpec,
  fits: (p, t) => canTurn(p) && thinSpec.fits(turned(p), t),
});
/** Whether the kernel takes the `turned` problem, with x and dy exchanged. */
export const turnsWeightGrad = (k: Kernel): boolean => k === conv2dWeightGradThinOutQuad;

/** How kernels walk the pixels of their sum, which decides where it is cut. */
interface Walk {
  /** Pixels of a row that are one step: chunks are counted in steps. */
  readonly pixels: 1 | 4;
  /** Invocations that one chunk has; with texels a quad kernel has fewer, and the same cuts. */
  readonly threads: (p: ConvProblem) => number;
  /** Fewest steps of a chunk: shorter ones cost more to join than to sum. */
  readonly fewest: number;
  /** Steps of which a chunk is a multiple. */
  readonly multiple: number;
}
const tiledWalk: Walk = {
  pixels: 1,
  threads: (p) => 64 * ceilDiv(rowsOf(p), 64) * ceilDiv(p.k, 32 * tiledColumns(p)),
  fewest: 256,
  multiple: 16,
};
/** Rows of a filter in fours. */
export const vectorWalk: Walk = {
  pixels: 4,
  threads: (p) => (rowsOf(p) / 4) * tilesOf(p, p.k, 4 * kvOf(p)),
  fewest: 32,
  multiple: 1,
};
const thinWalk: Walk = { ...vectorWalk, threads: (p) => thinRows(p) * tilesOf(p, p.k, 4 * kvOf(p)) };
const scalarWalk: Walk = {
  pixels: 1,
  threads: (p) => ceilDiv(rowsOf(p), 8) * tilesOf(p, p.k, scalarTile(p.k / p.groups)),
  fewest: 128,
  multiple: 1,
};

/** What each kernel of the weight gradient walks. */
export const walks = new Map<Kernel, Walk>([
  [conv2dWeightGradDirectQuad, vectorWalk],
  [conv2dWeightGradThinQuad, thinWalk],
  [conv2dWeightGradThinOutQuad, thinWalk],
  [conv2dWeightGradImplicitGemm, tiledWalk],
  [conv2dWeightGradDirectVec4, vectorWalk],
  [conv2dWeightGradDirect, scalarWalk],
]);
/** In order of preference; the last takes any problem. */
export const conv2dWeightGradKernels: Kernel[] = [...walks.keys()];

/** Invocations that keep a device busy. */
const BUSY_THREADS = { cpu: 128, gpu: 16384 };

/**
 * How the kernel cuts its sum, `chunk` in steps of its own walk: enough invocations for the device, no chunk so short
 * that joining costs more than summing. `p` is the problem that it is given, turned where it turns.
 */
export function splitWeightGrad(kernel: Kernel, p: ConvProblem, traits: Traits): Chunks {
  const walk = walks.get(kernel) ?? (kernel.constNames.includes("MATRIX_M") ? tiledWalk : undefined); // tensor cores
  if (!walk) throw new Error(`internal: ${kernel.name} is no kernel of the weight gradient`);
  const { pixels, threads, fewest, multiple } = walk;
  const steps = p.n * p.p * ceilDiv(p.q, pixels);
  const wanted = ceilDiv(traits.cpu ? BUSY_THREADS.cpu : BUSY_THREADS.gpu, Math.max(1, threads(p)));
  const least = Math.max(ceilDiv(steps, wanted), Math.min(steps, fewest));
  const chunk = multiple * Math.max(1, ceilDiv(least, multiple));
  return { chunk, chunks: Math.max(1, ceilDiv(steps, chunk)) };
}
