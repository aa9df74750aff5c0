// Pooling over H and W of [N, H, W, C] by PyTorch's rules. Gradients gather: each element of dx reads the windows
// that hold it. Max pooling keeps no indices from the forward pass: x is alive in any case (it is an activation), so
// its gradient finds the maxima anew.
import { type AvgPoolProblem, avgPool, avgPoolGrad } from "../../kernels/pool/avg-pool.ts";
import {
  type MaxPoolProblem,
  maxPool,
  maxPoolGather,
  maxPoolGrad,
  maxPoolGradWindows,
  maxPoolIndex,
} from "../../kernels/pool/max-pool.ts";
import { isFloat } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import type { KernelOp, Lowering, MemoryHandle } from "../op.ts";
import { type Shape, ofRank, sameShape, show } from "../shape.ts";
import { type Tensor, apply } from "../tensor.ts";
import { cast } from "./cast.ts";
import { scatterAlong } from "./gather.ts";
import { reshape } from "./movement.ts";
import { mean } from "./reduce.ts";

/** One number for both axes, or [y, x]. */
type Pair = number | readonly [y: number, x: number];

interface Windows {
  kernel?: Pair;
  stride?: Pair;
  pad?: Pair;
  ceilMode?: boolean;
}
export interface MaxPoolOptions extends Windows {
  kernel: Pair;
  /** Steps between a window's elements. */
  dilation?: Pair;
}
export interface AvgPoolOptions extends Windows {
  kernel: Pair;
  /** Whether padding counts in the mean (default true). */
  countIncludePad?: boolean;
  /** Divides every sum in place of the window's size. */
  divisorOverride?: number;
}

/** A problem but for N and C, which the tensors give. */
type MaxPoolAttrs = Omit<MaxPoolProblem, "n" | "c">;
type AvgPoolAttrs = Omit<AvgPoolProblem, "n" | "c">;

/** [N, H, W, C] of an image batch of floats. */
function imageOf(op: string, x: Tensor): readonly [n: number, h: number, w: number, c: number] {
  const wrong = (): ShapeError => new ShapeError(op, `x is ${show(x.shape)}; it must be an image batch [N, H, W, C]`);
  const sizes = ofRank(x.shape, 4, wrong);
  if (!isFloat(x.dtype))
    throw new ShapeError(op, `x is ${x.dtype}${show(x.shape)}; it must be f32: cast(x, "f32") first`);
  return sizes;
}

function pair(op: string, name: string, value: Pair, least: number): readonly [number, number] {
  const both = typeof value === "number" ? ([value, value] as const) : value;
  if (both.length !== 2 || !both.every((n) => Number.isInteger(n) && n >= least)) {
    const given = typeof value === "number" ? value : show(value);
    throw new ShapeError(op, `${name} is ${given}; give a whole number ≥ ${least}, or two as [y, x]`);
  }
  return both;
}

/**
 * Number of windows along an axis. In ceil mode a last window may hang over the edge, but must start inside the image
 * or the padding before it.
 */
function windowsAlong(
  op: string,
  axis: "H" | "W",
  size: number,
  kernel: number,
  stride: number,
  pad: number,
  dilation: number,
  ceilMode: boolean,
): number {
  const span = dilation * (kernel - 1) + 1;
  const steps = (size + 2 * pad - span) / stride;
  const outs = (ceilMode ? Math.ceil(steps) : Math.floor(steps)) + 1;
  if (outs < 1 || size === 0)
    throw new ShapeError(
      op,
      `${axis} = ${size} with pad ${pad} on both sides is smaller than a window, which spans ${span}; ` +
        "use a smaller kernel or a larger image",
    );
  return ceilMode && (outs - 1) * stride >= size + pad ? outs - 1 : outs;
}

function windows(
  op: string,
  x: Tensor,
  { kernel, stride = kernel, pad = 0, dilation = 1, ceilMode = false }: MaxPoolOptions,
): MaxPoolAttrs {
  const [, h, w] = imageOf(op, x);
  const [kernelY, kernelX] = pair(op, "kernel", kernel, 1);
  const [strideY, strideX] = pair(op, "stride", stride, 1);
  const [padY, padX] = pair(op, "pad", pad, 0);
  const [dilationY, dilationX] = pair(op, "dilation", dilation, 1);
  for (const [axis, p, span] of [
    ["y", padY, dilationY * (kernelY - 1) + 1],
    ["x", padX, dilationX * (kernelX - 1) + 1],
  ] as const) {
    if (2 * p > span)
      throw new ShapeError(
        op,
        `pad ${p} along ${axis} is more than half of a window, which spans ${span}; ` +
          `use at most ${Math.floor(span / 2)}, or pad() before`,
      );
  }
  return {
    h,
    w,
    p: windowsAlong(op, "H", h, kernelY, strideY, padY, dilationY, ceilMode),
    q: windowsAlong(op, "W", w, kernelX, strideX, padX, dilationX, ceilMode),
    kernelY,
    kernelX,
    strideY,
    strideX,
    padY,
    padX,
    dilationY,
    dilationX,
  };
}

type Size = Pick<MaxPoolAttrs, "h" | "w" | "p" | "q">;
function pooled(shape: Shape, { p, q }: Size): Shape {
  const [n, , , c] = ofRank(shape, 4);
  return [n, p, q, c];
}
function unpooled(shape: Shape, { h, w }: Size): Shape {
  const [n, , , c] = ofRank(shape, 4);
  return [n, h, w, c];
}
function problemOf<A extends Size>(l: Lowering, a: A): A & { readonly n: number; readonly c: number } {
  const [n, , , c] = ofRank(l.inputs[0]!.shape, 4);
  return { ...a, n, c };
}

type One = readonly [Tensor];
type Two = readonly [Tensor, Tensor];

const maxPoolOp: KernelOp<MaxPoolAttrs> = {
  kind: "kernel",
  name: "max-pool-2d",
  infer: ([x]: One, a) => [{ shape: pooled(x.shape, a), dtype: x.dtype }],
  vjp: ([dy], [x]: One, _, a) => [apply(maxPoolGradOp, [dy!, x], a)],
  lower(l, a) {
    const p = problemOf(l, a);
    l.dispatchItems(l.select(maxPool, p), p, { x: l.input(0), y: l.output(0) });
  },
};

const maxPoolIndicesOp: KernelOp<MaxPoolAttrs> = {
  kind: "kernel",
  name: "max-pool-2d-indices",
  infer: ([x]: One, a) => [{ shape: pooled(x.shape, a), dtype: "i32" }],
  lower(l, a) {
    const p = problemOf(l, a);
    l.dispatchItems(l.select(maxPoolIndex, p), p, { x: l.input(0), index: l.output(0) });
  },
};

/** Where input `x` is largest in each window, in memory that lives for this op only. */
function indicesInScratch(l: Lowering, p: MaxPoolProblem, x: number): MemoryHandle {
  const index = l.scratch(4 * p.n * p.p * p.q * p.c);
  l.dispatchItems(l.select(maxPoolIndex, p), p, { x: l.input(x), index });
  return index;
}

/** (dy, x) → dx: linear in dy, flat in x. */
const maxPoolGradOp: KernelOp<MaxPoolAttrs> = {
  kind: "kernel",
  name: "max-pool-2d-grad",
  infer: ([, x]: Two) => [{ shape: x.shape, dtype: x.dtype }],
  vjp: ([du], [, x]: Two, _, a) => [apply(maxPoolGatherOp, [du!, x], a), null],
  lower(l, a) {
    const p = problemOf(l, a);
    const kernel = l.select([...maxPoolGradWindows, ...maxPoolGrad], p);
    const [dy, dx] = [l.input(0), l.output(0)];
    if (maxPoolGradWindows.includes(kernel)) l.dispatchItems(kernel, p, { dy, x: l.input(1), dx });
    else l.dispatchItems(kernel, p, { dy, index: indicesInScratch(l, p, 1), dx });
  },
};

/** (u, x) → u at the element of each window where x is largest: what max pooling does to a tangent. */
const maxPoolGatherOp: KernelOp<MaxPoolAttrs> = {
  kind: "kernel",
  name: "max-pool-2d-gather",
  infer: ([u, x]: Two, a) => [{ shape: pooled(x.shape, a), dtype: u.dtype }],
  vjp: ([dy], [, x]: Two, _, a) => [apply(maxPoolGradOp, [dy!, x], a), null],
  lower(l, a) {
    const p = problemOf(l, a);
    const index = indicesInScratch(l, p, 1);
    l.dispatchItems(maxPoolGather, p, { x: l.input(0), index, y: l.output(0) });
  },
};

/**
 * Largest element of each window: x [N, H, W, C] → [N, P, Q, C]; padding is −∞, NaN wins. The gradient goes to the
 * first of equal maxima in row-major order. `stride` is `kernel` if absent, `pad` at most half of what a window
 * spans.
 */
export function maxPool2d(x: Tensor, options: MaxPoolOptions): Tensor {
  return apply(maxPoolOp, [x], windows("maxPool2d", x, options));
}

/** Where maxPool2d takes its values: i32 [N, P, Q, C], h·W + w, −1 for a window of padding only. */
export function maxPool2dIndices(x: Tensor, options: MaxPoolOptions): Tensor {
  return apply(maxPoolIndicesOp, [x], windows("maxPool2dIndices", x, options));
}

const avgPoolOp: KernelOp<AvgPoolAttrs> = {
  kind: "kernel",
  name: "avg-pool-2d",
  infer: ([x]: One, a) => [{ shape: pooled(x.shape, a), dtype: x.dtype }],
  vjp: ([dy], _, __, a) => [apply(avgPoolGradOp, [dy!], a)],
  lower(l, a) {
    const p = problemOf(l, a);
    l.dispatchItems(l.select(avgPool, p), p, { x: l.input(0), y: l.output(0) });
  },
};

const avgPoolGradOp: KernelOp<AvgPoolAttrs> = {
  kind: "kernel",
  name: "avg-pool-2d-grad",
  infer: ([dy]: One, a) => [{ shape: unpooled(dy.shape, a), dtype: dy.dtype }],
  vjp: ([du], _, __, a) => [apply(avgPoolOp, [du!], a)],
  lower(l, a) {
    const p = problemOf(l, a);
    l.dispatchItems(l.select(avgPoolGrad, p), p, { dy: l.input(0), dx: l.output(0) });
  },
};

/**
 * Mean of each window: x [N, H, W, C] → [N, P, Q, C]. Padding is 0 and counts in the mean unless `countIncludePad` is
 * false; what hangs over the padded edge in ceil mode never counts.
 */
export function avgPool2d(x: Tensor, { countIncludePad = true, divisorOverride, ...options }: AvgPoolOptions): Tensor {
  if (divisorOverride !== undefined && !(Number.isFinite(divisorOverride) && divisorOverride !== 0)) {
    throw new ShapeError(
      "avgPool2d",
      `divisorOverride is ${divisorOverride}; give a number other than 0, or leave it out`,
    );
  }
  const a = windows("avgPool2d", x, options);
  return apply(avgPoolOp, [x], { ...a, adaptive: false, countPad: countIncludePad, divisor: divisorOverride ?? 0 });
}

/**
 * x [N, P, Q, C] at the places that `indices` (i32, as maxPool2dIndices gives them) say of an image of `size` [H, W],
 * zeros elsewhere: [N, H, W, C]. Where windows share a place the last in row-major order is kept; a negative index
 * writes nothing. Throws ShapeError.
 */
export function maxUnpool2d(x: Tensor, indices: Tensor, size: Pair): Tensor {
  const op = "maxUnpool2d";
  const [n, p, q, c] = imageOf(op, x);
  if (indices.dtype !== "i32" || !sameShape(indices.shape, x.shape))
    throw new ShapeError(
      op,
      `indices are ${indices.dtype}${show(indices.shape)}; ` +
        `they must be i32${show(x.shape)}, as x is ${x.dtype}${show(x.shape)}`,
    );
  const [h, w] = pair(op, "size", size, 1);
  return reshape(scatterAlong(reshape(x, [n, p * q, c]), reshape(indices, [n, p * q, c]), h * w), [n, h, w, c]);
}

/** Means over an even grid of windows ⌊p·H/P⌋ … ⌈(p+1)·H/P⌉: x [N, H, W, C] → [N, P, Q, C] with size [P, Q]. */
export function adaptiveAvgPool2d(x: Tensor, size: Pair): Tensor {
  const op = "adaptiveAvgPool2d";
  const [, h, w] = imageOf(op, x);
  const [p, q] = pair(op, "size", size, 1);
  if (h === 0 || w === 0)
    throw new ShapeError(op, `x is ${show(x.shape)}; H and W must be ≥ 1, for an empty window has no mean`);
  if (p === h && q === w) return x;
  if (p === 1 && q === 1) return cast(mean(x, [1, 2], { keepDims: true }), x.dtype);
  if (Math.max((h + 1) * (p + 1), (w + 1) * (q + 1)) >= 2 ** 32)
    throw new ShapeError(
      op,
      `H·P = ${h}·${p} or W·Q = ${w}·${q} is 2³² or more, which index arithmetic can't hold; pool in two steps`,
    );
  return apply(avgPoolOp, [x], {
    h,
    w,
    p,
    q,
    kernelY: 0,
    kernelX: 0,
    strideY: 1,
    strideX: 1,
    padY: 0,
    padX: 0,
    adaptive: true,
    countPad: false,
    divisor: 0,
  });
}
