// The weight gradient of a 3 × 3 convolution by Winograd's F(3×3, 4×4).
import type { ConvProblem } from "../../kernels/conv2d/conv2d-problem.ts";
import { sumPartials } from "../../kernels/reduce/sum-partials.ts";
import { winogradImage } from "../../kernels/winograd/winograd.ts";
import { winogradGradient, winogradWeightGradOutput } from "../../kernels/winograd/winograd-weight-grad.ts";
import type { Lowering, MemoryHandle } from "../op.ts";
import { matrices, products, stripsOf } from "../ops/winograd.ts";

const ceil4 = (n: number): number => 4 * Math.ceil(n / 4);

/**
 * Dispatches dw [3, 3, C, K] = output 0 of x [N, H, W, C] and dy [N, P, Q, K]: a sum for each strip, and one over the
 * strips.
 */
export function winogradWeightGrad(l: Lowering, p: ConvProblem, x: MemoryHandle, dy: MemoryHandle): void {
  const { c, k } = p;
  const strips = stripsOf(l, p, l.inputs[0].dtype);
  const most = ceil4(Math.max(...strips.map((s) => s.tiles)));
  const size = 9 * c * k;
  const v = matrices(l, most * c);
  const u = matrices(l, most * k);
  const m = matrices(l, c * k);
  const dw = strips.length === 1 ? l.output(0) : l.scratch(4 * strips.length * size);
  strips.forEach(({ window, first, tiles: some }, part) => {
    // Tiles past the last are zero.
    const tiles = ceil4(some);
    const whole = { ...window.p, first, tiles };
    l.dispatch(l.select(winogradImage, whole), whole, { x: l.part(x, window.x), v });
    l.dispatch(winogradGradient, whole, { dy: l.part(dy, window.y), u });
    products(l, { m: c, n: k, k: tiles, transposeA: true }, { a: v, b: u, y: m });
    l.dispatch(winogradWeightGradOutput, { size: (c * k) / 4, part }, { m, dw });
  });
  if (strips.length > 1) l.dispatch(sumPartials, { n: size, splits: strips.length }, { x: dw, y: l.output(0) });
}
