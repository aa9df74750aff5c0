// Which element of a tensor a loop over some domain needs: one affine row per dimension of the tensor.
//   coordinate e = offset_e + Σ_d coefficient_e,d · c_d      c: coordinates of the domain
// Views (transpose, slice, expand, flip) compose into rows; a reshape does where its dimensions only merge.
import type { MovementOp, View } from "../op.ts";
import { type Shape, sizeOf, stridesOf } from "../shape.ts";
import type { Node, Tensor } from "../tensor.ts";

export interface Row {
  readonly offset: number;
  readonly coefficients: readonly number[];
}
export type Access = readonly Row[];

/** The part of a tensor that begins at `start`, coordinate by coordinate: the whole of it from zeros. */
export const accessFrom = (start: readonly number[]): Access =>
  start.map((offset, d) => ({ offset, coefficients: start.map((_, k) => (k === d ? 1 : 0)) }));
export const identityAccess = (shape: Shape): Access => accessFrom(shape.map(() => 0));

/** offset + Σ factor · row over `rank` coordinates. */
function combine(offset: number, factors: readonly number[], rows: readonly Row[], rank: number): Row {
  const coefficients = new Array<number>(rank).fill(0);
  let sum = offset;
  rows.forEach((row, e) => {
    const factor = factors[e]!;
    sum += factor * row.offset;
    for (let d = 0; d < rank; d++) coefficients[d]! += factor * row.coefficients[d]!;
  });
  return { offset: sum, coefficients };
}

/** The flat row-major index of the element, as a view over the domain. */
export const flatView = (access: Access, shape: Shape, rank: number): View =>
  viewThrough(access, { offset: 0, strides: stridesOf(shape) }, rank);

/** Where the element stands, given where the tensor's own elements stand. */
export function viewThrough(access: Access, view: View, rank: number): View {
  const { offset, coefficients } = combine(view.offset, view.strides, access, rank);
  return { offset, strides: coefficients };
}

/** Access of a movement node's input, given that of its output; undefined where a reshape splits a dimension. */
export function throughMovement(node: Node, access: Access, rank: number): Access | undefined {
  const op = node.op as MovementOp;
  const x = node.inputs[0]!.shape;
  const y = node.outputs[0].shape;
  if (!op.view) return throughReshape(access, y, x, rank);
  return x.map((_, e) => {
    const unit: View = { offset: 0, strides: x.map((__, k) => (k === e ? 1 : 0)) };
    const { offset, strides } = op.view!(unit, x, y, node.attrs);
    return combine(offset, strides, access, rank);
  });
}

/** Coordinates of `to` from a loop over `from`, a reshape of it; undefined where a dimension would be split. */
export const reshapeAccess = (from: Shape, to: Shape): Access | undefined =>
  throughReshape(identityAccess(from), from, to, from.length);
/** Whether a reshape only merges dimensions, so that views pass through it. */
export const mergesOnly = (from: Shape, to: Shape): boolean => reshapeAccess(from, to) !== undefined;

function throughReshape(access: Access, from: Shape, to: Shape, rank: number): Access | undefined {
  const zero: Row = { offset: 0, coefficients: new Array<number>(rank).fill(0) };
  const rows: Row[] = new Array<Row>(to.length).fill(zero);
  if (sizeOf(from) === 0) return rows;
  const a = longDimensions(from);
  const b = longDimensions(to);
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    // The smallest groups of dimensions with equal products, of which that of `to` is one dimension.
    const d = b[j];
    if (d === undefined) return undefined;
    const size = to[d]!;
    const group: number[] = [];
    for (let product = 1; product !== size; i++) {
      const next = a[i];
      if (next === undefined || product * from[next]! > size) return undefined;
      product *= from[next]!;
      group.push(next);
    }
    j++;
    rows[d] = combine(
      0,
      stridesOf(group.map((e) => from[e]!)),
      group.map((e) => access[e]!),
      rank,
    );
  }
  return rows;
}

/** The dimensions longer than 1. */
const longDimensions = (shape: Shape): number[] => shape.map((_, d) => d).filter((d) => shape[d] !== 1);

/** A tensor seen as a contiguous run of another one's memory. */
export interface Alias {
  readonly base: Tensor;
  /** In elements. */
  readonly offset: number;
}

/**
 * Follows reshapes and contiguous slices down to what they view, or to the first tensor that `stored` knows; `t`
 * itself where it is no such view.
 */
export function aliasOf(t: Tensor, stored?: (t: Tensor) => boolean): Alias {
  let base = t;
  let offset = 0;
  while (base.node.op.kind === "movement" && !stored?.(base)) {
    const op = base.node.op as MovementOp;
    const x = base.node.inputs[0]!;
    if (op.view) {
      const view = op.view({ offset: 0, strides: stridesOf(x.shape) }, x.shape, base.shape, base.node.attrs);
      if (!isContiguous(view, base.shape)) break;
      offset += view.offset;
    }
    base = x;
  }
  return { base, offset };
}

/** A stored tensor's elements within another one's memory: a view over its own shape. */
export interface Residence {
  readonly into: Tensor;
  readonly view: View;
}

/** Which tensors are read from memory, and which of them stand within others. */
export interface StoredTensors {
  has(t: Tensor): boolean;
  residence(t: Tensor): Residence | undefined;
}

/** Whether a view walks memory in row-major order of `shape`. */
export function isContiguous(view: View, shape: Shape): boolean {
  if (sizeOf(shape) === 0) return true;
  const want = stridesOf(shape);
  return shape.every((n, d) => n === 1 || view.strides[d] === want[d]);
}
