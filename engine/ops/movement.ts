// Moving elements: reshape, transpose, slice and flip are views that their readers follow; joins are written in place.
import { full, constantValue } from "../constant.ts";
import { promote } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import type { AtLeastOne, ConcatOp, MovementOp, OpInputs, View } from "../op.ts";
import { type Shape, isShape, normalizeAxis, sameShape, show, sizeOf, stridesOf } from "../shape.ts";
import { type Tensor, apply } from "../tensor.ts";
import { toF32 } from "./cast.ts";

interface ReshapeAttrs {
  shape: Shape;
}
export const reshapeOp: MovementOp<ReshapeAttrs> = {
  kind: "movement",
  name: "reshape",
  infer: ([x], { shape }) => [{ shape, dtype: x.dtype }],
};

/** The same elements in row-major order under another shape; one size may be -1. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const free = shape.indexOf(-1);
  const known = shape.reduce((a, n) => (n === -1 ? a : a * n), 1);
  const to = free < 0 ? shape : shape.map((n, d) => (d === free ? x.size / known : n));
  if (!isShape(to) || sizeOf(to) !== x.size) {
    const count = free < 0 ? sizeOf(shape) : `a multiple of ${known}`;
    throw new ShapeError(
      "reshape",
      `${show(x.shape)} has ${x.size} elements, ${show(shape)} has ${count}; the counts must agree`,
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
export const transposeOp: MovementOp<TransposeAttrs> = {
  kind: "movement",
  name: "transpose",
  infer: ([x], { perm }) => [{ shape: perm.map((d) => x.shape[d]!), dtype: x.dtype }],
  view: ({ offset, strides }, _, __, { perm }) => ({ offset, strides: perm.map((d) => strides[d]!) }),
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

interface SliceAttrs {
  start: readonly number[];
  step: readonly number[];
  shape: Shape;
}
export const sliceOp: MovementOp<SliceAttrs> = {
  kind: "movement",
  name: "slice",
  infer: ([x], { shape }) => [{ shape, dtype: x.dtype }],
  view: ({ offset, strides }, _, __, { start, step }) => stepped(offset, strides, start, step),
};

/** Every `step`-th element from `start` on, along each dimension. */
const stepped = (
  offset: number,
  strides: readonly number[],
  start: readonly number[],
  step: readonly number[],
): View => ({
  offset: strides.reduce((o, n, d) => o + n * start[d]!, offset),
  strides: strides.map((n, d) => n * step[d]!),
});

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
export const placeOp: ConcatOp<PlaceAttrs> = {
  kind: "concat",
  name: "place",
  zeroFill: true,
  infer: ([x], { shape }) => [{ shape, dtype: x.dtype }],
  views: (_, { shape, start, step }) => [stepped(0, stridesOf(shape), start, step)],
};

/** Zeros of `shape` with x written at start + index·step: the transpose of slice. */
export const place = (x: Tensor, shape: Shape, start: readonly number[], step: readonly number[]): Tensor =>
  apply(placeOp, [x], { shape, start, step });

interface ConcatAttrs {
  axis: number;
}
export const concatOp: ConcatOp<ConcatAttrs> = {
  kind: "concat",
  name: "concat",
  infer: (xs, { axis }) => [{ shape: joinedShape(xs, axis), dtype: xs[0].dtype }],
  views: (xs, { axis }) => {
    const strides = stridesOf(joinedShape(xs, axis));
    return startsAlong(xs, axis).map((start) => ({ offset: start * strides[axis]!, strides }));
  },
};

const joinedShape = (xs: AtLeastOne<Tensor>, axis: number): Shape =>
  xs[0].shape.with(
    axis,
    xs.reduce((n, x) => n + x.shape[axis]!, 0),
  );

/** Where each of several joined tensors begins along their axis. */
export function startsAlong(xs: readonly Tensor[], axis: number): number[] {
  let end = 0;
  return xs.map((x) => {
    const start = end;
    end += x.shape[axis]!;
    return start;
  });
}

/** x from `start` to `end` along one axis. */
export const sliceAlong = (x: Tensor, axis: number, start: number, end: number): Tensor =>
  slice(
    x,
    x.shape.map((_, d) => (d === axis ? [start, end] : null)),
  );

/** Joins tensors along `axis`; all other sizes and the dtypes must agree, but that f16 beside f32 becomes f32. */
export function concat(parts: readonly Tensor[], axis: number): Tensor {
  const [x, ...others] = parts.some((t) => t.dtype === "f32") ? parts.map(toF32) : parts;
  if (!x) throw new ShapeError("concat", "needs at least one tensor");
  const a = normalizeAxis("concat", axis, x.rank);
  for (const t of others) {
    if (t.rank !== x.rank || t.dtype !== x.dtype || !t.shape.every((n, d) => d === a || n === x.shape[d])) {
      throw new ShapeError(
        "concat",
        `${t.dtype}${show(t.shape)} does not join ${x.dtype}${show(x.shape)} along axis ${a}: ` +
          "all other sizes must be equal",
      );
    }
  }
  return others.length === 0 ? x : apply(concatOp, [x, ...others], { axis: a });
}

/** Joins tensors of one shape along a new axis. Throws ShapeError. */
export function stack(xs: readonly Tensor[], axis = 0): Tensor {
  const [x] = xs;
  if (!x) throw new ShapeError("stack", "needs at least one tensor");
  const a = normalizeAxis("stack", axis, x.rank + 1);
  for (const t of xs) {
    if (!sameShape(t.shape, x.shape) || !promote(t.dtype, x.dtype))
      throw new ShapeError(
        "stack",
        `${t.dtype}${show(t.shape)} does not stack with ${x.dtype}${show(x.shape)}; ` +
          "shapes and dtypes must be equal",
      );
  }
  return concat(
    xs.map((t) => reshape(t, t.shape.toSpliced(a, 0, 1))),
    a,
  );
}

/** x cut along `axis` into pieces of the given sizes, which must add up to its own. Throws ShapeError. */
export function split(x: Tensor, sizes: readonly number[], axis: number): Tensor[] {
  const a = normalizeAxis("split", axis, x.rank);
  const length = sizes.reduce((n, m) => n + m, 0);
  if (!isShape(sizes) || length !== x.shape[a])
    throw new ShapeError(
      "split",
      `sizes ${show(sizes)} add up to ${length}; dimension ${a} of x ${show(x.shape)} is ${x.shape[a]}`,
    );
  let end = 0;
  return sizes.map((size) => {
    end += size;
    return sliceAlong(x, a, end - size, end);
  });
}

interface PackAttrs {
  offsets: readonly number[];
  length: number;
}
export const packOp: ConcatOp<PackAttrs, OpInputs> = {
  kind: "concat",
  name: "pack",
  zeroFill: true,
  infer: ([x], { length }) => [{ shape: [length], dtype: x!.dtype }],
  views: (xs, { offsets }) => xs.map((x, i) => ({ offset: offsets[i]!, strides: stridesOf(x.shape) })),
};

/**
 * One flat tensor [length] with each x (flattened) at its offset and zeros between: gradients beside their
 * parameters.
 */
export const pack = (xs: readonly Tensor[], offsets: readonly number[], length: number): Tensor =>
  apply(packOp, xs, { offsets, length });
