// y = a·b for a batch of matrices, either one stored with rows and columns exchanged.
import { type BindingRoom, type Kernel, type KernelSpec, type Run, defineKernel } from "../kernel.ts";
import {
  ceilDiv,
  columnBlocks,
  fold,
  quads,
  readsTexels,
  scalarTile,
  sharers,
  vectorsPerQuadThread,
} from "../launch.ts";
import { rangesWithin, runOf } from "../windows.ts";
import direct from "./matmul-direct.wgsl";
import quad from "./matmul-quad.wgsl";
import tiled from "./matmul-tiled.wgsl";

/** y [batch, M, N] = a [batch, M, K] · b [batch, K, N]. */
export type MatmulProblem = {
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** From one matrix to the next; 0 where there is one for all. In elements, or in vec4s after `inUnitsOf`. */
  readonly aBatch: number;
  readonly bBatch: number;
  /** From one row or column to the next, in elements. */
  readonly aRow: number;
  readonly aColumn: number;
  readonly bRow: number;
  readonly bColumn: number;
  /** a is stored [batch, K, M], b [batch, N, K]. */
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  /** Both factors are stored as f16. */
  readonly half: boolean;
};

export interface MatmulSizes {
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  /** One matrix for the whole batch. */
  readonly oneA?: boolean;
  readonly oneB?: boolean;
  readonly half?: boolean;
}
/** The problem of matrices that lie row by row and one after the other. */
export function matmulProblem({
  batch,
  m,
  n,
  k,
  transposeA = false,
  transposeB = false,
  oneA = false,
  oneB = false,
  half = false,
}: MatmulSizes): MatmulProblem {
  return {
    batch,
    m,
    n,
    k,
    aBatch: oneA ? 0 : m * k,
    bBatch: oneB ? 0 : k * n,
    aRow: transposeA ? 1 : k,
    aColumn: transposeA ? m : 1,
    bRow: transposeB ? 1 : n,
    bColumn: transposeB ? k : 1,
    transposeA,
    transposeB,
    half,
  };
}

/** Rows of what is stored are whole vec4s. */
const by4 = (p: MatmulProblem): boolean => p.k % 4 === 0 && p.n % 4 === 0 && (!p.transposeA || p.m % 4 === 0);
const cost = (p: MatmulProblem): { flops: number; bytes: number } => ({
  flops: 2 * p.batch * p.m * p.n * p.k,
  bytes: 4 * ((p.aBatch ? p.batch : 1) * p.m * p.k + (p.bBatch ? p.batch : 1) * p.k * p.n + p.batch * p.m * p.n),
});
const transposes = (p: MatmulProblem) => ({ TRANSPOSE_A: p.transposeA, TRANSPOSE_B: p.transposeB });

/** Adapters on a CPU with subgroups. */
export const matmulQuad = defineKernel<MatmulProblem>("matmul-quad", {
  source: quad,
  tunables: { NV: [2, 1, 3, 4] },
  consts: (p, t) => ({
    NV: vectorsPerQuadThread(p.n, readsTexels(p, t)),
    LANES: sharers(p.k / 4, t),
    ...transposes(p),
  }),
  fits: (p, t) => quads(t) && by4(p) && p.batch * ceilDiv(p.n, 4) <= 65535,
  workgroups: (p, c) => fold(ceilDiv(p.m, 64), p.batch * ceilDiv(p.n, 4 * Number(c.NV))),
  cost,
});
/** Tiles in workgroup memory. */
export const matmulTiledSpec = {
  source: tiled,
  tunables: { NB: [2, 1] },
  consts: (p) => ({ NB: columnBlocks(p.batch * p.m, p.n), ...transposes(p) }),
  fits: (p, t) => !t.cpu && by4(p) && p.m >= 16 && p.n >= 16 && p.batch * ceilDiv(p.n, 32) <= 65535,
  workgroups: (p, c) => fold(ceilDiv(p.m, 64), p.batch * ceilDiv(p.n, 32 * Number(c.NB))),
  cost,
} satisfies KernelSpec<MatmulProblem>;
export const matmulTiled = defineKernel<MatmulProblem>("matmul-tiled", matmulTiledSpec);
export const matmulDirect = defineKernel<MatmulProblem>("matmul-direct", {
  source: direct,
  tunables: { NT: [4, 1] },
  consts: (p) => ({ NT: scalarTile(p.n) }),
  threads: (p, c) => p.batch * ceilDiv(p.m, 8) * ceilDiv(p.n, Number(c.NT)),
  cost,
});

/** In order of preference; the last takes any problem. */
export const matmulKernels: Kernel<MatmulProblem>[] = [matmulQuad, matmulTiled, matmulDirect];
/** The problem with aBatch and bBatch as the kernel counts them: matmul-direct in elements, the others in vec4s. */
export function inUnitsOf(kernel: Kernel, p: MatmulProblem): MatmulProblem {
  const unit = kernel.name === matmulDirect.name ? 1 : 4;
  return { ...p, aBatch: p.aBatch / unit, bBatch: p.bBatch / unit };
}

/** A part of a problem: some matrices of the batch, or some rows of one, and the elements of a, b and y that it has. */
export interface MatmulWindow {
  readonly p: MatmulProblem;
  readonly a: Run;
  readonly b: Run;
  readonly y: Run;
}

/** Windows of a problem as `matmulProblem` gives it; the whole where it fits, or where no window does. */
export function matmulWindows(p: MatmulProblem, room: BindingRoom): MatmulWindow[] {
  const { batch, m, n, k, aBatch, bBatch, transposeA } = p;
  const whole = { from: 0, to: 1 };
  const matrices = rangesWithin(batch, batch === 1 ? [m * k, m * n] : [aBatch, bBatch, m * n], room);
  if (matrices)
    return matrices.map((range) => ({
      p: { ...p, batch: range.to - range.from },
      a: runOf(aBatch ? range : whole, m * k),
      b: runOf(bBatch ? range : whole, k * n),
      y: runOf(range, m * n),
    }));
  const rows = batch === 1 && !transposeA ? rangesWithin(m, [k, n], room) : undefined;
  return (rows ?? [{ from: 0, to: m }]).map((range) => ({
    p: { ...p, m: range.to - range.from },
    a: rows ? runOf(range, k) : { first: 0, count: (aBatch ? batch : 1) * m * k },
    b: { first: 0, count: (bBatch ? batch : 1) * k * n },
    y: rows ? runOf(range, n) : { first: 0, count: batch * m * n },
  }));
}
