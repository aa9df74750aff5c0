// The gradient of contextual similarity: what each row is pulled by, and the tiles that add it up.
import { type Consts, defineKernel } from "../kernel.ts";
import { ceilDiv, fold, quads } from "../launch.ts";
import { type ContextualPart, pairs, pointBytes } from "./contextual.ts";
import gradQuad from "./contextual-grad-quad.wgsl";
import gradTiled from "./contextual-grad-tiled.wgsl";
import order from "./contextual-order.wgsl";
import pull from "./contextual-pull.wgsl";

/** `rows` is 1 where the own points are x, `source` 1 where each row takes its largest similarity. */
type GradProblem = ContextualPart & { readonly rows: number; readonly source: number };

const seams = (p: GradProblem): Consts => ({ ROWS: p.rows === 1, SOURCE: p.source === 1 });
const gradCost = (p: GradProblem) => ({
  flops: 4 * pairs(p) * p.c,
  bytes: pointBytes(p) + 4 * p.batch * p.splits * p.count * p.c,
});

/** Adds what it finds to its own output, so takes all other points at once. */
export const contextualGradQuad = defineKernel<GradProblem>("contextual-grad-quad", {
  source: gradQuad,
  tunables: { NV: [4, 8, 2] },
  consts: seams,
  fits: (_, t) => quads(t),
  workgroups: (p) => fold(ceilDiv(p.count, 128), p.batch),
  cost: gradCost,
});
export const contextualGradTiled = defineKernel<GradProblem>("contextual-grad-tiled", {
  source: gradTiled,
  tunables: { CU: [4, 2, 1, 3] },
  consts: (p) => ({ CU: Math.min(4, ceilDiv(p.c, 32)), ...seams(p) }),
  workgroups: (p, c) => fold(ceilDiv(p.count, 32), p.batch * p.splits * ceilDiv(p.c, 32 * Number(c.CU))),
  cost: gradCost,
});
export const contextualGrad = [contextualGradQuad, contextualGradTiled];

/** x [batch, n, C] against y [batch, m, C]. */
type PullProblem = { readonly batch: number; readonly n: number; readonly m: number; readonly source: number };
export const contextualPull = defineKernel<PullProblem>("contextual-pull", {
  source: pull,
  consts: (p) => ({ SOURCE: p.source === 1 }),
  threads: (p) => p.batch * p.n,
  cost: (p) => ({ flops: p.source * p.batch * p.n * p.m, bytes: 4 * p.batch * (7 * p.n + 3 * p.m) }),
});

export const contextualOrder = defineKernel<Omit<PullProblem, "m" | "source">>("contextual-order", {
  source: order,
  workgroups: (p) => fold(p.batch),
  cost: (p) => ({ flops: 2 * p.batch * p.n, bytes: 12 * p.batch * p.n }),
});
