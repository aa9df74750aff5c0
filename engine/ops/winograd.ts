// A 3 × 3 convolution in four kinds of dispatches, by Winograd's F(4×4, 3×3), and its weight gradient by F(3×3, 4×4).
import type { ConvProblem } from "../../kernels/conv2d/conv2d-problem.ts";
import { type ConvWindow, convWindows } from "../../kernels/conv2d/conv2d-windows.ts";
import type { Kernel } from "../../kernels/kernel.ts";
import { type MatmulSizes, inUnitsOf, matmulKernels, matmulProblem } from "../../kernels/matmul/matmul.ts";
import { sumPartials } from "../../kernels/reduce/sum-partials.ts";
import {
  winogradFilter,
  winogradGradient,
  winogradImage,
  winogradStrips,
  winogradWeightGradOutput,
} from "../../kernels/winograd/winograd.ts";
import type { DType } from "../dtype.ts";
import type { Lowering, MemoryHandle } from "../op.ts";

/** Elements of a transformed tile or filter: 6 × 6, each a matrix of its own. */
const MATRICES = 36;
/** Scratch for 36 matrices of `size` f32 each. */
const matrices = (l: Lowering, size: number): MemoryHandle => l.scratch(4 * MATRICES * size);

/** A strip of tiles of one window. */
interface Strip {
  readonly window: ConvWindow;
  readonly first: number;
  readonly tiles: number;
}

/** The strips of each window of a problem, whose images are elements of `dtype`. */
const stripsOf = (l: Lowering, p: ConvProblem, dtype: DType): Strip[] =>
  convWindows(p, l.room(dtype), 4).flatMap((window) =>
    winogradStrips(window.p, l.room("f32").most).map((strip) => ({ window, ...strip })),
  );

/**
 * Dispatches x [N, H, W, C] ∗ w → output 0 [N, P, Q, K], strip by strip. w is [3, 3, C, K], or [3, 3, K, C] and
 * turned by half a turn where `p.flip`.
 */
export function winograd(l: Lowering, output: Kernel, p: ConvProblem, x: MemoryHandle, w: MemoryHandle): void {
  const { c, k, flip } = p;
  const strips = stripsOf(l, p, l.inputs[0].dtype);
  const most = Math.max(...strips.map((s) => s.tiles));
  const u = matrices(l, c * k);
  const v = matrices(l, most * c);
  const m = matrices(l, most * k);
  l.dispatch(winogradFilter, { size: (c * k) / 4, flip }, { w, u });
  for (const { window, first, tiles } of strips) {
    const problem = { ...window.p, first, tiles };
    l.dispatch(winogradImage, problem, { x: l.part(x, window.x), v });
    product(l, { m: tiles, n: k, k: c, transposeB: flip }, { a: v, b: u, y: m });
    l.dispatch(output, problem, { m, y: l.part(l.output(0), window.y) });
  }
}

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
    l.dispatch(winogradImage, whole, { x: l.part(x, window.x), v });
    l.dispatch(winogradGradient, whole, { dy: l.part(dy, window.y), u });
    product(l, { m: c, n: k, k: tiles, transposeA: true }, { a: v, b: u, y: m });
    l.dispatch(winogradWeightGradOutput, { size: (c * k) / 4, part }, { m, dw });
  });
  if (strips.length > 1) l.dispatch(sumPartials, { n: size, splits: strips.length }, { x: dw, y: l.output(0) });
}

const ceil4 = (n: number): number => 4 * Math.ceil(n / 4);

/** Dispatches the 36 matrix products y = a·b. */
function product(
  l: Lowering,
  sizes: Omit<MatmulSizes, "batch">,
  buffers: Readonly<Record<"a" | "b" | "y", MemoryHandle>>,
): void {
  const p = matmulProblem({ ...sizes, batch: MATRICES });
  const kernel = l.select(matmulKernels, p);
  l.dispatch(kernel, inUnitsOf(kernel, p), buffers);
}
