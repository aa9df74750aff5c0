// dx of y = x ∗ w, which is the transposed convolution.
import { conv2dInputGradKernels, turnsInputGrad } from "../../kernels/conv2d/conv2d-input-grad.ts";
import { turned } from "../../kernels/conv2d/conv2d-problem.ts";
import { inputGradProductOf } from "../../kernels/conv2d/conv2d-product.ts";
import { convWindows, inputGradWindows } from "../../kernels/conv2d/conv2d-windows.ts";
import { ceilDiv } from "../../kernels/launch.ts";
import { winogradInputGradOutput } from "../../kernels/winograd/winograd.ts";
import { alike } from "../autocast.ts";
import { ShapeError } from "../errors.ts";
import type { KernelOp } from "../op.ts";
import { ofRank, show, sizeOf } from "../shape.ts";
import { type Tensor, apply } from "../tensor.ts";
import { type Part, type Two, inChunks, problemOf, specsOf } from "./conv-problem.ts";
import { type ConvInputGradAttrs, outputSize, sizesOf } from "./conv-shapes.ts";
import { matrixProduct } from "./matmul.ts";
import { winograd } from "./winograd.ts";

/** dy [N, P, Q, K], w [R, S, C/groups, K] → dx [N, H, W, C] of an image among zeros. */
export const conv2dInputGradOp: KernelOp<ConvInputGradAttrs> = {
  kind: "kernel",
  name: "conv2d-input-grad",
  infer: ([dy, w]: Two, a) => {
    const [n] = ofRank(dy.shape, 4);
    const [, , perGroup] = ofRank(w.shape, 4);
    return [{ shape: [n, ...a.size, perGroup * a.groups], dtype: dy.dtype }];
  },
  lower(l, a) {
    const [y, filter, x] = specsOf(l);
    if (sizeOf(x.shape) === 0) return;
    const p = problemOf({ x, w: filter, y }, y.dtype, a);
    const [dy, w] = [l.input(0), l.input(1)];
    // A CPU is faster by the matrix product's kernels; on a GPU the implicit product is one.
    const product = l.traits.cpu ? inputGradProductOf(p) : undefined;
    if (product) return matrixProduct(l, product, { a: dy, b: w }, y.dtype);
    const kernel = l.select([winogradInputGradOutput, ...conv2dInputGradKernels], p);
    if (kernel === winogradInputGradOutput) return winograd(l, kernel, turned(p), dy, w);
    const room = l.room(y.dtype);
    if (turnsInputGrad(kernel)) {
      for (const window of convWindows(turned(p), room))
        l.dispatch(kernel, window.p, { x: l.part(dy, window.x), w, y: l.part(l.output(0), window.y) });
      return;
    }
    const parts = inputGradWindows(p, room).map(
      (window): Part => ({
        p: window.p,
        out: window.x,
        buffers: (dx) => ({ dy: l.part(dy, window.y), w, dx }),
      }),
    );
    inChunks(l, kernel, p, ceilDiv(p.r, p.periodY) * ceilDiv(p.s, p.periodX) * p.k, parts);
  },
};

/**
 * Gradient of conv2d to its image, among zeros: dy [N, P, Q, K], w [R, S, C/groups, K] → [N, H, W, C] with [H, W] =
 * `size`. Throws ShapeError.
 */
export function conv2dInputGrad(
  dy: Tensor,
  w: Tensor,
  { stride, pad, dilation, groups, size }: ConvInputGradAttrs,
): Tensor {
  const op = "conv2dInputGrad";
  const a = { stride, pad, dilation, groups, size };
  const [, p, q, k] = sizesOf(op, "dy", dy, "[N, P, Q, K]");
  const [r, s, , filters] = sizesOf(op, "w", w, "[R, S, C/groups, K]");
  if (k !== filters)
    throw new ShapeError(
      op,
      `dy ${show(dy.shape)} has K = ${k}, w ${show(w.shape)} has K = ${filters}; they must be equal`,
    );
  const [rows, columns] = outputSize(op, size, [r, s], a);
  if (p !== rows || q !== columns)
    throw new ShapeError(
      op,
      `dy ${show(dy.shape)} does not come from an image of ${size[0]} × ${size[1]}: ` +
        `P × Q would be ${rows} × ${columns}`,
    );
  return apply(conv2dInputGradOp, alike(dy, w), a);
}
