// Max pooling. Gradients gather: each element of dx reads the windows that hold it. It keeps no indices from the
// forward pass: x is alive in any case (it is an activation), so its gradient finds the maxima again.
import type { MaxPoolProblem } from "../../kernels/pool/max-pool.ts";
import { maxPoolGather, maxPoolGrad, maxPoolGradWindows } from "../../kernels/pool/max-pool-grad.ts";
import { maxPoolIndex } from "../../kernels/pool/max-pool-index.ts";
import type { KernelOp, Lowering, MemoryHandle } from "../op.ts";
import { maxPoolOp } from "../ops/max-pool.ts";
import { type MaxPoolAttrs, poolProblem, pooled } from "../ops/pool-windows.ts";
import { type Tensor, apply } from "../tensor.ts";
import { type Gradient, gradientOf } from "./rule.ts";

type One = readonly [Tensor];
type Two = readonly [Tensor, Tensor];

/** Where input `x` is largest in each window, in memory that lives for this op only. */
function indicesInScratch(l: Lowering, p: MaxPoolProblem, x: number): MemoryHandle {
  const index = l.scratch(4 * p.n * p.p * p.q * p.c);
  l.dispatchItems(l.select(maxPoolIndex, p), p, { x: l.input(x), index });
  return index;
}

/** (dy, x) → dx: linear in dy, flat in x. */
export const maxPoolGradOp: KernelOp<MaxPoolAttrs> = {
  kind: "kernel",
  name: "max-pool-2d-grad",
  infer: ([, x]: Two) => [{ shape: x.shape, dtype: x.dtype }],
  lower(l, a) {
    const p = poolProblem(l, a);
    const kernel = l.select([...maxPoolGradWindows, ...maxPoolGrad], p);
    const [dy, dx] = [l.input(0), l.output(0)];
    if (maxPoolGradWindows.includes(kernel)) l.dispatchItems(kernel, p, { dy, x: l.input(1), dx });
    else l.dispatchItems(kernel, p, { dy, index: indicesInScratch(l, p, 1), dx });
  },
};

/** (u, x) → u at the element of each window where x is largest: what max pooling does to a tangent. */
export const maxPoolGatherOp: KernelOp<MaxPoolAttrs> = {
  kind: "kernel",
  name: "max-pool-2d-gather",
  infer: ([u, x]: Two, a) => [{ shape: pooled(x.shape, a), dtype: u.dtype }],
  lower(l, a) {
    const p = poolProblem(l, a);
    const index = indicesInScratch(l, p, 1);
    l.dispatchItems(maxPoolGather, p, { x: l.input(0), index, y: l.output(0) });
  },
};

export const poolings: readonly Gradient[] = [
  gradientOf(maxPoolOp, ([dy], [x]: One, _, a) => [apply(maxPoolGradOp, [dy!, x], a)]),
  gradientOf(maxPoolGradOp, ([du], [, x]: Two, _, a) => [apply(maxPoolGatherOp, [du!, x], a), null]),
  gradientOf(maxPoolGatherOp, ([dy], [, x]: Two, _, a) => [apply(maxPoolGradOp, [dy!, x], a), null]),
];
