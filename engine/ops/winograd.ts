// A 3 × 3 convolution in four kinds of dispatches, by Winograd's F(4×4, 3×3).
import type { Kernel, Params } from "../../kernels/kernel.ts";
import { countsVec4s, matmulKernels } from "../../kernels/matmul.ts";
import { winogradFilter, winogradImage, winogradStrips } from "../../kernels/winograd.ts";
import type { Lowering, Slot } from "../op.ts";

/** Dispatches x [N, H, W, C] ∗ w → output 0 [N, P, Q, K], strip by strip. w is [3, 3, C, K], or [3, 3, K, C] and turned by half a turn where `p.flip`. */
export function winograd(l: Lowering, output: Kernel, p: Params, x: Slot, w: Slot): void {
  const { c, k, flip } = p, strips = winogradStrips(p), most = strips[0].tiles;
  const [u, v, m] = [c * k, most * c, most * k].map((size) => l.scratch(4 * 36 * size));
  l.dispatch(winogradFilter, { size: (c * k) / 4, flip }, { w, u });
  for (const strip of strips) {
    const { tiles } = strip;
    const product: Params = {
      batch: 36, m: tiles, n: k, k: c, aBatch: tiles * c, bBatch: c * k, aRow: c, aColumn: 1, bRow: flip ? 1 : k, bColumn: flip ? c : 1, transposeA: 0, transposeB: flip,
    };
    const matmul = l.select(matmulKernels, product), unit = countsVec4s(matmul) ? 4 : 1;
    l.dispatch(winogradImage, { ...p, ...strip }, { x, v });
    l.dispatch(matmul, { ...product, aBatch: product.aBatch / unit, bBatch: product.bBatch / unit }, { a: v, b: u, y: m });
    l.dispatch(output, { ...p, ...strip }, { m, y: l.output(0) });
  }
}
