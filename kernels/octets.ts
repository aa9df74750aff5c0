// The kernels for subgroups of eight lanes on a CPU, llvmpipe's, apart from their families: no adapter that pages meet
// has them, so that pages are without their texts (engine/run/bring-llvmpipe.ts).
import { conv2dKernels } from "./conv2d/conv2d.ts";
import sliding from "./conv2d/conv2d-sliding.wgsl";
import thinOut from "./conv2d/conv2d-thin-out-sliding.wgsl";
import { conv2dInputGradKernels, turning } from "./conv2d/conv2d-input-grad.ts";
import { type ConvChunks, type ConvProblem, convCost, hasRuns, slides } from "./conv2d/conv2d-problem.ts";
import { conv2dWeightGradKernels, quadKvOf, vectorWalk, walks } from "./conv2d/conv2d-weight-grad.ts";
import weightGrad from "./conv2d/conv2d-weight-grad-sliding.wgsl";
import { type KernelSpec, defineKernel, prefer } from "./kernel.ts";
import { FEW_PIXELS, ceilDiv, fold, octets, readsTexels, vectorsPerQuadThread } from "./launch.ts";

/** C in fours to one channel, of up to seven taps a row: a head; the input gradient to up to three channels. */
const thinOutSpec = {
  source: thinOut,
  consts: (p) => ({ TAPS: p.s, REFLECT: p.reflect }),
  fits: (p, t) => {
    const isThin = p.k === 1 || (p.flip && p.k < 4);
    return octets(t) && hasRuns(p, t) && p.strideX === 1 && p.s <= 7 && p.c % 4 === 0 && isThin;
  },
  workgroups: (p) => fold(ceilDiv(p.n * p.p * ceilDiv(p.q, 8), 8), p.k),
  cost: convCost,
} satisfies KernelSpec<ConvProblem>;
/** A filter row's three taps over six pixels: faster where a subgroup has eight lanes, slower with four. */
const slidingSpec = {
  source: sliding,
  tunables: { KV: [2, 1, 3, 4] },
  consts: (p, t) => ({
    KV: vectorsPerQuadThread(p.k, readsTexels(p, t)),
    TURNED: p.flip,
  }),
  fits: (p, t) => octets(t) && slides(p) && p.n * p.p * p.q > FEW_PIXELS,
  workgroups: (p, c) => fold(ceilDiv(p.n * p.p * p.q, 64), ceilDiv(p.k, 4 * Number(c.KV))),
  cost: convCost,
} satisfies KernelSpec<ConvProblem>;
export const conv2dSliding = defineKernel<ConvProblem>("conv2d-sliding", slidingSpec);
export const conv2dThinOutSliding = defineKernel<ConvProblem>("conv2d-thin-out-sliding", thinOutSpec);
export const conv2dInputGradSliding = turning("conv2d-input-grad-sliding", slidingSpec);
export const conv2dInputGradThinOutSliding = turning("conv2d-input-grad-thin-out-sliding", thinOutSpec);

/** Rows (r, c in fours) of a filter three wide. */
const slidingRows = (p: ConvProblem): number => p.r * (p.c / 4);
/** Filters three wide whose columns step by one, at least eight channels: fewer leave lanes idle. */
export const conv2dWeightGradSliding = defineKernel<ConvProblem, ConvChunks>("conv2d-weight-grad-sliding", {
  source: weightGrad,
  tunables: { KV: [2, 1, 3, 4] },
  consts: (p, t) => ({ KV: quadKvOf(p, t) }),
  fits: (p, t) => octets(t) && slides(p) && p.c >= 8,
  workgroups: (p, c) => [ceilDiv(slidingRows(p), 8), p.chunks, ceilDiv(p.k, 4 * Number(c.KV))],
  cost: convCost,
});
walks.set(conv2dWeightGradSliding, vectorWalk);

/** Puts them before the others of their families, once. */
export function preferOctets(): void {
  prefer(conv2dKernels, conv2dSliding, conv2dThinOutSliding);
  prefer(conv2dInputGradKernels, conv2dInputGradSliding, conv2dInputGradThinOutSliding);
  prefer(conv2dWeightGradKernels, conv2dWeightGradSliding);
}
