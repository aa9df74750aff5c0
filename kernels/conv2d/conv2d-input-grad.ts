// dx = conv2dInputGrad(dy, w): NPQK · RSCK → NHWC. Also the forward pass of a transposed convolution.
import { type Kernel, type KernelSpec, defineKernel } from "../kernel.ts";
import {
  ceilDiv,
  columnBlocks,
  fold,
  quadGroups,
  quads,
  readsTexels,
  scalarTile,
  vectorsPerQuadThread,
  vectorsPerThread,
} from "../launch.ts";
import { thinInSpec, thinOutSpec } from "./conv2d.ts";
import {
  type ConvChunks,
  type ConvProblem,
  canTurn,
  channelsBy4,
  convCost,
  suitsTiles,
  tilesOf,
  turned,
} from "./conv2d-problem.ts";
import direct from "./conv2d-input-grad-direct.wgsl";
import directQuad from "./conv2d-input-grad-direct-quad.wgsl";
import directVec4 from "./conv2d-input-grad-direct-vec4.wgsl";
import implicitGemm from "./conv2d-input-grad-implicit-gemm.wgsl";

/** Residues of a pixel modulo the stride: each meets taps of its own. */
const phases = (p: ConvProblem): number => p.strideY * p.strideX;
const rowsOfPhase = (p: ConvProblem): number => p.n * ceilDiv(p.h, p.strideY);
const columnsOfPhase = (p: ConvProblem): number => ceilDiv(p.w, p.strideX);

export const conv2dInputGradDirectQuad = defineKernel<ConvProblem>("conv2d-input-grad-direct-quad", {
  source: directQuad,
  tunables: { CV: [2, 1, 3, 4] },
  consts: (p, t) => ({
    CV: vectorsPerQuadThread(p.c / p.groups, readsTexels(p, t)),
  }),
  fits: (p, t) => quads(t) && channelsBy4(p),
  workgroups: (p, c) => quadGroups(rowsOfPhase(p) * columnsOfPhase(p), tilesOf(p, p.c, 4 * Number(c.CV)), phases(p)),
  cost: convCost,
});
/** Tiles in workgroup memory. */
export const conv2dInputGradTiledSpec = {
  source: implicitGemm,
  tunables: { NB: [2, 1] },
  consts: (p) => ({ NB: columnBlocks(p.n * p.h * p.w, p.c) }),
  fits: (p, t) => !t.cpu && suitsTiles(p, rowsOfPhase(p) * columnsOfPhase(p), p.c, (p.r * p.s * p.k) / phases(p)),
  workgroups: (p, c) =>
    fold(ceilDiv(rowsOfPhase(p) * columnsOfPhase(p), 64), p.chunks * phases(p) * ceilDiv(p.c, 32 * Number(c.NB))),
  cost: convCost,
} satisfies KernelSpec<ConvProblem, ConvChunks>;
export const conv2dInputGradImplicitGemm = defineKernel<ConvProblem, ConvChunks>(
  "conv2d-input-grad-implicit-gemm",
  conv2dInputGradTiledSpec,
);
export const conv2dInputGradDirectVec4 = defineKernel<ConvProblem>("conv2d-input-grad-direct-vec4", {
  source: directVec4,
  tunables: { CV: [2, 1, 3, 4] },
  consts: (p) => ({ CV: vectorsPerThread(p.c / p.groups) }),
  fits: channelsBy4,
  threads: (p, c) => phases(p) * rowsOfPhase(p) * ceilDiv(columnsOfPhase(p), 4) * tilesOf(p, p.c, 4 * Number(c.CV)),
  cost: convCost,
});
export const conv2dInputGradDirect = defineKernel<ConvProblem>("conv2d-input-grad-direct", {
  source: direct,
  tunables: { CT: [4, 1] },
  consts: (p) => ({ CT: scalarTile(p.c / p.groups) }),
  threads: (p, c) => phases(p) * rowsOfPhase(p) * ceilDiv(columnsOfPhase(p), 8) * tilesOf(p, p.c, Number(c.CT)),
  cost: convCost,
});

const turningKernels = new Set<Kernel>();
/** Whether the kernel takes the `turned` problem, with dy as its x and dx as its y. */
export const turnsInputGrad = (k: Kernel): boolean => turningKernels.has(k);
/** A forward kernel that does the gradient's turned problem; it judges whether it fits by the problem as it stands. */
export function turning(
  name: string,
  spec: KernelSpec<ConvProblem> & Required<Pick<KernelSpec<ConvProblem>, "fits">>,
): Kernel<ConvProblem> {
  const kernel = defineKernel<ConvProblem>(name, {
    ...spec,
    fits: (p, t) => canTurn(p) && spec.fits(turned(p), t),
  });
  turningKernels.add(kernel);
  return kernel;
}
export const conv2dInputGradThinInQuad = turning("conv2d-input-grad-thin-in-quad", thinInSpec);
export const conv2dInputGradThinOutQuad = turning("conv2d-input-grad-thin-out-quad", thinOutSpec);

/** In order of preference; the last takes any problem. */
export const conv2dInputGradKernels: Kernel<ConvProblem>[] = [
  conv2dInputGradDirectQuad,
  conv2dInputGradThinInQuad,
  conv2dInputGradThinOutQuad,
  conv2dInputGradImplicitGemm,
  conv2dInputGradDirectVec4,
  conv2dInputGradDirect,
];
