// y = a·b for a batch of matrices, either one stored with rows and columns exchanged.
import { type KernelSpec, type Params, defineKernel } from "../kernel.ts";
import { ceilDiv, columnBlocks, fold, scalarTile, vectorsPerThread } from "../conv2d/conv2d.ts";
import direct from "./matmul-direct.wgsl";
import quad from "./matmul-quad.wgsl";
import subgroupMatrix from "./matmul-subgroup-matrix.wgsl";
import tiled from "./matmul-tiled.wgsl";
import { onTensorCores } from "../subgroup-matrix.ts";

/** Rows of what is stored are whole vec4s. */
const by4 = (p: Params): boolean => p.k % 4 === 0 && p.n % 4 === 0 && (p.transposeA === 0 || p.m % 4 === 0);
const cost = (p: Params): { flops: number; bytes: number } => ({
  flops: 2 * p.batch * p.m * p.n * p.k,
  bytes: 4 * ((p.aBatch ? p.batch : 1) * p.m * p.k + (p.bBatch ? p.batch : 1) * p.k * p.n + p.batch * p.m * p.n),
});
const transposes = (p: Params) => ({ TRANSPOSE_A: p.transposeA === 1, TRANSPOSE_B: p.transposeB === 1 });

/** Adapters on a CPU with subgroups. */
export const matmulQuad = defineKernel("matmul-quad", {
  source: quad,
  tunables: { NV: [2, 1, 3, 4] },
  consts: (p) => ({ NV: vectorsPerThread(p.n), ...transposes(p) }),
  fits: (p, t) => t.cpu && t.subgroups && by4(p) && p.batch * ceilDiv(p.n, 4) <= 65535,
  workgroups: (p, c) => fold(ceilDiv(p.m, 64), p.batch * ceilDiv(p.n, 4 * Number(c.NV))),
  cost,
});
const tiledSpec = {
  source: tiled,
  tunables: { NB: [2, 1] },
  consts: (p) => ({ NB: columnBlocks(p.batch * p.m, p.n), ...transposes(p) }),
  fits: (p, t) => !t.cpu && by4(p) && p.m >= 16 && p.n >= 16 && p.batch * ceilDiv(p.n, 32) <= 65535,
  workgroups: (p, c) => fold(ceilDiv(p.m, 64), p.batch * ceilDiv(p.n, 32 * Number(c.NB))),
  cost,
} satisfies KernelSpec;
export const matmulTiled = defineKernel("matmul-tiled", tiledSpec);
export const matmulSubgroupMatrix = onTensorCores("matmul-subgroup-matrix", { ...tiledSpec, source: subgroupMatrix });
export const matmulDirect = defineKernel("matmul-direct", {
  source: direct,
  tunables: { NT: [4, 1] },
  consts: (p) => ({ NT: scalarTile(p.n) }),
  threads: (p, c) => p.batch * ceilDiv(p.m, 8) * ceilDiv(p.n, Number(c.NT)),
  cost,
});

export const matmulKernels = [...matmulSubgroupMatrix, matmulQuad, matmulTiled, matmulDirect];
/** Kernels whose aBatch and bBatch count vec4s. */
export const countsVec4s = (kernel: { readonly name: string }): boolean => kernel.name !== matmulDirect.name;
