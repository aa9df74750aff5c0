// Sums of a few weighted elements, looked up by index. Mixing is linear in x and in w: of each of the three ops the
// other two are the gradients.
import type { Params } from "../../kernels/kernel.ts";
import { gatherTaps } from "../../kernels/gather/gather.ts";
import { gatherDots, scatterTaps } from "../../kernels/gather/gather-grad.ts";
import { full } from "../constant.ts";
import type { KernelOp } from "../op.ts";
import { type Shape, ofRank, sizeOf } from "../shape.ts";
import { type Tensor, apply } from "../tensor.ts";
import { findSources } from "./lookup.ts";
import { withGradient } from "./pass.ts";

/** x [outer, n, c], index and w [outer, points, taps], y [outer, points, c]. */
interface TapAttrs extends Params {
  outer: number;
  n: number;
  c: number;
  points: number;
  taps: number;
}
const tapShapes = {
  x: ({ outer, n, c }: TapAttrs): Shape => [outer, n, c],
  y: ({ outer, points, c }: TapAttrs): Shape => [outer, points, c],
  w: ({ outer, points, taps }: TapAttrs): Shape => [outer, points, taps],
};

/** (x, index, w) → y: linear in x and in w. */
export const mixOp: KernelOp<TapAttrs, readonly [x: Tensor, index: Tensor, w: Tensor]> = {
  kind: "kernel",
  name: "gather-taps",
  infer: ([x], a) => [{ shape: tapShapes.y(a), dtype: x.dtype }],
  lower: (l, a) =>
    l.dispatch(l.select(gatherTaps, a), a, { x: l.input(0), index: l.input(1), w: l.input(2), y: l.output(0) }),
};

/** (dy, index, w) → dx. */
export const spreadOp: KernelOp<TapAttrs, readonly [dy: Tensor, index: Tensor, w: Tensor]> = {
  kind: "kernel",
  name: "scatter-taps",
  infer: ([dy], a) => [{ shape: tapShapes.x(a), dtype: dy.dtype }],
  lower(l, a) {
    if (sizeOf(l.outputs[0].shape) === 0) return;
    const found = findSources(l, l.input(1), { outer: a.outer, n: a.n, inner: 1, m: a.points * a.taps, wrap: 0 });
    l.dispatch(l.select(scatterTaps, a), a, { ...found, w: l.input(2), dy: l.input(0), dx: l.output(0) });
  },
};

/** (x, index, dy) → dw, f32. */
export const tapGradOp: KernelOp<TapAttrs, readonly [x: Tensor, index: Tensor, dy: Tensor]> = {
  kind: "kernel",
  name: "gather-dots",
  infer: (_, a) => [{ shape: tapShapes.w(a), dtype: "f32" }],
  lower: (l, a) => l.dispatch(gatherDots, a, { x: l.input(0), index: l.input(1), dy: l.input(2), dw: l.output(0) }),
};

const mix = (x: Tensor, index: Tensor, w: Tensor, a: TapAttrs): Tensor =>
  withGradient(apply(mixOp, [x, index, w], a), [x, w], (dy) => [spread(dy, index, w, a), dots(x, index, dy, a)]);
const spread = (dy: Tensor, index: Tensor, w: Tensor, a: TapAttrs): Tensor =>
  withGradient(apply(spreadOp, [dy, index, w], a), [dy, w], (u) => [mix(u, index, w, a), dots(u, index, dy, a)]);
const dots = (x: Tensor, index: Tensor, dy: Tensor, a: TapAttrs): Tensor =>
  withGradient(apply(tapGradOp, [x, index, dy], a), [x, dy], (u) => [spread(dy, index, u, a), mix(x, index, u, a)]);

/**
 * y[o,p,c] = Σ_k w[o,p,k] · x[o, index[o,p,k], c]; x [O, n, C], index i32 and w f32 [O, P, K]. A negative index adds
 * nothing.
 */
export function mixTaps(x: Tensor, index: Tensor, w: Tensor): Tensor {
  const [outer, n, c] = ofRank(x.shape, 3);
  const [, points, taps] = ofRank(index.shape, 3);
  if (outer * points * c === 0) return full([outer, points, c], 0, x.dtype);
  return mix(x, index, w, { outer, n, c, points, taps });
}
