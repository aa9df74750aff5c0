// A 1 × 1 convolution is a matrix product, pixels × channels times channels × filters, and so is its input gradient.
import type { Traits } from "../kernel.ts";
import { FEW_PIXELS, quads } from "../launch.ts";
import { type MatmulProblem, matmulProblem } from "../matmul/matmul.ts";
import { type ConvProblem, canTurn, channelsBy4 } from "./conv2d-problem.ts";

/** One tap that meets each pixel once. */
const isProduct = (p: ConvProblem): boolean =>
  p.r * p.s === 1 && canTurn(p) && p.groups === 1 && p.padTop === 0 && p.padLeft === 0 && p.h === p.p && p.w === p.q;

/**
 * Whether y = x·w is faster by the product's kernels: on a CPU by quads. Few pixels fill no workgroup of theirs, as they
 * do by `conv2d-direct-quad`; to one channel a kernel of its own is as fast.
 */
export const isFasterByProduct = (p: ConvProblem, t: Traits): boolean =>
  quads(t) && channelsBy4(p) && p.n * p.h * p.w > FEW_PIXELS;

/** The product y = x·w that a 1 × 1 convolution is; undefined for any other. */
export const productOf = (p: ConvProblem): MatmulProblem | undefined =>
  isProduct(p)
    ? matmulProblem({ batch: 1, m: p.n * p.h * p.w, n: p.k, k: p.c, oneA: true, oneB: true, half: p.half })
    : undefined;

/** The product dx = dy·wᵀ that its input gradient is; undefined for any other. */
export const inputGradProductOf = (p: ConvProblem): MatmulProblem | undefined =>
  isProduct(p)
    ? matmulProblem({
        batch: 1,
        m: p.n * p.h * p.w,
        n: p.c,
        k: p.k,
        transposeB: true,
        oneA: true,
        oneB: true,
        half: p.half,
      })
    : undefined;
