// y = conv2d(x, w): NHWC · RSCK → NPQK. What the three conv families share is here as well.
import { type Consts, type Kernel, type KernelSpec, type Params, type Traits, defineKernel } from "../kernel.ts";
import direct from "./conv2d-direct.wgsl";
import directQuad from "./conv2d-direct-quad.wgsl";
import directVec4 from "./conv2d-direct-vec4.wgsl";
import implicitGemm from "./conv2d-implicit-gemm.wgsl";
import subgroupMatrix from "./conv2d-subgroup-matrix.wgsl";
import thinIn from "./conv2d-thin-in-quad.wgsl";
import thinOut from "./conv2d-thin-out-quad.wgsl";
import { onTensorCores } from "../subgroup-matrix.ts";

export const ceilDiv = (a: number, b: number): number => Math.ceil(a / b);

/** Workgroup counts for `count` workgroups, folded from x into y beyond 65,535, times `z`. */
export function fold(count: number, z = 1): [number, number, number] {
  const y = Math.max(1, ceilDiv(count, 65535));
  return [Math.max(1, ceilDiv(count, y)), y, z];
}

/**
 * vec4s (of `size` channels) per invocation. Three and more need fewer loads but spill registers, which costs a CPU
 * more.
 */
export const vectorsPerThread = (size: number): number => (size <= 4 ? 1 : 2);
/** Channels per invocation of a scalar kernel. */
export const scalarTile = (size: number): number => (size === 1 ? 1 : 4);
/** Workgroups below which a GPU idles. */
const BUSY = 128;
/**
 * vec4s of columns per invocation of a 64 × 32·NB workgroup tile: one where the columns are few, or all tiles of
 * `rows` × `size`.
 */
export const columnBlocks = (rows: number, size: number): number =>
  size <= 32 || ceilDiv(rows, 64) * ceilDiv(size, 64) < BUSY ? 1 : 2;

/**
 * How an implicit product's sum of `depth` terms is cut where its tiles alone leave a GPU idle: `chunk` in 16s, and
 * the number of `chunks`, none shorter than 256 terms. One chunk for any other kernel.
 */
export function splitDepth(
  kernel: Kernel,
  p: Params,
  depth: number,
  traits: Traits,
): { chunk: number; chunks: number } {
  const steps = ceilDiv(depth, 16);
  if (!kernel.params.some((f) => f.name === "chunks")) return { chunk: steps, chunks: 1 };
  const [x, y, z] = kernel.workgroups!({ ...p, chunks: 1 }, kernel.consts!(p, traits));
  const chunk = Math.max(ceilDiv(steps, ceilDiv(BUSY, x * y * z)), Math.min(steps, 16));
  return { chunk, chunks: ceilDiv(steps, chunk) };
}

/** C and K of each group are multiples of 4. */
export const channelsBy4 = (p: Params): boolean => (p.c / p.groups) % 4 === 0 && (p.k / p.groups) % 4 === 0;
/** Enough rows, columns and depth for tiles in workgroup memory. */
export const suitsTiles = (p: Params, rows: number, columns: number, depth: number): boolean =>
  p.groups === 1 && channelsBy4(p) && rows >= 32 && columns >= 16 && depth >= 16;

/** Multiply-adds of any of the three convolutions as flops, and the bytes of x, w and y once each. */
export const convCost = (p: Params): { flops: number; bytes: number } => ({
  flops: 2 * p.n * p.p * p.q * p.r * p.s * (p.c / p.groups) * p.k,
  bytes: 4 * (p.n * p.h * p.w * p.c + p.n * p.p * p.q * p.k + p.r * p.s * (p.c / p.groups) * p.k),
});

const num = (c: Consts, name: string): number => Number(c[name]);
export const tilesOf = (p: Params, size: number, tile: number): number => p.groups * ceilDiv(size / p.groups, tile);

/** Whether invocations can share loads by fours, and gain by it. */
export const quads = (t: Traits): boolean => t.cpu && t.subgroups;
/**
 * One group, and the taps of a filter row are neighbours in x: their (s,c) is one run of memory. On a CPU it must be
 * long enough to go by fours, which that of 1 × 1 with one channel is not.
 */
export const hasRuns = (p: Params, t: Traits): boolean =>
  p.groups === 1 && p.dilX === 1 && (!t.cpu || p.s * Math.min(p.c, p.k) > 2);

/** Whether x is surrounded by its mirror image. */
export const reflects = (p: Params): boolean => p.reflect === 1;
/**
 * Whether the kernel mirrors x at its edges itself; else it is given a mirrored copy. Thin kernels mirror pixels of
 * one channel, for their runs of several would need a division; scalar ones pixels of several, for runs of one
 * element take longer than the copy.
 */
export const mirrors = (k: Kernel, p: Params): boolean => {
  const has = (name: string): boolean => k.constNames.includes(name);
  return has("REFLECT") && (has("SLIDES") ? p.c === 1 : has("KT") ? p.c > 1 : true);
};

/**
 * With stride 1, the gradients as the convolution (or weight gradient) that they are: dy in x's role, c and k
 * exchanged, taps in reverse.
 */
export const turned = (p: Params): Params => ({
  ...p,
  h: p.p,
  w: p.q,
  c: p.k,
  p: p.h,
  q: p.w,
  k: p.c,
  padTop: p.dilY * (p.r - 1) - p.padTop,
  padLeft: p.dilX * (p.s - 1) - p.padLeft,
  flip: 1,
});
export const canTurn = (p: Params): boolean => p.strideY === 1 && p.strideX === 1;

/** Any C to K in fours: a first layer of 1 or 3 channels, and the input gradient of a head. */
export const thinInSpec: KernelSpec = {
  source: thinIn,
  tunables: { KV: [2, 1, 3, 4] },
  consts: (p, t) => ({
    WG: t.cpu ? 16 : 64,
    KV: vectorsPerThread(p.k),
    SLIDES: p.c === 1 && p.strideX === 1,
    REFLECT: reflects(p),
  }),
  fits: (p, t) => t.subgroups && hasRuns(p, t) && p.c % 4 !== 0 && p.k % 4 === 0 && (p.flip === 0 || p.c === 1),
  workgroups: (p, c) => fold(ceilDiv(p.n * p.p * ceilDiv(p.q, 4), num(c, "WG")), ceilDiv(p.k, 4 * num(c, "KV"))),
  cost: convCost,
};
/** C in fours to one channel: a head, and the input gradient of a first layer. */
export const thinOutSpec: KernelSpec = {
  source: thinOut,
  consts: (p, t) => ({ WG: t.cpu ? 8 : 64, REFLECT: reflects(p) }),
  fits: (p, t) => t.subgroups && hasRuns(p, t) && p.strideX === 1 && p.c % 4 === 0 && p.k === 1,
  workgroups: (p, c) => fold(ceilDiv(p.n * p.p * ceilDiv(p.q, 8), num(c, "WG"))),
  cost: convCost,
};
export const conv2dThinInQuad = defineKernel("conv2d-thin-in-quad", thinInSpec);
export const conv2dThinOutQuad = defineKernel("conv2d-thin-out-quad", thinOutSpec);

export const conv2dDirectQuad = defineKernel("conv2d-direct-quad", {
  source: directQuad,
  tunables: { KV: [2, 1, 3, 4] },
  consts: (p) => ({ KV: vectorsPerThread(p.k / p.groups), REFLECT: reflects(p) }),
  fits: (p, t) => quads(t) && channelsBy4(p),
  workgroups: (p, c) => fold(ceilDiv(p.n * p.p * ceilDiv(p.q, 4), 16), tilesOf(p, p.k, 4 * num(c, "KV"))),
  cost: convCost,
});
const tiledSpec = {
  source: implicitGemm,
  tunables: { NB: [2, 1] },
  consts: (p) => ({ NB: columnBlocks(p.n * p.p * p.q, p.k), REFLECT: reflects(p) }),
  fits: (p, t) => !t.cpu && suitsTiles(p, p.n * p.p * p.q, p.k, p.r * p.s * p.c),
  workgroups: (p, c) => fold(ceilDiv(p.n * p.p * p.q, 64), p.chunks * ceilDiv(p.k, 32 * num(c, "NB"))),
  cost: convCost,
} satisfies KernelSpec;
export const conv2dImplicitGemm = defineKernel("conv2d-implicit-gemm", { ...tiledSpec, tally: 64 });
export const conv2dSubgroupMatrix = onTensorCores("conv2d-subgroup-matrix", { ...tiledSpec, source: subgroupMatrix });
export const conv2dDirectVec4 = defineKernel("conv2d-direct-vec4", {
  source: directVec4,
  tunables: { KV: [2, 1, 3, 4] },
  consts: (p) => ({ KV: vectorsPerThread(p.k / p.groups), REFLECT: reflects(p) }),
  fits: channelsBy4,
  threads: (p, c) => p.n * p.p * ceilDiv(p.q, 4) * tilesOf(p, p.k, 4 * num(c, "KV")),
  cost: convCost,
});
export const conv2dDirect = defineKernel("conv2d-direct", {
  source: direct,
  tunables: { KT: [4, 1] },
  consts: (p) => ({ KT: scalarTile(p.k / p.groups), REFLECT: reflects(p) }),
  threads: (p, c) => p.n * p.p * ceilDiv(p.q, 8) * tilesOf(p, p.k, num(c, "KT")),
  cost: convCost,
});

export const conv2dKernels = [
  ...conv2dSubgroupMatrix,
  conv2dDirectQuad,
  conv2dThinInQuad,
  conv2dThinOutQuad,
  conv2dImplicitGemm,
  conv2dDirectVec4,
  conv2dDirect,
];
