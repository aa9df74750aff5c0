// Elements looked up by index along an axis, and the transpose: each target sums its sources in a fixed order, from
// the last to the first.
import type { Params } from "../../kernels/kernel.ts";
import {
  type GatherProblem,
  gather as gatherKernel,
  gatherDots,
  gatherFloats,
  gatherTaps,
  scatterAdd,
  scatterBounds,
  scatterClear,
  scatterLast,
  scatterLinks,
  scatterList,
  scatterRooms,
  scatterTaps,
} from "../../kernels/gather/gather.ts";
import { full } from "../constant.ts";
import { isFloat } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import type { KernelOp, Lowering, MemoryHandle } from "../op.ts";
import { type Shape, normalizeAxis, ofRank, show, sizeOf } from "../shape.ts";
import { type Tensor, apply } from "../tensor.ts";
import { cast } from "./cast.ts";
import { reshape, slice } from "./movement.ts";

/** x [outer, n, inner] and index [outer or 1, m, inner or 1]. */
interface LookupAttrs {
  readonly outer: number;
  readonly n: number;
  readonly inner: number;
  readonly m: number;
}

const NAN_BITS = 0x7fc00000;

/** (x, index) → y [outer, m, inner], of any dtype. */
const gatherOp: KernelOp<LookupAttrs, readonly [x: Tensor, index: Tensor]> = {
  kind: "kernel",
  name: "gather",
  infer: ([x], { outer, m, inner }) => [{ shape: [outer, m, inner], dtype: x.dtype }],
  vjp: ([dy], [x, index], _, a) => [isFloat(x.dtype) ? scattered(scatterAddOp, dy!, index, a) : null, null],
  lower(l, a) {
    const [outer, , inner] = ofRank(l.inputs[1].shape, 3);
    const strides = { strideO: outer === 1 ? 0 : a.m * inner, strideJ: inner, strideI: inner === 1 ? 0 : 1 };
    const { dtype } = l.inputs[0];
    l.dispatch(
      dtype === "f16" ? gatherFloats : gatherKernel,
      { ...a, ...strides, wrap: 1, outside: isFloat(dtype) ? NAN_BITS : 0 },
      { x: l.input(0), index: l.input(1), y: l.output(0) },
    );
  },
};

/** Writes the last source of each target. */
function findLast(l: Lowering, index: MemoryHandle, p: Params, words: number): MemoryHandle {
  const cells = l.scratch(4 * words);
  l.dispatch(scatterClear, { count: words }, { cells });
  l.dispatch(scatterBounds, p, { index, cells });
  return cells;
}

/** Writes the last source of each target, and which comes before each source. */
function findSources(l: Lowering, index: MemoryHandle, p: GatherProblem): { cells: MemoryHandle; links: MemoryHandle } {
  const count = p.outer * p.n * p.inner;
  const bytes = 4 * p.outer * p.m * p.inner;
  const cells = findLast(l, index, p, 3 * count + 1);
  const list = l.scratch(bytes);
  const links = l.scratch(bytes);
  l.dispatch(scatterRooms, { count }, { cells });
  l.dispatch(scatterList, p, { index, cells, list });
  l.dispatch(scatterLinks, p, { index, cells, list, links });
  return { cells, links };
}

/** (dy, index) → dx [outer, n, inner] = Σ dy at the index. */
const scatterAddOp: KernelOp<LookupAttrs, readonly [dy: Tensor, index: Tensor]> = {
  kind: "kernel",
  name: "scatter-add",
  infer: ([dy], { outer, n, inner }) => [{ shape: [outer, n, inner], dtype: dy.dtype }],
  vjp: ([u], [, index], _, a) => [apply(gatherOp, [u!, index], a), null],
  lower(l, a) {
    if (sizeOf(l.outputs[0].shape) === 0) return;
    const [indexOuter, , indexInner] = ofRank(l.inputs[1].shape, 3);
    const found = findSources(l, l.input(1), { outer: indexOuter, n: a.n, inner: indexInner, m: a.m, wrap: 1 });
    l.dispatch(scatterAdd, { ...a, indexOuter, indexInner }, { ...found, dy: l.input(0), dx: l.output(0) });
  },
};

/**
 * (x, index) → y [outer, n, inner]: x at the index, the last of several; index [outer, m, inner]. Its gradient reads
 * each place, lost or not.
 */
const scatterLastOp: KernelOp<LookupAttrs, readonly [x: Tensor, index: Tensor]> = {
  kind: "kernel",
  name: "scatter-last",
  infer: ([x], { outer, n, inner }) => [{ shape: [outer, n, inner], dtype: x.dtype }],
  vjp: ([dy], [, index], _, a) => [apply(gatherOp, [dy!, index], a), null],
  lower(l, a) {
    if (sizeOf(l.outputs[0].shape) === 0) return;
    const cells = findLast(l, l.input(1), { ...a, wrap: 0 }, 2 * sizeOf(l.outputs[0].shape));
    l.dispatch(scatterLast, { ...a }, { cells, x: l.input(0), y: l.output(0) });
  },
};

/** No source: zeros, and no kernel has an empty buffer to read. */
const scattered = (op: typeof scatterAddOp, x: Tensor, index: Tensor, a: LookupAttrs): Tensor =>
  a.m === 0 ? full([a.outer, a.n, a.inner], 0, x.dtype) : apply(op, [x, index], a);

/**
 * y [outer, n, inner] with x [outer, m, inner] written where index (same shape, ≥ 0) says along the middle axis, the
 * last of several; zeros elsewhere.
 */
export const scatterAlong = (x: Tensor, index: Tensor, n: number): Tensor => {
  const [outer, m, inner] = ofRank(x.shape, 3);
  return scattered(scatterLastOp, x, index, { outer, n, inner, m });
};

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
  return reshape(apply(gatherOp, [reshape(x, [a.outer, a.n, a.inner]), reshape(at, [1, a.m, 1])], a), shape);
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
    apply(gatherOp, [reshape(near, [outer, n, inner]), reshape(at, [outer, m, inner])], { outer, n, inner, m }),
    index.shape,
  );
}

/** x [outer, n, c], index and w [outer, points, taps], y [outer, points, c]. */
interface TapAttrs extends Params {
  outer: number;
  n: number;
  c: number;
  points: number;
  taps: number;
}
const tapShapes = {
  x: ({ outer, n, c }: TapAttrs): Shape => [outer, n, c],
  y: ({ outer, points, c }: TapAttrs): Shape => [outer, points, c],
  w: ({ outer, points, taps }: TapAttrs): Shape => [outer, points, taps],
};

/**
 * (x, index, w) → y: linear in x and in w; the two ops below give their gradients, and of each one's the other two
 * do.
 */
const mixOp: KernelOp<TapAttrs, readonly [x: Tensor, index: Tensor, w: Tensor]> = {
  kind: "kernel",
  name: "gather-taps",
  infer: ([x], a) => [{ shape: tapShapes.y(a), dtype: x.dtype }],
  vjp: ([dy], [x, index, w], _, a) => [apply(spreadOp, [dy!, index, w], a), null, apply(tapGradOp, [x, index, dy!], a)],
  lower: (l, a) =>
    l.dispatch(l.select(gatherTaps, a), a, { x: l.input(0), index: l.input(1), w: l.input(2), y: l.output(0) }),
};

/** (dy, index, w) → dx. */
const spreadOp: KernelOp<TapAttrs, readonly [dy: Tensor, index: Tensor, w: Tensor]> = {
  kind: "kernel",
  name: "scatter-taps",
  infer: ([dy], a) => [{ shape: tapShapes.x(a), dtype: dy.dtype }],
  vjp: ([u], [dy, index, w], _, a) => [apply(mixOp, [u!, index, w], a), null, apply(tapGradOp, [u!, index, dy], a)],
  lower(l, a) {
    if (sizeOf(l.outputs[0].shape) === 0) return;
    const found = findSources(l, l.input(1), { outer: a.outer, n: a.n, inner: 1, m: a.points * a.taps, wrap: 0 });
    l.dispatch(l.select(scatterTaps, a), a, { ...found, w: l.input(2), dy: l.input(0), dx: l.output(0) });
  },
};

/** (x, index, dy) → dw, f32. */
const tapGradOp: KernelOp<TapAttrs, readonly [x: Tensor, index: Tensor, dy: Tensor]> = {
  kind: "kernel",
  name: "gather-dots",
  infer: (_, a) => [{ shape: tapShapes.w(a), dtype: "f32" }],
  vjp: ([u], [x, index, dy], _, a) => [apply(spreadOp, [dy, index, u!], a), null, apply(mixOp, [x, index, u!], a)],
  lower: (l, a) => l.dispatch(gatherDots, a, { x: l.input(0), index: l.input(1), dy: l.input(2), dw: l.output(0) }),
};

/**
 * y[o,p,c] = Σ_k w[o,p,k] · x[o, index[o,p,k], c]; x [O, n, C], index i32 and w f32 [O, P, K]. A negative index adds
 * nothing.
 */
export function mixTaps(x: Tensor, index: Tensor, w: Tensor): Tensor {
  const [outer, n, c] = ofRank(x.shape, 3);
  const [, points, taps] = ofRank(index.shape, 3);
  if (outer * points * c === 0) return full([outer, points, c], 0, x.dtype);
  return apply(mixOp, [x, index, w], { outer, n, c, points, taps });
}
