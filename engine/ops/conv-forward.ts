// y = x ∗ w.
import { conv2dKernels } from "../../kernels/conv2d/conv2d.ts";
import { isFasterByProduct, productOf } from "../../kernels/conv2d/conv2d-product.ts";
import { convWindows } from "../../kernels/conv2d/conv2d-windows.ts";
import { winogradOutput } from "../../kernels/winograd/winograd.ts";
import { alike } from "../autocast.ts";
import type { KernelOp } from "../op.ts";
import { ofRank, sizeOf } from "../shape.ts";
import { type Tensor, apply } from "../tensor.ts";
import { type Part, type Two, inChunks, problemOf, selectMirroring, specsOf } from "./conv-problem.ts";
import { type ConvAttrs, outputSize } from "./conv-shapes.ts";
import { matrixProduct } from "./matmul.ts";
import { winograd } from "./winograd.ts";

/** x [N, H, W, C], w [R, S, C/groups, K] → y [N, P, Q, K]. */
export const conv2dOp: KernelOp<ConvAttrs> = {
  kind: "kernel",
  name: "conv2d",
  infer: ([x, w]: Two, a) => {
    const [n, h, width] = ofRank(x.shape, 4);
    const [r, s, , k] = ofRank(w.shape, 4);
    return [{ shape: [n, ...outputSize("conv2d", [h, width], [r, s], a), k], dtype: x.dtype }];
  },
  lower(l, a) {
    const [image, filter, y] = specsOf(l);
    if (sizeOf(y.shape) === 0) return;
    const whole = problemOf({ x: image, w: filter, y }, image.dtype, a);
    const product = isFasterByProduct(whole, l.traits) ? productOf(whole) : undefined;
    if (product) return matrixProduct(l, product, { a: l.input(0), b: l.input(1) }, image.dtype);
    const { kernel, p, x } = selectMirroring(l, [winogradOutput, ...conv2dKernels], whole, a.pad);
    const w = l.input(1);
    if (kernel === winogradOutput) return winograd(l, kernel, p, x, w);
    const parts = convWindows(p, l.room(image.dtype)).map(
      (window): Part => ({
        p: window.p,
        out: window.y,
        buffers: (y) => ({ x: l.part(x, window.x), w, y }),
      }),
    );
    inChunks(l, kernel, p, p.r * p.s * p.c, parts);
  },
};

/** conv2d of tensors and attributes that were checked. */
export const conv2dRaw = (
  x: Tensor,
  w: Tensor,
  { stride, pad, padMode = "zero", dilation, groups }: ConvAttrs,
): Tensor => apply(conv2dOp, alike(x, w), { stride, pad, padMode, dilation, groups });
