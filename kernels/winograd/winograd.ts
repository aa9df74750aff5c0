// conv2d of 3 × 3 by Winograd's F(4×4, 3×3): a tile of 4 × 4 pixels takes 36 products instead of 144, between
// transforms of the filter, the image and the products. The products are a batch of 36 matrix products, tiles × C
// times C × K.
import { type ConvProblem, canTurn, turned } from "../conv2d/conv2d-problem.ts";
import { type KernelSpec, type Traits, defineKernel } from "../kernel.ts";
import { lanes } from "../lanes.ts";
import { ceilDiv } from "../launch.ts";
import filter from "./winograd-filter.wgsl";
import image from "./winograd-image.wgsl";
import output from "./winograd-output.wgsl";

/** Sizes of the image y, and the channels on both sides. */
type Sizes = Pick<ConvProblem, "n" | "p" | "q" | "c" | "k">;
export type Judged = Sizes & Pick<ConvProblem, "half">;
/** A run of tiles, of `first` and those behind it. */
type Strip = { readonly first: number; readonly tiles: number };
export type OfStrip = ConvProblem & Strip;
/** Filters for which `size` invocations transform four at a time. */
export type OfFilters = { readonly size: number };

const tilesOf = (p: Sizes): number => p.n * ceilDiv(p.p, 4) * ceilDiv(p.q, 4);
/** Bytes that transformed image and products of one strip may take. */
const STRIP_BYTES = 2 ** 25;
/** Bytes that 36 matrices [C, K] may take: 512 × 512 fits. */
const MATRIX_BYTES = 40 * 2 ** 20;

/**
 * Runs of tiles, whole 64s but for the last, of which transformed image and products are kept at a time; `most`:
 * elements that a binding holds.
 */
export function winogradStrips(p: Sizes, most = Infinity): Strip[] {
  const all = tilesOf(p);
  const wanted = 64 * Math.max(1, Math.floor(STRIP_BYTES / (4 * 36 * 64 * (p.c + p.k))));
  const room = 64 * Math.max(1, Math.floor(most / (36 * 64 * Math.max(p.c, p.k))));
  const tiles = 64 * ceilDiv(all, 64 * ceilDiv(all, Math.min(wanted, room)));
  return Array.from({ length: ceilDiv(all, tiles) }, (_, i) => ({
    first: i * tiles,
    tiles: Math.min(tiles, all - i * tiles),
  }));
}

/** 3 × 3 with steps of one pixel, channels in fours. */
export const suitsWinograd = (p: ConvProblem): boolean =>
  p.r === 3 &&
  p.s === 3 &&
  canTurn(p) &&
  p.dilY === 1 &&
  p.dilX === 1 &&
  p.groups === 1 &&
  p.c % 4 === 0 &&
  p.k % 4 === 0 &&
  p.c * p.k > 0;

/**
 * Whether Winograd is worth its three or more dispatches for one, and its scratch, where its matrix products have
 * `rows` of which a CPU's workgroup takes 64, idle or not. Multiplications must be halved even then, and the matrices
 * [C, K] be small. On a CPU adapter measured (docs/decisions/0001, 0015, 0020): 1.3 to 4 times as fast from 32 channels
 * on; under 0.1 GFLOP that is a few milliseconds, with 32 channels not on every processor unless texels are read. On a
 * GPU reasoned, not measured: 13.5·C·K operations fewer a pixel against 18·(C + K) bytes more pay where
 * C·K / (C + K) is above 1.3 times the operations that the device does while it moves a byte, which are 10 to 50.
 * Tensor cores do many more: what they can take stays with them.
 */
export function winogradIsWorth(p: Judged, rows: number, { cpu, subgroups, texels, matrix }: Traits): boolean {
  const { c, k } = p;
  const pixels = p.n * p.p * p.q;
  const flops = 18 * pixels * c * k;
  const share = (4 * tilesOf(p) * 64 * ceilDiv(rows, 64)) / (pixels * rows);
  if (share > 0.5 || 4 * 36 * c * k > MATRIX_BYTES) return false;
  const narrow = Math.min(c, k);
  const least = texels || narrow >= 64 ? 5e7 : 1e8;
  if (cpu) return subgroups && narrow >= 32 && flops >= least;
  const tensorCores = matrix?.f32 ?? (p.half ? matrix?.f16 : undefined);
  return !tensorCores && (c * k) / (c + k) >= 64 && flops >= 1e9;
}
/** For conv2d, and for conv2dInputGrad of the `turned` problem. */
export const winogradPays = (p: Judged, t: Traits): boolean => winogradIsWorth(p, tilesOf(p), t);

const outputSpec = {
  source: output,
  fits: (p, t) => suitsWinograd(p) && (t.winograd ?? winogradPays(p, t)),
  threads: (p) => p.tiles * (p.k / 4),
  cost: (p) => ({ flops: 130 * p.tiles * p.k, bytes: 4 * p.k * (36 + 16) * p.tiles }),
} satisfies KernelSpec<ConvProblem, OfStrip>;
/** The last of the four, and what stands for them in a list of kernels. */
export const winogradOutput = defineKernel<ConvProblem, OfStrip>("winograd-output", outputSpec);
/** The same for conv2dInputGrad, whose problem it judges as it stands and does `turned`. */
export const winogradInputGradOutput = defineKernel<ConvProblem, OfStrip>("winograd-input-grad-output", {
  ...outputSpec,
  fits: (p, t) => canTurn(p) && outputSpec.fits(turned(p), t),
});
export const winogradFilter = defineKernel<OfFilters>("winograd-filter", {
  source: filter,
  threads: (p) => p.size,
  cost: (p) => ({ flops: 4 * 81 * p.size, bytes: 16 * (9 + 36) * p.size }),
});
const [imageByFours, imageByOnes] = lanes<OfStrip>("winograd-image", {
  source: image,
  consts: (p) => ({ REFLECT: p.reflect }),
  threads: (p) => p.tiles * p.c,
  cost: (p) => ({ flops: 144 * p.tiles * p.c, bytes: 4 * p.c * (16 + 36) * p.tiles }),
});
/** Four channels an invocation take 144 registers: for a CPU adapter, which keeps them in memory either way. */
export const winogradImage = [{ ...imageByFours, fits: (_: OfStrip, { cpu }: Traits) => cpu }, imageByOnes];
