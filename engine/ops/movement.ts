// Moving elements: reshape, transpose, expand, slice, flip are views that their readers follow; concat is written in
// place.
import { full, constantValue } from "../constant.ts";
import { promote } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import type { ConcatOp, MovementOp } from "../op.ts";
import { type Shape, isShape, normalizeAxis, sameShape, show, sizeOf, stridesOf } from "../shape.ts";
import { type Tensor, apply } from "../tensor.ts";
import { wide } from "./elementwise.ts";
import { sum } from "./reduce.ts";
import { isZeroSum } from "./zero-sum.ts";

interface ReshapeAttrs {
  shape: Shape;
}
const reshapeOp: MovementOp<ReshapeAttrs> = {
  kind: "movement",
  name: "reshape",
  infer: ([x], { shape }) => [{ shape, dtype: x.dtype }],
  vjp: ([dy], [x]) => [reshape(dy!, x.shape)],
};

/** The same elements in row-major order under another shape; one size may be -1. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const free = shape.indexOf(-1);
  const known = shape.reduce((a, n) => (n === -1 ? a : a * n), 1);
  const to = free < 0 ? shape : shape.map((n, d) => (d === free ? x.size / known : n));
  if (!isShape(to) || sizeOf(to) !== x.size) {
    throw new ShapeError(
      "reshape",
      `${show(x.shape)} has ${x.size} elements, ${show(shape)} has ${free < 0 ? sizeOf(shape) : `a multiple of ${known}`}; the counts must agree`,
    );
  }
  if (sameShape(to, x.shape)) return x;
  const value = constantValue(x);
  if (value !== undefined) return full(to, value, x.dtype);
  return apply(reshapeOp, [x], { shape: to });
}

interface TransposeAttrs {
  perm: readonly number[];
}
const transposeOp: MovementOp<TransposeAttrs> = {
  kind: "movement",
  name: "transpose",
  infer: ([x], { perm }) => [{ shape: perm.map((d) => x.shape[d]), dtype: x.dtype }],
  view: ({ offset, strides }, _, __, { perm }) => ({ offset, strides: perm.map((d) => strides[d]) }),
  vjp: ([dy], _, __, { perm }) => [
    transpose(
      dy!,
      perm.map((_, d) => perm.indexOf(d)),
    ),
  ],
};

/** y[…, i_perm[d], …]: axis d of the result is axis perm[d] of x; reversed axes if perm is absent. */
export function transpose(x: Tensor, perm: readonly number[] = x.shape.map((_, d) => x.rank - 1 - d)): Tensor {
  const p = perm.map((d) => normalizeAxis("transpose", d, x.rank));
  if (p.length !== x.rank || new Set(p).size !== p.length) {
    throw new ShapeError("transpose", `perm ${show(perm)} is no permutation of the ${x.rank} axes of ${show(x.shape)}`);
  }
  if (p.every((d, i) => d === i)) return x;
  return apply(transposeOp, [x], { perm: p });
}

interface ExpandAttrs {
  shape: Shape;
}
const expandOp: MovementOp<ExpandAttrs> = {
  kind: "movement",
  name: "expand",
  infer: ([x], { shape }) => [{ shape, dtype: x.dtype }],
  view: ({ offset, strides }, from, to) => ({ offset, strides: strides.map((s, d) => (from[d] === to[d] ? s : 0)) }),
  vjp: ([dy], [x]) => [sumTo(dy!, x.shape)],
};

/** Repeats size-1 (and missing leading) dimensions of x to `shape`, as numpy's broadcast_to. */
export function expand(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const lead = shape.length - x.rank;
  if (lead < 0 || !x.shape.every((n, d) => n === 1 || n === shape[lead + d])) {
    throw new ShapeError(
      "expand",
      `${show(x.shape)} does not expand to ${show(shape)}: each size must be 1 or equal, aligned at the right`,
    );
  }
  const value = constantValue(x);
  if (value !== undefined) return full(shape, value, x.dtype);
  const aligned = reshape(x, [...new Array<number>(lead).fill(1), ...x.shape]);
  return sameShape(aligned.shape, shape) ? aligned : apply(expandOp, [aligned], { shape });
}

/** Sums x over the axes along which `shape` was broadcast: the transpose of expand. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const lead = x.rank - shape.length;
  const axes = x.shape.map((_, d) => d).filter((d) => d < lead || (shape[d - lead] === 1 && x.shape[d] !== 1));
  if (isZeroSum(x, axes)) return full(shape, 0, x.dtype);
  return reshape(sum(x, axes, { keepDims: true }), shape);
}

interface SliceAttrs {
  start: readonly number[];
  step: readonly number[];
  shape: Shape;
}
const sliceOp: MovementOp<SliceAttrs> = {
  kind: "movement",
  name: "slice",
  infer: ([x], { shape }) => [{ shape, dtype: x.dtype }],
  view: ({ offset, strides }, _, __, { start, step }) => ({
    offset: strides.reduce((o, n, d) => o + n * start[d], offset),
    strides: strides.map((n, d) => n * step[d]),
  }),
  vjp: ([dy], [x], _, { start, step }) => [place(dy!, x.shape, start, step)],
};

/**
 * One range per axis: [start, end, step?] as Python's x[start:end:step] (end null: to the edge), or null for the
 * whole axis.
 */
export type Range = readonly [start: number, end: number | null, step?: number] | null;

/** x[ranges]; missing trailing ranges take whole axes. Negative starts, ends and steps as in Python. */
export function slice(x: Tensor, ranges: readonly Range[]): Tensor {
  if (ranges.length > x.rank)
    throw new ShapeError("slice", `${ranges.length} ranges for a tensor ${show(x.shape)} of rank ${x.rank}`);
  const start: number[] = [];
  const step: number[] = [];
  const shape: number[] = [];
  x.shape.forEach((n, d) => {
    const [from, to, by = 1] = ranges[d] ?? [0, null, 1];
    if (by === 0) throw new ShapeError("slice", `step of axis ${d} is 0; use a step ≥ 1 or ≤ -1`);
    const clampTo = (i: number): number => Math.min(Math.max(i < 0 ? i + n : i, by > 0 ? 0 : -1), by > 0 ? n : n - 1);
    const s = clampTo(from);
    const e = to === null ? (by > 0 ? n : -1) : clampTo(to);
    start.push(s);
    step.push(by);
    shape.push(Math.max(0, Math.ceil((e - s) / by)));
  });
  if (sameShape(shape, x.shape) && step.every((s) => s === 1)) return x;
  const value = constantValue(x);
  if (value !== undefined) return full(shape, value, x.dtype);
  return apply(sliceOp, [x], { start: start.map((s, d) => (shape[d] === 0 ? 0 : s)), step, shape });
}

/** x reversed along `axes`. */
export const flip = (x: Tensor, axes: number | readonly number[]): Tensor => {
  const list = (typeof axes === "number" ? [axes] : axes).map((a) => normalizeAxis("flip", a, x.rank));
  return slice(
    x,
    x.shape.map((_, d) => (list.includes(d) ? [-1, null, -1] : null)),
  );
};

interface PlaceAttrs {
  shape: Shape;
  start: readonly number[];
  step: readonly number[];
}
const placeOp: ConcatOp<PlaceAttrs> = {
  kind: "concat",
  name: "place",
  zeroFill: true,
  infer: ([x], { shape }) => [{ shape, dtype: x.dtype }],
  views: (_, { shape, start, step }) => {
    const s = stridesOf(shape);
    return [{ offset: s.reduce((o, n, d) => o + n * start[d], 0), strides: s.map((n, d) => n * step[d]) }];
  },
  vjp: ([dy], [x], _, { start, step }) => [apply(sliceOp, [dy!], { start, step, shape: x.shape })],
};

/** Zeros of `shape` with x written at start + index·step: the transpose of slice. */
export const place = (x: Tensor, shape: Shape, start: readonly number[], step: readonly number[]): Tensor =>
  apply(placeOp, [x], { shape, start, step });

interface ConcatAttrs {
  axis: number;
}
const concatOp: ConcatOp<ConcatAttrs> = {
  kind: "concat",
  name: "concat",
  infer: (xs, { axis }) => {
    const total = xs.reduce((n, x) => n + x.shape[axis], 0);
    return [{ shape: xs[0].shape.map((n, d) => (d === axis ? total : n)), dtype: xs[0].dtype }];
  },
  views: (xs, { axis }) => {
    const total = xs.reduce((n, x) => n + x.shape[axis], 0);
    const strides = stridesOf(xs[0].shape.map((n, d) => (d === axis ? total : n)));
    let at = 0;
    return xs.map((x) => {
      const view = { offset: at * strides[axis], strides };
      at += x.shape[axis];
      return view;
    });
  },
  vjp: ([dy], xs, _, { axis }) => {
    let at = 0;
    return xs.map((x) => {
      const from = at;
      at += x.shape[axis];
      return slice(
        dy!,
        x.shape.map((_, d) => (d === axis ? [from, at] : null)),
      );
    });
  },
};

/** Joins tensors along `axis`; all other sizes and the dtypes must agree, but that f16 beside f32 becomes f32. */
export function concat(parts: readonly Tensor[], axis: number): Tensor {
  if (parts.length === 0) throw new ShapeError("concat", "needs at least one tensor");
  const xs = parts.some((x) => x.dtype === "f32") ? parts.map(wide) : parts;
  const a = normalizeAxis("concat", axis, xs[0].rank);
  for (const x of xs) {
    if (x.rank !== xs[0].rank || x.dtype !== xs[0].dtype || !x.shape.every((n, d) => d === a || n === xs[0].shape[d])) {
      throw new ShapeError(
        "concat",
        `${x.dtype}${show(x.shape)} does not join ${xs[0].dtype}${show(xs[0].shape)} along axis ${a}: all other sizes must be equal`,
      );
    }
  }
  return xs.length === 1 ? xs[0] : apply(concatOp, xs, { axis: a });
}

/** Joins tensors of one shape along a new axis. Throws ShapeError. */
export const stack = (xs: readonly Tensor[], axis = 0): Tensor => {
  if (xs.length === 0) throw new ShapeError("stack", "needs at least one tensor");
  const a = normalizeAxis("stack", axis, xs[0].rank + 1);
  for (const x of xs) {
    if (!sameShape(x.shape, xs[0].shape) || !promote(x.dtype, xs[0].dtype))
      throw new ShapeError(
        "stack",
        `${x.dtype}${show(x.shape)} does not stack with ${xs[0].dtype}${show(xs[0].shape)}; shapes and dtypes must be equal`,
      );
  }
  return concat(
    xs.map((x) => reshape(x, [...x.shape.slice(0, a), 1, ...x.shape.slice(a)])),
    a,
  );
};

/** x cut along `axis` into pieces of the given sizes, which must add up to its own. Throws ShapeError. */
export function split(x: Tensor, sizes: readonly number[], axis: number): Tensor[] {
  const a = normalizeAxis("split", axis, x.rank);
  const length = sizes.reduce((n, m) => n + m, 0);
  if (!isShape(sizes) || length !== x.shape[a])
    throw new ShapeError(
      "split",
      `sizes ${show(sizes)} add up to ${length}; dimension ${a} of x ${show(x.shape)} is ${x.shape[a]}`,
    );
  let at = 0;
  return sizes.map((size) => {
    const from = at;
    at += size;
    return slice(
      x,
      x.shape.map((_, d) => (d === a ? [from, at] : null)),
    );
  });
}

/**
 * x laid side by side repeats[d] times along each dimension d; the shorter of shape and repeats gets leading ones.
 * Throws ShapeError.
 */
export function tile(x: Tensor, repeats: readonly number[]): Tensor {
  if (!isShape(repeats))
    throw new ShapeError(
      "tile",
      `repeats are ${show(repeats)}; give whole numbers ≥ 0, one for each dimension of x ${show(x.shape)}`,
    );
  const rank = Math.max(x.rank, repeats.length);
  const ones = (n: number): number[] => new Array<number>(n).fill(1);
  const shape = [...ones(rank - x.rank), ...x.shape];
  const times = [...ones(rank - repeats.length), ...repeats];
  // Each dimension behind one that counts the repeats.
  const spread = expand(
    reshape(
      x,
      shape.flatMap((n) => [1, n]),
    ),
    shape.flatMap((n, d) => [times[d], n]),
  );
  return reshape(
    spread,
    shape.map((n, d) => n * times[d]),
  );
}

interface PackAttrs {
  offsets: readonly number[];
  length: number;
}
const packOp: ConcatOp<PackAttrs> = {
  kind: "concat",
  name: "pack",
  zeroFill: true,
  infer: ([x], { length }) => [{ shape: [length], dtype: x.dtype }],
  views: (xs, { offsets }) => xs.map((x, i) => ({ offset: offsets[i], strides: stridesOf(x.shape) })),
  vjp: ([dy], xs, _, { offsets }) =>
    xs.map((x, i) => reshape(slice(dy!, [[offsets[i], offsets[i] + x.size]]), x.shape)),
};

/**
 * One flat tensor [length] with each x (flattened) at its offset and zeros between: gradients beside their
 * parameters.
 */
export const pack = (xs: readonly Tensor[], offsets: readonly number[], length: number): Tensor =>
  apply(packOp, xs, { offsets, length });
