// Where along an axis the largest or smallest elements stand.
import { argExtreme, argExtremeMerge } from "../../kernels/scan/arg-extreme.ts";
import { isFloat } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import type { KernelOp } from "../op.ts";
import { normalizeAxis, ofRank, show, sizeOf } from "../shape.ts";
import { type Tensor, apply } from "../tensor.ts";
import { reshape } from "./movement.ts";
import type { ReduceOptions } from "./reduce.ts";

interface ArgAttrs {
  readonly least: boolean;
}

/** Longest line that one thread walks where lines are few. */
const ALONE = 1024;

/** x [outer, n, c] → positions along n, i32 [outer, c]. */
export const argOp: KernelOp<ArgAttrs> = {
  kind: "kernel",
  name: "arg-extreme",
  infer: ([x]) => {
    const [outer, , c] = ofRank(x.shape, 3);
    return [{ shape: [outer, c], dtype: "i32" }];
  },
  lower(l, { least }) {
    const [outer, n, c] = ofRank(l.inputs[0].shape, 3);
    if (outer * c === 0) return;
    const chunk = n <= ALONE ? n : Math.ceil(Math.sqrt(n));
    const chunks = Math.ceil(n / chunk);
    const p = { outer, n, c, chunk, chunks, least: least ? 1 : 0 };
    const index = chunks === 1 ? l.output(0) : l.scratch(4 * outer * chunks * c);
    l.dispatch(l.select(argExtreme, p), p, { x: l.input(0), index });
    if (chunks > 1) l.dispatch(argExtremeMerge, p, { x: l.input(0), candidates: index, index: l.output(0) });
  },
};

const along =
  (name: string, least: boolean) =>
  (x: Tensor, axis: number, { keepDims = false }: ReduceOptions = {}): Tensor => {
    const d = normalizeAxis(name, axis, x.rank);
    if (!isFloat(x.dtype))
      throw new ShapeError(name, `x is ${x.dtype}${show(x.shape)}; it must be f32: cast(x, "f32") first`);
    const n = x.shape[d]!;
    if (n === 0)
      throw new ShapeError(
        name,
        `${show(x.shape)} is empty along axis ${d}, and an empty set has no ${least ? "smallest" : "largest"} element`,
      );
    const before = x.shape.slice(0, d);
    const after = x.shape.slice(d + 1);
    const at = apply(argOp, [reshape(x, [sizeOf(before), n, sizeOf(after)])], { least });
    return reshape(at, keepDims ? [...before, 1, ...after] : [...before, ...after]);
  };

/**
 * Position of the largest element along `axis`, i32: the first of equals; the first NaN before all numbers. Throws
 * ShapeError.
 */
export const argMax = along("argMax", false);
/**
 * Position of the smallest element along `axis`, i32: the first of equals; the first NaN before all numbers. Throws
 * ShapeError.
 */
export const argMin = along("argMin", true);
