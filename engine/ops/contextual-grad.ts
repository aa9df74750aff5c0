// Contextual similarity. Each similarity that counts is chosen by an extreme, so the gradient carries one chosen pair a
// point, plus the sums.
import { splitsOf } from "../../kernels/contextual/contextual.ts";
import {
  contextualGrad,
  contextualGradQuad,
  contextualOrder,
  contextualPull,
} from "../../kernels/contextual/contextual-grad.ts";
import { sumPartials } from "../../kernels/reduce/sum-partials.ts";
import type { KernelOp, Spec } from "../op.ts";
import { ofRank } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { type ContextualAttrs, inWindows, problemOf } from "./contextual.ts";

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
      ...problemOf(l.inputs[0], l.inputs[1], a.own, a),
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
