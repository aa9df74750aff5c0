// Contextual similarity without the matrix of all pairs: every pass recomputes distances, tile by tile, and keeps
// a few numbers a point; on a CPU the passes share their products where these are few.
import type { Kernel } from "../../kernels/kernel.ts";
import {
  type ContextualPart,
  type ContextualProblem,
  KIND,
  MOST_KEPT,
  contextualMergeLargest,
  contextualMergeLeast,
  contextualMergeSums,
  contextualReduce,
  contextualReduceQuad,
  productBytes,
  splitsOf,
  windows,
} from "../../kernels/contextual/contextual.ts";
import type { KernelOp, Lowering, MemoryHandle, Spec } from "../op.ts";
import { ofRank } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

export interface ContextualAttrs {
  readonly bandWidth: number;
  readonly best: "source" | "target";
  readonly bias: number;
  readonly scale: number;
  readonly least: number;
}

/** ε beside the least distance. */
const EPS = 1e-5;

/** A pass whose own points are x's or y's. */
export function problemOf(
  x: Spec,
  y: Spec,
  own: "x" | "y",
  { bias, scale, least }: ContextualAttrs,
): ContextualProblem {
  const [batch, n, c] = ofRank(x.shape, 3);
  const [, m] = ofRank(y.shape, 3);
  return { batch, own: own === "x" ? n : m, other: own === "x" ? m : n, c, bias, scale, least };
}

/** Dispatches `kernel` in windows of own points. */
export function inWindows(
  l: Lowering,
  kernel: Kernel,
  p: ContextualPart,
  flopsPerPair: number,
  buffers: Readonly<Record<string, MemoryHandle>>,
): void {
  for (const window of windows(p.own, p.batch * p.other * flopsPerPair))
    l.dispatch(kernel, { ...p, ...window }, buffers);
}

/**
 * x [batch, N, C], y [batch, M, C] → c, the largest similarity of each column [batch, M] ("source") or row [batch, N]
 * ("target"), and what the gradient needs: rows [batch, N, 4] and spread [batch, N] as the kernels have them, best
 * [batch, M], the row chosen.
 */
export const contextualOp: KernelOp<ContextualAttrs, readonly [x: Tensor, y: Tensor]> = {
  kind: "kernel",
  name: "contextual",
  infer: ([x, y], { best }) => {
    const [batch, n] = ofRank(x.shape, 3);
    const [, m] = ofRank(y.shape, 3);
    const source = best === "source";
    return [
      { shape: [batch, source ? m : n], dtype: "f32" },
      { shape: [batch, n, 4], dtype: "u32" },
      { shape: [batch, n], dtype: "f32" },
      ...(source ? [{ shape: [batch, m], dtype: "u32" } as const] : []),
    ];
  },
  lower(l, a) {
    const [x, y] = l.inputs;
    const source = a.best === "source";
    const [batch, n] = ofRank(x.shape, 3);
    const [, m] = ofRank(y.shape, 3);
    const [c, rows, spread] = [l.output(0), l.output(1), l.output(2)];
    const keeps = l.select(contextualReduce, problemOf(x, y, "x", a)) === contextualReduceQuad;
    const keep = keeps && productBytes(batch, n, m) <= MOST_KEPT;
    // A kernel that could keep them binds some, even where it does not.
    const kept: Readonly<Record<string, MemoryHandle>> = keeps
      ? { dots: l.scratch(keep ? productBytes(batch, n, m) : 64) }
      : {};
    const pass = (kind: keyof typeof KIND, own: "x" | "y"): { partial: MemoryHandle; splits: number } => {
      const p = problemOf(x, y, own, a);
      const { splits, span } = splitsOf(batch, p.own, p.other, Infinity);
      const partial = l.scratch(8 * splits * batch * p.own);
      const params = { ...p, splits, span, kind: KIND[kind], keep: Number(keep), first: 0, count: p.own };
      const [mine, others] = own === "x" ? [l.input(0), l.input(1)] : [l.input(1), l.input(0)];
      // The first pass knows no rows yet: it reads none, and is given points for them.
      inWindows(l, l.select(contextualReduce, params), params, 2 * p.c, {
        own: mine,
        other: others,
        rows: kind === "least" ? mine : rows,
        partial,
        ...kept,
      });
      return { partial, splits };
    };
    const nearest = pass("least", "x");
    l.dispatch(
      contextualMergeLeast,
      { n: batch * n, splits: nearest.splits, h: a.bandWidth, eps: EPS },
      { partial: nearest.partial, rows },
    );
    const sums = pass("sums", "x");
    l.dispatch(
      contextualMergeSums,
      { n: batch * n, splits: sums.splits },
      { partial: sums.partial, rows, spread, largest: source ? l.scratch(4 * batch * n) : c },
    );
    if (!source) return;
    const largest = pass("largest", "y");
    l.dispatch(
      contextualMergeLargest,
      { n: batch * m, splits: largest.splits },
      { partial: largest.partial, value: c, index: l.output(3) },
    );
  },
};
