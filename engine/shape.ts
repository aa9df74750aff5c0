// Shapes are plain readonly arrays of sizes, row-major; [] is a scalar.
import { ShapeError } from "./errors.ts";

/** Sizes of the dimensions, row-major; [] is a scalar. */
export type Shape = readonly number[];

/** Number of elements; 1 for a scalar. */
export const sizeOf = (shape: Shape): number => shape.reduce((a, b) => a * b, 1);
/** Whether two shapes are equal, size by size. */
export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((n, i) => n === b[i]);
/** A shape as text: "[2, 64, 64, 1]". */
export const show = (shape: Shape): string => `[${shape.join(", ")}]`;

interface Sizes {
  1: readonly [number];
  2: readonly [number, number];
  3: readonly [number, number, number];
  4: readonly [number, number, number, number];
}

/**
 * The shape as a tuple of sizes, such as [N, H, W, C] by `ofRank(x.shape, 4)`. Throws what `wrong` makes where the rank
 * is another; without it, an op has checked before.
 */
export function ofRank<R extends keyof Sizes>(shape: Shape, rank: R, wrong?: () => Error): Sizes[R] {
  if (shape.length !== rank) throw wrong?.() ?? new Error(`internal: ${show(shape)} is not of rank ${rank}`);
  return shape as readonly number[] as Sizes[R];
}

/** Row-major strides in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let s = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    strides[d] = s;
    s *= shape[d]!;
  }
  return strides;
}

/** numpy broadcasting of two shapes; throws a ShapeError naming the dimension that does not fit. */
export function broadcastShapes(op: string, a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, d) => {
    const m = a[d - rank + a.length] ?? 1;
    const n = b[d - rank + b.length] ?? 1;
    if (m !== n && m !== 1 && n !== 1) {
      throw new ShapeError(
        op,
        `shapes ${show(a)} and ${show(b)} do not broadcast: ` +
          `dimension ${d - rank} is ${m} against ${n}; they must be equal or 1`,
      );
    }
    return m === 1 ? n : m;
  });
}

/** An axis in [-rank, rank) made non-negative. */
export function normalizeAxis(op: string, axis: number, rank: number): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
    throw new ShapeError(op, `axis ${axis} is outside a tensor of rank ${rank}; use ${-rank} … ${rank - 1}`);
  }
  return axis < 0 ? axis + rank : axis;
}

/** Sorted unique non-negative axes; all axes if undefined. */
export function normalizeAxes(op: string, axes: number | readonly number[] | undefined, rank: number): number[] {
  if (axes === undefined) return Array.from({ length: rank }, (_, d) => d);
  const list = (typeof axes === "number" ? [axes] : [...axes])
    .map((a) => normalizeAxis(op, a, rank))
    .sort((a, b) => a - b);
  if (new Set(list).size !== list.length) throw new ShapeError(op, `axes ${show(list)} name a dimension twice`);
  return list;
}

export const isShape = (shape: Shape): boolean => shape.every((n) => Number.isInteger(n) && n >= 0);
