// The weight gradient of a 3 × 3 convolution by Winograd's F(3×3, 4×4): its products have a row for each of C channels.
import type { ConvProblem } from "../conv2d/conv2d-problem.ts";
import { type Traits, defineKernel } from "../kernel.ts";
import { type Judged, type OfFilters, type OfStrip, suitsWinograd, winogradIsWorth } from "./winograd.ts";
import gradient from "./winograd-gradient.wgsl";
import weightGradOutput from "./winograd-weight-grad-output.wgsl";

export const winogradWeightGradPays = (p: Judged, t: Traits): boolean => winogradIsWorth(p, p.c, t);

export const winogradGradient = defineKernel<OfStrip>("winograd-gradient", {
  source: gradient,
  threads: (p) => p.tiles * p.k,
  cost: (p) => ({ flops: 140 * p.tiles * p.k, bytes: 4 * p.k * (16 + 36) * p.tiles }),
});
/** The last of the weight gradient's, and what stands for them in a list of kernels. */
export const winogradWeightGradOutput = defineKernel<ConvProblem, OfFilters>("winograd-weight-grad-output", {
  source: weightGradOutput,
  fits: (p, t) => suitsWinograd(p) && (t.winograd ?? winogradWeightGradPays(p, t)),
  threads: (p) => p.size,
  cost: (p) => ({ flops: 4 * 90 * p.size, bytes: 16 * (36 + 9) * p.size }),
});
