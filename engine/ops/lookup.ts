// Lookups along the middle of three axes, and their transposes: each target sums its sources in a fixed order, from the
// last to the first.
import type { Params } from "../../kernels/kernel.ts";
import { gather as gatherKernel, gatherFloats, type GatherProblem } from "../../kernels/gather/gather.ts";
import {
  scatterAdd as scatterAddKernel,
  scatterLinks,
  scatterList,
  scatterRooms,
} from "../../kernels/gather/gather-grad.ts";
import { scatterBounds, scatterClear, scatterLast } from "../../kernels/gather/scatter-last.ts";
import { full } from "../constant.ts";
import { isFloat } from "../dtype.ts";
import type { KernelOp, Lowering, MemoryHandle } from "../op.ts";
import { ofRank, sizeOf } from "../shape.ts";
import { type Tensor, apply } from "../tensor.ts";
import { withGradient } from "./pass.ts";

/** x [outer, n, inner] and index [outer or 1, m, inner or 1]. */
export interface LookupAttrs {
  readonly outer: number;
  readonly n: number;
  readonly inner: number;
  readonly m: number;
}

const NAN_BITS = 0x7fc00000;

/** (x, index) → y [outer, m, inner], of any dtype. */
export const gatherOp: KernelOp<LookupAttrs, readonly [x: Tensor, index: Tensor]> = {
  kind: "kernel",
  name: "gather",
  infer: ([x], { outer, m, inner }) => [{ shape: [outer, m, inner], dtype: x.dtype }],
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

/**
 * (x, index) → y [outer, n, inner]: x at the index, the last of several; index [outer, m, inner]. Its gradient reads
 * each place, lost or not.
 */
export const scatterLastOp: KernelOp<LookupAttrs, readonly [x: Tensor, index: Tensor]> = {
  kind: "kernel",
  name: "scatter-last",
  infer: ([x], { outer, n, inner }) => [{ shape: [outer, n, inner], dtype: x.dtype }],
  lower(l, a) {
    if (sizeOf(l.outputs[0].shape) === 0) return;
    const cells = findLast(l, l.input(1), { ...a, wrap: 0 }, 2 * sizeOf(l.outputs[0].shape));
    l.dispatch(scatterLast, { ...a }, { cells, x: l.input(0), y: l.output(0) });
  },
};

/** Writes the last source of each target, and which comes before each source. */
export function findSources(
  l: Lowering,
  index: MemoryHandle,
  p: GatherProblem,
): { cells: MemoryHandle; links: MemoryHandle } {
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
export const scatterAddOp: KernelOp<LookupAttrs, readonly [dy: Tensor, index: Tensor]> = {
  kind: "kernel",
  name: "scatter-add",
  infer: ([dy], { outer, n, inner }) => [{ shape: [outer, n, inner], dtype: dy.dtype }],
  lower(l, a) {
    if (sizeOf(l.outputs[0].shape) === 0) return;
    const [indexOuter, , indexInner] = ofRank(l.inputs[1].shape, 3);
    const found = findSources(l, l.input(1), { outer: indexOuter, n: a.n, inner: indexInner, m: a.m, wrap: 1 });
    l.dispatch(scatterAddKernel, { ...a, indexOuter, indexInner }, { ...found, dy: l.input(0), dx: l.output(0) });
  },
};

/** x [outer, n, inner] at the index: [outer, m, inner]. */
export function lookUp(x: Tensor, index: Tensor, a: LookupAttrs): Tensor {
  const y = apply(gatherOp, [x, index], a);
  return isFloat(x.dtype) ? withGradient(y, [x], (dy) => [scatterAdd(dy, index, a)]) : y;
}

/** No source: zeros, and no kernel has an empty buffer to read. */
const nothing = (x: Tensor, { outer, n, inner }: LookupAttrs): Tensor => full([outer, n, inner], 0, x.dtype);

/** dx [outer, n, inner], to which each of dy [outer, m, inner] is added at the index. */
function scatterAdd(dy: Tensor, index: Tensor, a: LookupAttrs): Tensor {
  if (a.m === 0) return nothing(dy, a);
  return withGradient(apply(scatterAddOp, [dy, index], a), [dy], (u) => [lookUp(u, index, a)]);
}

/**
 * y [outer, n, inner] with x [outer, m, inner] written where index (same shape, ≥ 0) says along the middle axis, the
 * last of several; zeros elsewhere.
 */
export function scatterAlong(x: Tensor, index: Tensor, n: number): Tensor {
  const [outer, m, inner] = ofRank(x.shape, 3);
  const a = { outer, n, inner, m };
  if (m === 0) return nothing(x, a);
  return withGradient(apply(scatterLastOp, [x, index], a), [x], (dy) => [lookUp(dy, index, a)]);
}
