// Running sums along an axis.
import { scan, scanChunks, scanTotals } from "../../kernels/scan/scan.ts";
import { isFloat } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import type { KernelOp } from "../op.ts";
import { normalizeAxis, ofRank, show, sizeOf } from "../shape.ts";
import { type Tensor, apply } from "../tensor.ts";
import { reshape } from "./movement.ts";
import { withGradient } from "./pass.ts";

interface ScanAttrs {
  readonly reverse: boolean;
}

/** Longest line that one thread walks: longer ones are cut, for more threads and for less rounding. */
const ALONE = 128;

/** x [outer, n, c] summed along n. */
export const scanOp: KernelOp<ScanAttrs> = {
  kind: "kernel",
  name: "cumulative-sum",
  infer: ([{ shape }]) => [{ shape, dtype: "f32" }],
  lower(l, { reverse }) {
    const [outer, n, c] = ofRank(l.inputs[0].shape, 3);
    if (outer * n * c === 0) return;
    const chunk = n <= ALONE ? n : Math.ceil(Math.sqrt(n));
    const chunks = Math.ceil(n / chunk);
    const p = { outer, n, c, chunk, chunks, reverse: reverse ? 1 : 0 };
    if (chunks === 1) {
      l.dispatch(l.select(scan, p), p, { x: l.input(0), y: l.output(0) });
      return;
    }
    const totals = l.scratch(4 * outer * chunks * c);
    const carry = l.scratch(4 * outer * chunks * c);
    l.dispatch(l.select(scanTotals, p), p, { x: l.input(0), totals });
    const joined = { outer, n: chunks, c, reverse: 0 };
    l.dispatch(l.select(scan, joined), joined, { x: totals, y: carry });
    l.dispatch(l.select(scanChunks, p), p, { x: l.input(0), carry, y: l.output(0) });
  },
};

/** The gradient of a running sum is a running sum from the other end. */
const runningSum = (x: Tensor, reverse: boolean): Tensor =>
  withGradient(apply(scanOp, [x], { reverse }), [x], (dy) => [runningSum(dy, !reverse)]);

/**
 * y[…, j, …] = Σ_{k ≤ j} x[…, k, …] along `axis`, f32; with `reverse` over k ≥ j. Sums go in a fixed order. Throws
 * ShapeError.
 */
export function cumSum(x: Tensor, axis: number, { reverse = false }: { reverse?: boolean } = {}): Tensor {
  const d = normalizeAxis("cumSum", axis, x.rank);
  if (!isFloat(x.dtype))
    throw new ShapeError("cumSum", `x is ${x.dtype}${show(x.shape)}; it must be f32: cast(x, "f32") first`);
  const lines = reshape(x, [sizeOf(x.shape.slice(0, d)), x.shape[d]!, sizeOf(x.shape.slice(d + 1))]);
  return reshape(runningSum(lines, reverse), x.shape);
}
