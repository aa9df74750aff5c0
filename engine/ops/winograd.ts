// A 3 × 3 convolution in four kinds of dispatches, by Winograd's F(4×4, 3×3).
import type { ConvProblem } from "../../kernels/conv2d/conv2d-problem.ts";
import { type ConvWindow, convWindows } from "../../kernels/conv2d/conv2d-windows.ts";
import type { Kernel } from "../../kernels/kernel.ts";
import { type MatmulSizes, inUnitsOf, matmulKernels, matmulProblem } from "../../kernels/matmul/matmul.ts";
import { winogradFilter, winogradImage, winogradStrips } from "../../kernels/winograd/winograd.ts";
import type { DType } from "../dtype.ts";
import type { Lowering, MemoryHandle } from "../op.ts";

/** Elements of a transformed tile or filter: 6 × 6, each a matrix of its own. */
const MATRICES = 36;
/** Scratch for 36 matrices of `size` f32 each. */
export const matrices = (l: Lowering, size: number): MemoryHandle => l.scratch(4 * MATRICES * size);

/** A strip of tiles of one window. */
interface Strip {
  readonly window: ConvWindow;
  readonly first: number;
  readonly tiles: number;
}

/** The strips of each window of a problem, whose images are elements of `dtype`. */
export const stripsOf = (l: Lowering, p: ConvProblem, dtype: DType): Strip[] =>
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
    l.dispatch(l.select(winogradImage, problem), problem, { x: l.part(x, window.x), v });
    products(l, { m: tiles, n: k, k: c, transposeB: flip }, { a: v, b: u, y: m });
    l.dispatch(output, problem, { m, y: l.part(l.output(0), window.y) });
  }
}

/** Dispatches the 36 matrix products y = a·b. */
export function products(
  l: Lowering,
  sizes: Omit<MatmulSizes, "batch">,
  buffers: Readonly<Record<"a" | "b" | "y", MemoryHandle>>,
): void {
  const p = matmulProblem({ ...sizes, batch: MATRICES });
  const kernel = l.select(matmulKernels, p);
  l.dispatch(kernel, inUnitsOf(kernel, p), buffers);
}
