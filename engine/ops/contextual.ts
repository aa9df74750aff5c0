// Contextual similarity without the matrix of all pairs: every pass computes distances anew, tile by tile, and keeps
// a few numbers a point; on a CPU the passes of the forward share their products where these are few. Each similarity
// that counts is chosen by an extreme, so the gradient carries one chosen pair a point, plus the sums.
import { oneOf } from "../choice.ts";
import type { Kernel } from "../../kernels/kernel.ts";
import {
  type ContextualPart,
  type ContextualProblem,
  KIND,
  MOST_KEPT,
  contextualGrad,
  contextualGradQuad,
  contextualMergeLargest,
  contextualMergeLeast,
  contextualMergeSums,
  contextualOrder,
  contextualPull,
  contextualReduce,
  contextualReduceQuad,
  productBytes,
  splitsOf,
  windows,
} from "../../kernels/contextual/contextual.ts";
import { sumPartials } from "../../kernels/reduce/sum-partials.ts";
import { isFloat } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import type { KernelOp, Lowering, MemoryHandle, Spec } from "../op.ts";
import { ofRank, show } from "../shape.ts";
import { type Tensor, apply, applyAll } from "../tensor.ts";
import { toF32 } from "./cast.ts";
import { mul } from "./elementwise.ts";
import { pad } from "./pad.ts";

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
function problem(x: Spec, y: Spec, own: "x" | "y", { bias, scale, least }: ContextualAttrs): ContextualProblem {
  const [batch, n, c] = ofRank(x.shape, 3);
  const [, m] = ofRank(y.shape, 3);
  return { batch, own: own === "x" ? n : m, other: own === "x" ? m : n, c, bias, scale, least };
}

/** Dispatches `kernel` in windows of own points. */
function inWindows(
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
  vjp: ([dc], [x, y], outputs, attrs) => {
    const [c, rows, spread, best = rows] = outputs as readonly [Tensor, Tensor, Tensor, Tensor?];
    const gain = mul(dc!, c);
    const [pull, order = rows] = applyAll(contextualPullOp, [rows, spread, best, c, gain], attrs);
    return (["x", "y"] as const).map((own) =>
      apply(contextualGradOp, [x, y, rows, pull, best, gain, order], { ...attrs, own }),
    );
  },
  lower(l, a) {
    const [x, y] = l.inputs;
    const source = a.best === "source";
    const [batch, n] = ofRank(x.shape, 3);
    const [, m] = ofRank(y.shape, 3);
    const [c, rows, spread] = [l.output(0), l.output(1), l.output(2)];
    const keep =
      l.select(contextualReduce, problem(x, y, "x", a)) === contextualReduceQuad &&
      productBytes(batch, n, m) <= MOST_KEPT;
    const dots = l.scratch(keep ? productBytes(batch, n, m) : 64);
    const pass = (kind: keyof typeof KIND, own: "x" | "y"): { partial: MemoryHandle; splits: number } => {
      const p = problem(x, y, own, a);
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
        dots,
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

/**
 * (rows, spread, best, c, gain) → ρ and μ of each row [batch, N, 2] and, of columns' choices, which rows have a
 * gradient: order [batch, 1 + N].
 */
export const contextualPullOp: KernelOp<
  ContextualAttrs,
  readonly [rows: Tensor, spread: Tensor, best: Tensor, c: Tensor, gain: Tensor]
> = {
  kind: "kernel",
  name: "contextual-pull",
  infer: ([, spread], { best }) => {
    const [batch, n] = ofRank(spread.shape, 2);
    const pull: Spec = { shape: [batch, n, 2], dtype: "f32" };
    return best === "source" ? [pull, { shape: [batch, 1 + n], dtype: "u32" }] : [pull];
  },
  lower(l, a) {
    const [batch, n] = ofRank(l.inputs[1].shape, 2);
    const [, m] = ofRank(l.inputs[4].shape, 2);
    const chosen = l.scratch(4 * batch * n);
    l.dispatch(
      contextualPull,
      { batch, n, m, h: a.bandWidth, source: Number(a.best === "source") },
      {
        rows: l.input(0),
        spread: l.input(1),
        best: l.input(2),
        c: l.input(3),
        gain: l.input(4),
        pull: l.output(0),
        chosen,
      },
    );
    if (a.best === "source") l.dispatch(contextualOrder, { batch, n }, { chosen, order: l.output(1) });
  },
};

interface ContextualGradAttrs extends ContextualAttrs {
  readonly own: "x" | "y";
}
/** (x, y, rows, pull, best, gain, order) → dx or dy. */
export const contextualGradOp: KernelOp<
  ContextualGradAttrs,
  readonly [x: Tensor, y: Tensor, rows: Tensor, pull: Tensor, best: Tensor, gain: Tensor, order: Tensor]
> = {
  kind: "kernel",
  name: "contextual-grad",
  infer: ([x, y], { own }) => [{ shape: (own === "x" ? x : y).shape, dtype: "f32" }],
  lower(l, a) {
    const p = {
      ...problem(l.inputs[0], l.inputs[1], a.own, a),
      rows: Number(a.own === "x"),
      source: Number(a.best === "source"),
    };
    const whole = { ...p, splits: 1, span: p.other, first: 0, count: p.own };
    const kernel = l.select(contextualGrad, whole);
    const { splits, span } =
      kernel === contextualGradQuad ? { splits: 1, span: p.other } : splitsOf(p.batch, p.own, p.other, 8);
    const size = p.batch * p.own * p.c;
    const out = splits === 1 ? l.output(0) : l.scratch(4 * splits * size);
    const [mine, others] = a.own === "x" ? [l.input(0), l.input(1)] : [l.input(1), l.input(0)];
    inWindows(l, kernel, { ...whole, splits, span }, 4 * p.c, {
      own: mine,
      other: others,
      rows: l.input(2),
      pull: l.input(3),
      best: l.input(4),
      gain: l.input(5),
      order: l.input(6),
      out,
    });
    if (splits > 1) l.dispatch(sumPartials, { n: size, splits }, { x: out, y: l.output(0) });
  },
};

export interface ContextualMatchOptions {
  /** h of w = exp((1 − d̄) / h). */
  readonly bandWidth?: number;
  /** "source": of each y its most similar x; "target": of each x its most similar y. */
  readonly best?: "source" | "target";
  /** d[i,j] = max(bias − scale · x[i]·y[j], least): 1, 1, −∞ for the cosine distance of unit vectors. */
  readonly bias?: number;
  readonly scale?: number;
  readonly least?: number;
}

/**
 * Largest similarities max_i CX[i,j] [N, T] ("source") or max_j CX[i,j] [N, S] ("target") of points x [N, S, C] and y
 * [N, T, C], where CX[i,j] = w[i,j] / Σ_j w[i,j], w = exp((1 − d[i,j] / (min_j d[i,j] + 1e-5)) / h). Mechrez et al.
 * 2018, Eq. 2–4. Memory is O(S + T) per sample, either way, beside at most 16 MiB on a CPU; the first of equal
 * extremes takes the gradient. Throws ShapeError.
 */
export function contextualMatch(
  x: Tensor,
  y: Tensor,
  { bandWidth = 0.5, best = "source", bias = 1, scale = 1, least = -3e38 }: ContextualMatchOptions = {},
): Tensor {
  const op = "contextualMatch";
  oneOf(op, "best", best, ["source", "target"]);
  for (const [name, t] of Object.entries({ x, y })) {
    if (t.rank !== 3) throw new ShapeError(op, `${name} is ${show(t.shape)}; it must be points [N, S, C]`);
    if (!isFloat(t.dtype)) throw new ShapeError(op, `${name} is ${t.dtype}${show(t.shape)}; cast it to f32`);
    if (t.shape[1] === 0) throw new ShapeError(op, `${name} is ${show(t.shape)}; it needs at least one point`);
  }
  if (x.shape[0] !== y.shape[0] || x.shape[2] !== y.shape[2])
    throw new ShapeError(op, `x is ${show(x.shape)} and y ${show(y.shape)}; N and C must be equal`);
  if (!(bandWidth > 0)) throw new ShapeError(op, `bandWidth is ${bandWidth}; it must be above 0`);
  return applyAll(contextualOp, [inFours(x), inFours(y)], { bandWidth, best, bias, scale, least })[0];
}

/** Points in f32, channels of zeros added up to a multiple of four. */
function inFours(x: Tensor): Tensor {
  const [, , c] = ofRank(x.shape, 3);
  const none = [0, 0] as const;
  return c % 4 === 0 ? toF32(x) : pad(toF32(x), [none, none, [0, 4 - (c % 4)]]);
}
