// dw = conv2dWeightGrad(x, dy): NHWC · NPQK → RSCK, a sum over all pixels that is cut into chunks.
import { type Kernel, type KernelSpec, type Params, type Traits, defineKernel } from "../kernel.ts";
import {
  canTurn,
  ceilDiv,
  channelsBy4,
  convCost,
  hasRuns,
  quads,
  reflects,
  scalarTile,
  suitsTiles,
  tilesOf,
  turned,
  vectorsPerThread,
} from "./conv2d.ts";
import direct from "./conv2d-weight-grad-direct.wgsl";
import directQuad from "./conv2d-weight-grad-direct-quad.wgsl";
import directVec4 from "./conv2d-weight-grad-direct-vec4.wgsl";
import implicitGemm from "./conv2d-weight-grad-implicit-gemm.wgsl";
import subgroupMatrix from "./conv2d-weight-grad-subgroup-matrix.wgsl";
import thin from "./conv2d-weight-grad-thin-quad.wgsl";
import { onTensorCores } from "../subgroup-matrix.ts";

const rowsOf = (p: Params): number => p.r * p.s * (p.c / p.groups);
const kvOf = (p: Params): number => vectorsPerThread(p.k / p.groups);
/** The sum is cut until there are workgroups enough, so tiles are as wide as the filters allow. */
const tiledColumns = (p: Params): number => (p.k <= 32 ? 1 : 2);

export const conv2dWeightGradDirectQuad = defineKernel("conv2d-weight-grad-direct-quad", {
  source: directQuad,
  tunables: { KV: [2, 1, 3, 4] },
  consts: (p) => ({ KV: kvOf(p), REFLECT: reflects(p) }),
  fits: (p, t) => quads(t) && channelsBy4(p),
  workgroups: (p, c) => [ceilDiv(rowsOf(p) / 4, 8), p.chunks, tilesOf(p, p.k, 4 * Number(c.KV))],
  cost: convCost,
});
const tiledSpec = {
  source: implicitGemm,
  tunables: { NB: [2, 1] },
  consts: (p) => ({ NB: tiledColumns(p), REFLECT: reflects(p) }),
  fits: (p, t) => !t.cpu && suitsTiles(p, rowsOf(p), p.k, p.n * p.p * p.q),
  workgroups: (p, c) => [ceilDiv(rowsOf(p), 64), p.chunks, ceilDiv(p.k, 32 * Number(c.NB))],
  cost: convCost,
} satisfies KernelSpec;
export const conv2dWeightGradImplicitGemm = defineKernel("conv2d-weight-grad-implicit-gemm", tiledSpec);
export const conv2dWeightGradSubgroupMatrix = onTensorCores("conv2d-weight-grad-subgroup-matrix", {
  ...tiledSpec,
  source: subgroupMatrix,
});
export const conv2dWeightGradDirectVec4 = defineKernel("conv2d-weight-grad-direct-vec4", {
  source: directVec4,
  tunables: { KV: [2, 1, 3, 4] },
  consts: (p) => ({ KV: kvOf(p), REFLECT: reflects(p) }),
  fits: channelsBy4,
  threads: (p, c) => p.chunks * (rowsOf(p) / 4) * tilesOf(p, p.k, 4 * Number(c.KV)),
  cost: convCost,
});
export const conv2dWeightGradDirect = defineKernel("conv2d-weight-grad-direct", {
  source: direct,
  tunables: { KT: [4, 1] },
  consts: (p) => ({ KT: scalarTile(p.k / p.groups), REFLECT: reflects(p) }),
  threads: (p, c) => p.chunks * ceilDiv(rowsOf(p), 8) * tilesOf(p, p.k, Number(c.KT)),
  cost: convCost,
});

const thinSpec: KernelSpec = {
  source: thin,
  tunables: { KV: [2, 1, 3, 4] },
  consts: (p) => ({ KV: kvOf(p), SLIDES: p.c === 1 && p.strideX === 1, REFLECT: reflects(p) }),
  fits: (p, t) => quads(t) && hasRuns(p, t) && p.c % 4 !== 0 && p.k % 4 === 0 && (p.flip === 0 || p.c === 1),
  workgroups: (p, c) => [ceilDiv(thinRows(p), 8), p.chunks, ceilDiv(p.k, 4 * Number(c.KV))],
  cost: convCost,
};
const thinRows = (p: Params): number => p.r * ceilDiv(p.s * p.c, 4);
/** Any C to K in fours: a first layer of 1 or 3 channels. */
export const conv2dWeightGradThinQuad = defineKernel("conv2d-weight-grad-thin-quad", thinSpec);
/** C in fours to one channel: a head. */
export const conv2dWeightGradThinOutQuad = defineKernel("conv2d-weight-grad-thin-out-quad", {
  ...thinSpec,
  fits: (p, t) => canTurn(p) && thinSpec.fits!(turned(p), t),
});
/** Whether the kernel takes `turned` Params and x and dy exchanged. */
export const turnsWeightGrad = (k: Kernel): boolean => k === conv2dWeightGradThinOutQuad;

export const conv2dWeightGradKernels = [
  ...conv2dWeightGradSubgroupMatrix,
  conv2dWeightGradDirectQuad,
  conv2dWeightGradThinQuad,
  conv2dWeightGradThinOutQuad,
  conv2dWeightGradImplicitGemm,
  conv2dWeightGradDirectVec4,
  conv2dWeightGradDirect,
];

/**
 * How the kernel cuts its sum: `chunk` in units of its own (4 pixels of a row, or one pixel) and the number of
 * `chunks`. Enough invocations for the device, no chunk so short that joining costs more than summing. `p` are the
 * Params it is given.
 */
export function splitWeightGrad(kernel: Kernel, p: Params, traits: Traits): { chunk: number; chunks: number } {
  const quad = kernel === conv2dWeightGradDirectQuad;
  const thin = kernel === conv2dWeightGradThinQuad || kernel === conv2dWeightGradThinOutQuad;
  const by4 = thin || quad || kernel === conv2dWeightGradDirectVec4;
  const tiled = kernel === conv2dWeightGradImplicitGemm || conv2dWeightGradSubgroupMatrix.includes(kernel);
  const units = p.n * p.p * (by4 ? ceilDiv(p.q, 4) : p.q);
  const threads = tiled
    ? 64 * ceilDiv(rowsOf(p), 64) * ceilDiv(p.k, 32 * tiledColumns(p))
    : thin
      ? thinRows(p) * tilesOf(p, p.k, 4 * kvOf(p))
      : by4
        ? (rowsOf(p) / 4) * tilesOf(p, p.k, 4 * kvOf(p))
        : ceilDiv(rowsOf(p), 8) * tilesOf(p, p.k, scalarTile(p.k / p.groups));
  const wanted = ceilDiv(traits.cpu ? 128 : 16384, Math.max(1, threads));
  const least = tiled ? 256 : by4 ? 32 : 128;
  const granule = tiled ? 16 : 1;
  const chunk = Math.max(granule, granule * ceilDiv(Math.max(ceilDiv(units, wanted), Math.min(units, least)), granule));
  return { chunk, chunks: Math.max(1, ceilDiv(units, chunk)) };
}
