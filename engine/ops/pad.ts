// Padding along any axes. Two neighbouring axes (H and W of NHWC) are one kernel; more are done pair by pair, for
// every mode is separable. Cropping is a view, zero padding is written in place by whoever makes x.
import type { Params } from "../../kernels/kernel.ts";
import { padImage, padImageGrad } from "../../kernels/resize/pad-image.ts";
import { full } from "../constant.ts";
import { bytesPerElement, isFloat } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import type { KernelOp, Lowering, MemoryHandle, Spec } from "../op.ts";
import { type Shape, show, sizeOf } from "../shape.ts";
import { type Tensor, apply } from "../tensor.ts";
import { expand } from "./broadcast.ts";
import { concat, flip, place, reshape, slice } from "./movement.ts";

const modes = ["constant", "reflect", "replicate", "circular", "symmetric"] as const;
type PadMode = (typeof modes)[number];
type Pads = readonly [low: number, high: number];

export interface PadOptions {
  /**
   * constant (the default): `value`; reflect: mirrored without the edge; symmetric: mirrored with it; replicate: the
   * edge; circular: the other end.
   */
  mode?: PadMode;
  /** What constant padding holds (default 0). */
  value?: number;
}

/** x [A, H, W, C] padded along H and W. */
interface PadAttrs {
  readonly h: number;
  readonly w: number;
  readonly y: Pads;
  readonly x: Pads;
  readonly mode: PadMode;
  readonly value: number;
}

const problem = (a: number, c: number, { h, w, y, x, mode, value }: PadAttrs): Params => ({
  a,
  h,
  w,
  c,
  p: h + y[0] + y[1],
  q: w + x[0] + x[1],
  top: y[0],
  left: x[0],
  mode: modes.indexOf(mode),
  value,
});

const padOp: KernelOp<PadAttrs> = {
  kind: "kernel",
  name: "pad",
  infer: (
    [
      {
        shape: [a, , , c],
        dtype,
      },
    ],
    attrs,
  ) => {
    const { p, q } = problem(a, c, attrs);
    return [{ shape: [a, p, q, c], dtype }];
  },
  vjp: ([dy], _, __, a) => [
    a.mode === "constant"
      ? slice(dy!, [null, [a.y[0], a.y[0] + a.h], [a.x[0], a.x[0] + a.w]])
      : apply(padGradOp, [dy!], a),
  ],
  lower(l, attrs) {
    const [a, , , c] = l.inputs[0].shape;
    const params = problem(a, c, attrs);
    l.dispatch(l.select(padImage, params), params, { x: l.input(0), y: l.output(0) });
  },
};

const padGradOp: KernelOp<PadAttrs> = {
  kind: "kernel",
  name: "pad-grad",
  infer: (
    [
      {
        shape: [a, , , c],
        dtype,
      },
    ],
    { h, w },
  ) => [{ shape: [a, h, w, c], dtype }],
  vjp: ([du], _, __, a) => [apply(padOp, [du!], a)],
  lower(l, attrs) {
    const [a, , , c] = l.inputs[0].shape;
    const params = problem(a, c, attrs);
    l.dispatch(l.select(padImageGrad, params), params, { dy: l.input(0), dx: l.output(0) });
  },
};

/** Rows and columns around an image, none of them negative. */
type Around = readonly [top: number, left: number, bottom: number, right: number];
const mirrored = ([, h, w]: Shape, [top, left, bottom, right]: Around): PadAttrs => ({
  h,
  w,
  y: [top, bottom],
  x: [left, right],
  mode: "reflect",
  value: 0,
});

/** Dispatches a copy of the image at `from`, NHWC, and its mirror image around it, into scratch of its own. */
export function mirroredCopy(l: Lowering, from: MemoryHandle, { shape, dtype }: Spec, around: Around): MemoryHandle {
  const params = problem(shape[0], shape[3], mirrored(shape, around));
  const to = l.scratch(bytesPerElement(dtype) * params.a * params.p * params.q * params.c, dtype);
  l.dispatch(l.select(padImage, params), params, { x: from, y: to });
  return to;
}

/**
 * The transpose of reflect padding: the gradient du [N, P, Q, C] of the padded image → [N, H, W, C] with [H, W] =
 * `size`.
 */
export const unmirror = (du: Tensor, [h, w]: readonly [h: number, w: number], around: Around): Tensor =>
  apply(padGradOp, [du], mirrored([0, h, w, 0], around));

/** Pads axis `d`, and axis d + 1 where `next` is given, by the kernel. */
function padPair(x: Tensor, d: number, own: Pads, next: Pads | undefined, mode: PadMode, value: number): Tensor {
  const end = d + (next ? 2 : 1);
  const a = sizeOf(x.shape.slice(0, d));
  const c = sizeOf(x.shape.slice(end));
  const [h, w] = next ? [x.shape[d], x.shape[d + 1]] : [1, x.shape[d]];
  const attrs: PadAttrs = { h, w, y: next ? own : [0, 0], x: next ?? own, mode, value };
  const y = apply(padOp, [reshape(x, [a, h, w, c])], attrs);
  return reshape(
    y,
    x.shape.map((n, i) => (i === d ? n + own[0] + own[1] : i === d + 1 && next ? n + next[0] + next[1] : n)),
  );
}

/** Pads one axis of any dtype by joining views: integers and bools. */
function padByJoining(x: Tensor, d: number, [low, high]: Pads, mode: PadMode, value: number): Tensor {
  const n = x.shape[d];
  const run = (from: number, to: number): Tensor =>
    slice(
      x,
      x.shape.map((_, i) => (i === d ? [from, to] : null)),
    );
  const border = (count: number, before: boolean): Tensor => {
    const shape = x.shape.map((m, i) => (i === d ? count : m));
    switch (mode) {
      case "constant":
        return full(shape, value, x.dtype);
      case "replicate":
        return expand(before ? run(0, 1) : run(n - 1, n), shape);
      case "circular":
        return before ? run(n - count, n) : run(0, count);
      default: {
        const skip = mode === "reflect" ? 1 : 0;
        return flip(before ? run(skip, skip + count) : run(n - skip - count, n - skip), d);
      }
    }
  };
  return concat([...(low ? [border(low, true)] : []), x, ...(high ? [border(high, false)] : [])], d);
}

/**
 * Whether negative counts crop before the rest is padded (a crop then changes what is repeated) or after, as in
 * PyTorch.
 */
const cropsFirst = (mode: PadMode): boolean => mode === "constant" || mode === "circular";

/** Throws ShapeError, naming the dimension, where `pad` can't. */
export function checkPads(x: Pick<Tensor, "shape" | "rank">, pads: readonly Pads[], mode: PadMode): void {
  const fail = (message: string): never => {
    throw new ShapeError("pad", message);
  };
  if (!modes.includes(mode)) fail(`mode is ${String(mode)}; use one of ${modes.join(", ")}`);
  if (pads.length !== x.rank)
    fail(`${pads.length} pads for x ${show(x.shape)}; give ${x.rank}, one [low, high] for each dimension`);
  pads.forEach((p, d) => {
    if (p.length !== 2 || !p.every(Number.isInteger))
      fail(`pads of dimension ${d} are ${show(p)}; give two whole numbers [low, high]`);
    const n = x.shape[d];
    const [low, high] = p;
    const widest = Math.max(...p);
    // What is there to be repeated, and what is left of the padded whole.
    const there = cropsFirst(mode) ? n + Math.min(low, 0) + Math.min(high, 0) : n;
    const left = Math.min(there, n + low + high);
    if (left < 0) fail(`pads ${show(p)} crop more than the ${n} elements of dimension ${d} of x ${show(x.shape)}`);
    if (mode === "constant" || widest <= 0) return;
    const most = mode === "reflect" ? there - 1 : mode === "replicate" ? (there > 0 ? Infinity : 0) : there;
    if (widest > most) {
      const why =
        mode === "reflect"
          ? "must be smaller than the size"
          : mode === "replicate"
            ? "needs an element to repeat"
            : "must not pass the size";
      fail(
        `${mode} padding ${widest} of dimension ${d} of x ${show(x.shape)} ${why}${there < n ? ` left by cropping, ${there}` : `, ${n}`}; ${most > 0 ? `use at most ${most}` : "leave that dimension unpadded"}`,
      );
    }
  });
}

/**
 * x with pads[d] = [low, high] elements before and after along each dimension d; negative counts crop: before the
 * padding with constant and circular, after it with the modes that mirror or repeat an edge. Any rank and dtype;
 * reflect and symmetric repeat the image once at most.
 */
export function pad(x: Tensor, pads: readonly Pads[], { mode = "constant", value = 0 }: PadOptions = {}): Tensor {
  checkPads(x, pads, mode);
  const crop = (t: Tensor): Tensor =>
    slice(
      t,
      pads.map(([low, high], d) => [Math.max(-low, 0), t.shape[d] - Math.max(-high, 0)]),
    );
  const cropped = cropsFirst(mode) ? crop(x) : x;
  const grow = pads.map(([low, high]): Pads => [Math.max(low, 0), Math.max(high, 0)]);
  const padded = (d: number): boolean => d < grow.length && grow[d][0] + grow[d][1] > 0;
  if (mode === "constant" && value === 0 && grow.some((_, d) => padded(d))) {
    return place(
      cropped,
      cropped.shape.map((n, d) => n + grow[d][0] + grow[d][1]),
      grow.map(([low]) => low),
      grow.map(() => 1),
    );
  }
  let y = cropped;
  for (let d = 0; d < x.rank; d++) {
    if (!padded(d)) continue;
    if (!isFloat(x.dtype)) y = padByJoining(y, d, grow[d], mode, value);
    else if (padded(d + 1)) y = padPair(y, d, grow[d], grow[++d], mode, value);
    else y = padPair(y, d, grow[d], undefined, mode, value);
  }
  return cropsFirst(mode) ? y : crop(y);
}
