// The kernels on tensor cores, apart from their families: browsers have WGSL's subgroup matrices behind a flag alone, so
// that pages are without their texts unless they bring them (engine/run/bring-tensor-cores.ts).
// Each text is imported next to those that it resembles, for what is packed so is shorter.
import { conv2dKernels, conv2dTiledSpec } from "./conv2d/conv2d.ts";
import conv2d from "./conv2d/conv2d-subgroup-matrix.wgsl";
import { conv2dInputGradKernels, conv2dInputGradTiledSpec } from "./conv2d/conv2d-input-grad.ts";
import conv2dInputGrad from "./conv2d/conv2d-input-grad-subgroup-matrix.wgsl";
import { conv2dWeightGradKernels, conv2dWeightGradTiledSpec } from "./conv2d/conv2d-weight-grad.ts";
import conv2dWeightGrad from "./conv2d/conv2d-weight-grad-subgroup-matrix.wgsl";
import { type MatmulProblem, matmulKernels, matmulTiledSpec } from "./matmul/matmul.ts";
import matmul from "./matmul/matmul-subgroup-matrix.wgsl";
import type { ConvChunks, ConvProblem } from "./conv2d/conv2d-problem.ts";
import { prefer } from "./kernel.ts";
import { onTensorCores } from "./subgroup-matrix.ts";

export const conv2dSubgroupMatrix = onTensorCores<ConvProblem, ConvChunks>("conv2d-subgroup-matrix", {
  ...conv2dTiledSpec,
  source: conv2d,
});
export const conv2dInputGradSubgroupMatrix = onTensorCores<ConvProblem, ConvChunks>(
  "conv2d-input-grad-subgroup-matrix",
  { ...conv2dInputGradTiledSpec, source: conv2dInputGrad },
);
export const conv2dWeightGradSubgroupMatrix = onTensorCores<ConvProblem, ConvChunks>(
  "conv2d-weight-grad-subgroup-matrix",
  { ...conv2dWeightGradTiledSpec, source: conv2dWeightGrad },
);
export const matmulSubgroupMatrix = onTensorCores<MatmulProblem>("matmul-subgroup-matrix", {
  ...matmulTiledSpec,
  source: matmul,
});

/** Puts them before the others of their families, once. */
export function preferTensorCores(): void {
  prefer(conv2dKernels, ...conv2dSubgroupMatrix);
  prefer(conv2dInputGradKernels, ...conv2dInputGradSubgroupMatrix);
  prefer(conv2dWeightGradKernels, ...conv2dWeightGradSubgroupMatrix);
  prefer(matmulKernels, ...matmulSubgroupMatrix);
}
