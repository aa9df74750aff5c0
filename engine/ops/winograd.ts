// A 3 × 3 convolution in four kinds of dispatches, by Winograd's F(4×4, 3×3), and its weight gradient by F(3×3, 4×4).
import type { Kernel, Params } from "../../kernels/kernel.ts";
import { countsVec4s, matmulKernels } from "../../kernels/matmul/matmul.ts";
import { sumPartials } from "../../kernels/reduce/sum-partials.ts";
import {
  winogradFilter,
  winogradGradient,
  winogradImage,
  winogradStrips,
  winogradWeightGradOutput,
} from "../../kernels/winograd/winograd.ts";
import type { Lowering, MemoryHandle } from "../op.ts";

/**
 * Dispatches x [N, H, W, C] ∗ w → output 0 [N, P, Q, K], strip by strip. w is [3, 3, C, K], or [3, 3, K, C] and
 * turned by half a turn where `p.flip`.
 */
export function winograd(l: Lowering, output: Kernel, p: Params, x: MemoryHandle, w: MemoryHandle): void {
  const { c, k, flip } = p;
  const strips = winogradStrips(p);
  const most = strips[0].tiles;
  const [u, v, m] = [c * k, most * c, most * k].map((size) => l.scratch(4 * 36 * size));
  l.dispatch(winogradFilter, { size: (c * k) / 4, flip }, { w, u });
  for (const strip of strips) {
    const { tiles } = strip;
    l.dispatch(winogradImage, { ...p, ...strip }, { x, v });
    product(l, { m: tiles, n: k, k: c, transposeA: 0, transposeB: flip }, v, u, m);
    l.dispatch(output, { ...p, ...strip }, { m, y: l.output(0) });
  }
}

/**
 * Dispatches dw [3, 3, C, K] = output 0 of x [N, H, W, C] and dy [N, P, Q, K]: a sum for each strip, and one over the
 * strips.
 */
export function winogradWeightGrad(l: Lowering, p: Params, x: MemoryHandle, dy: MemoryHandle): void {
  const { c, k } = p;
  const strips = winogradStrips(p);
  const most = ceil4(strips[0].tiles);
  const size = 9 * c * k;
  const [v, u, m] = [most * c, most * k, c * k].map((n) => l.scratch(4 * 36 * n));
  const dw = strips.length === 1 ? l.output(0) : l.scratch(4 * strips.length * size);
  for (const [part, { first, ...strip }] of strips.entries()) {
    // Tiles past the last are zero.
    const tiles = ceil4(strip.tiles);
    l.dispatch(winogradImage, { ...p, first, tiles }, { x, v });
    l.dispatch(winogradGradient, { ...p, first, tiles }, { dy, u });
    product(l, { m: c, n: k, k: tiles, transposeA: 1, transposeB: 0 }, v, u, m);
    l.dispatch(winogradWeightGradOutput, { size: (c * k) / 4, part }, { m, dw });
  }
  if (strips.length > 1) l.dispatch(sumPartials, { n: size, splits: strips.length }, { x: dw, y: l.output(0) });
}

const ceil4 = (n: number): number => 4 * Math.ceil(n / 4);

/** Dispatches the 36 matrix products y = a·b. */
function product(
  l: Lowering,
  p: Readonly<Record<"m" | "n" | "k" | "transposeA" | "transposeB", number>>,
  a: MemoryHandle,
  b: MemoryHandle,
  y: MemoryHandle,
): void {
  const { m, n, k, transposeA, transposeB } = p;
  const problem: Params = {
    ...p,
    batch: 36,
    aBatch: m * k,
    bBatch: k * n,
    aRow: transposeA ? 1 : k,
    aColumn: transposeA ? m : 1,
    bRow: transposeB ? 1 : n,
    bColumn: transposeB ? k : 1,
  };
  const kernel = l.select(matmulKernels, problem);
  const unit = countsVec4s(kernel) ? 4 : 1;
  l.dispatch(kernel, { ...problem, aBatch: problem.aBatch / unit, bBatch: problem.bBatch / unit }, { a, b, y });
}
