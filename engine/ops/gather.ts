// Elements looked up by index along an axis.
import { full } from "../constant.ts";
import { ShapeError } from "../errors.ts";
import { normalizeAxis, show, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { cast } from "./cast.ts";
import { type LookupAttrs, lookUp } from "./lookup.ts";
import { reshape, slice } from "./movement.ts";

function checkIndex(op: string, x: Tensor, index: Tensor, axis: number): Tensor {
  if (index.dtype !== "i32" && index.dtype !== "u32")
    throw new ShapeError(
      op,
      `the index is ${index.dtype}${show(index.shape)}; it must hold whole numbers: cast(index, "i32")`,
    );
  if (x.shape[axis] === 0 && index.size > 0)
    throw new ShapeError(
      op,
      `x ${show(x.shape)} is empty along axis ${axis}, so the index ${show(index.shape)} has nothing to point to`,
    );
  return cast(index, "i32");
}

/**
 * x at whole slices: y[…, j…, …] = x[…, index[j…], …] along `axis`, whose place in the shape the index's dimensions
 * take. A negative index counts from the end; one outside the axis gives NaN (0 for integers). The gradient sums in a
 * fixed order. Throws ShapeError.
 */
export function take(x: Tensor, index: Tensor, axis = 0): Tensor {
  const d = normalizeAxis("take", axis, x.rank);
  const at = checkIndex("take", x, index, d);
  const before = x.shape.slice(0, d);
  const after = x.shape.slice(d + 1);
  const a: LookupAttrs = { outer: sizeOf(before), n: x.shape[d]!, inner: sizeOf(after), m: index.size };
  const shape = [...before, ...index.shape, ...after];
  if (sizeOf(shape) === 0) return full(shape, 0, x.dtype);
  return reshape(lookUp(reshape(x, [a.outer, a.n, a.inner]), reshape(at, [1, a.m, 1]), a), shape);
}

/**
 * x at single elements: y[…, j, …] = x[…, index[…, j, …], …] along `axis`, of the index's shape, which may be smaller
 * than x's along the other axes. Indices as in `take`. Throws ShapeError.
 */
export function gather(x: Tensor, index: Tensor, axis: number): Tensor {
  const d = normalizeAxis("gather", axis, x.rank);
  const at = checkIndex("gather", x, index, d);
  if (index.rank !== x.rank)
    throw new ShapeError(
      "gather",
      `the index ${show(index.shape)} is of rank ${index.rank}, x ${show(x.shape)} of rank ${x.rank}; ` +
        "they must be equal (take() looks up whole slices)",
    );
  index.shape.forEach((n, e) => {
    if (e !== d && n > x.shape[e]!)
      throw new ShapeError(
        "gather",
        `dimension ${e} of the index ${show(index.shape)} is ${n}, that of x ${show(x.shape)} is ${x.shape[e]}; ` +
          `off axis ${d} it must not be larger`,
      );
  });
  if (index.size === 0) return full(index.shape, 0, x.dtype);
  const near = slice(
    x,
    index.shape.map((n, e) => (e === d ? null : [0, n])),
  );
  const outer = sizeOf(index.shape.slice(0, d));
  const inner = sizeOf(index.shape.slice(d + 1));
  const m = index.shape[d]!;
  const n = x.shape[d]!;
  return reshape(
    lookUp(reshape(near, [outer, n, inner]), reshape(at, [outer, m, inner]), { outer, n, inner, m }),
    index.shape,
  );
}
