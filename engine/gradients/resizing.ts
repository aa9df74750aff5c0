// Resizing, by the transpose of its weights.
import { resizeBilinearGrad } from "../../kernels/resize/resize-bilinear-grad.ts";
import { resizeNearestGrad } from "../../kernels/resize/resize-nearest-grad.ts";
import type { KernelOp } from "../op.ts";
import { type ResizeAttrs, resizeOp, resizeProblem } from "../ops/resize.ts";
import { ofRank } from "../shape.ts";
import { type Tensor, apply } from "../tensor.ts";
import { type Gradient, gradientOf } from "./rule.ts";

export const resizeGradOp: KernelOp<ResizeAttrs> = {
  kind: "kernel",
  name: "resize-grad",
  infer: ([dy]: readonly [Tensor], { h, w }) => {
    const [n, , , c] = ofRank(dy.shape, 4);
    return [{ shape: [n, h, w, c], dtype: dy.dtype }];
  },
  lower(l, a) {
    const p = resizeProblem(l.inputs[0]!, a);
    const kernels = a.mode === "nearest" ? resizeNearestGrad : resizeBilinearGrad;
    l.dispatchItems(l.select(kernels, p), p, { dy: l.input(0), dx: l.output(0) });
  },
};

export const resizings: readonly Gradient[] = [
  gradientOf(resizeOp, ([dy], _, __, a) => [apply(resizeGradOp, [dy!], a)]),
  gradientOf(resizeGradOp, ([du], _, __, a) => [apply(resizeOp, [du!], a)]),
];
