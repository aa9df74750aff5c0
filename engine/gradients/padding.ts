// Padding: what was repeated sends back to where it was taken from.
import { padImageGrad } from "../../kernels/resize/pad-image-grad.ts";
import type { KernelOp } from "../op.ts";
import { slice } from "../ops/movement.ts";
import { type Around, type PadAttrs, mirrored, padOp, padProblem } from "../ops/pad.ts";
import { type Tensor, apply } from "../tensor.ts";
import { type Gradient, gradientOf } from "./rule.ts";

export const padGradOp: KernelOp<PadAttrs> = {
  kind: "kernel",
  name: "pad-grad",
  infer: ([dy]: readonly [Tensor], attrs) => {
    const { n, h, w, c } = padProblem(dy.shape, attrs);
    return [{ shape: [n, h, w, c], dtype: dy.dtype }];
  },
  lower(l, attrs) {
    const p = padProblem(l.inputs[0]!.shape, attrs);
    l.dispatchItems(l.select(padImageGrad, p), p, { dy: l.input(0), dx: l.output(0) });
  },
};

/**
 * The transpose of reflect padding: the gradient du [N, P, Q, C] of the padded image → [N, H, W, C] with [H, W] =
 * `size`.
 */
export const unmirror = (du: Tensor, size: readonly [h: number, w: number], around: Around): Tensor =>
  apply(padGradOp, [du], mirrored(size, around));

export const paddings: readonly Gradient[] = [
  gradientOf(padOp, ([dy], _, __, a) => [
    a.mode === "constant"
      ? slice(dy!, [null, [a.y[0], a.y[0] + a.h], [a.x[0], a.x[0] + a.w]])
      : apply(padGradOp, [dy!], a),
  ]),
  gradientOf(padGradOp, ([du], _, __, a) => [apply(padOp, [du!], a)]),
];
