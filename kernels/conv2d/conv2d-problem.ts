// The problem that the three convolutions share, y = x ∗ w and its two gradients, and what kernels are chosen by.
import type { Kernel, Traits } from "../kernel.ts";
import { type Chunks, ceilDiv } from "../launch.ts";

/** x [N, H, W, C], w [R, S, C/groups, K], y [N, P, Q, K], whichever two of them are given. */
export type ConvProblem = {
  readonly n: number;
  readonly h: number;
  readonly w: number;
  readonly c: number;
  readonly p: number;
  readonly q: number;
  readonly k: number;
  readonly r: number;
  readonly s: number;
  readonly strideY: number;
  readonly strideX: number;
  /** Rows above and columns left of the image; negative ones crop. */
  readonly padTop: number;
  readonly padLeft: number;
  readonly dilY: number;
  readonly dilX: number;
  readonly groups: number;
  /** Taps from one that meets a pixel, in the input gradient, to the next: stride / gcd(stride, dil). */
  readonly periodY: number;
  readonly periodX: number;
  /** The filter's taps are met in reverse, as `turned` needs it. */
  readonly flip: boolean;
  /** x is surrounded by its mirror image, not by zeros. */
  readonly reflect: boolean;
  /** Both inputs are stored as f16. */
  readonly half: boolean;
};
/** A dispatch of a part of it: the sum is cut into chunks. */
export type ConvChunks = ConvProblem & Chunks;

/** C and K of each group are multiples of 4. */
export const channelsBy4 = (p: ConvProblem): boolean => (p.c / p.groups) % 4 === 0 && (p.k / p.groups) % 4 === 0;
/** Whether a filter row's three taps slide over the pixels of a row, four at a time. */
export const slides = (p: ConvProblem): boolean =>
  p.s === 3 && p.strideX === 1 && p.dilX === 1 && p.q % 4 === 0 && p.groups === 1 && channelsBy4(p);
/** Enough rows, columns and depth for tiles in workgroup memory. */
export const suitsTiles = (p: ConvProblem, rows: number, columns: number, depth: number): boolean =>
  p.groups === 1 && channelsBy4(p) && rows >= 32 && columns >= 16 && depth >= 16;
/** Tiles of so many channels, of which there are `size` in all groups, that no two groups share. */
export const tilesOf = (p: ConvProblem, size: number, tile: number): number =>
  p.groups * ceilDiv(size / p.groups, tile);

/**
 * One group, and the taps of a filter row are neighbours in x: their (s,c) is one run of memory. On a CPU it must be
 * long enough to go by fours, which that of 1 × 1 with one channel is not.
 */
export const hasRuns = (p: ConvProblem, t: Traits): boolean =>
  p.groups === 1 && p.dilX === 1 && (!t.cpu || p.s * Math.min(p.c, p.k) > 2);

/** Multiply-adds of any of the three convolutions as flops, and the bytes of x, w and y once each. */
export const convCost = (p: ConvProblem): { flops: number; bytes: number } => ({
  flops: 2 * p.n * p.p * p.q * p.r * p.s * (p.c / p.groups) * p.k,
  bytes: 4 * (p.n * p.h * p.w * p.c + p.n * p.p * p.q * p.k + p.r * p.s * (p.c / p.groups) * p.k),
});

/**
 * Whether the kernel mirrors x at its edges itself, by its seam REFLECT or its number `reflect`; else it is given a
 * mirrored copy. Thin kernels mirror pixels of one channel, for their runs of several would need a division; scalar
 * ones mirror pixels of several, for runs of one element take longer than the copy.
 */
export function mirrors(k: Kernel, p: ConvProblem): boolean {
  if (k.name.startsWith("winograd-")) return true; // its image's transform does
  if (k.params.some(({ name }) => name === "reflect")) return true;
  const has = (seam: string): boolean => k.constNames.includes(seam);
  if (!has("REFLECT")) return false;
  if (has("SLIDES")) return p.c === 1;
  return has("KT") ? p.c > 1 : true;
}

/** Whether the gradients are a convolution too, `turned`: the stride is 1. */
export const canTurn = (p: ConvProblem): boolean => p.strideY === 1 && p.strideX === 1;
/**
 * With stride 1, the gradients as the convolution (or weight gradient) that they are: dy in x's role, c and k
 * exchanged, taps in reverse.
 */
export const turned = (p: ConvProblem): ConvProblem => ({
  ...p,
  h: p.p,
  w: p.q,
  c: p.k,
  p: p.h,
  q: p.w,
  k: p.c,
  padTop: p.dilY * (p.r - 1) - p.padTop,
  padLeft: p.dilX * (p.s - 1) - p.padLeft,
  flip: true,
});
