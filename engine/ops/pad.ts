// Padding along any axes. Two neighbouring axes (H and W of NHWC) are one kernel; more are done pair by pair, for
// every mode is separable. Cropping is a view, zero padding is written in place by whoever makes x.
import { type PadProblem, padImage } from "../../kernels/resize/pad-image.ts";
import { oneOf } from "../choice.ts";
import { full } from "../constant.ts";
import { bytesPerElement, isFloat } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import type { KernelOp, Lowering, MemoryHandle, Spec } from "../op.ts";
import { type Shape, ofRank, show, sizeOf } from "../shape.ts";
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
export interface PadAttrs {
  readonly h: number;
  readonly w: number;
  readonly y: Pads;
  readonly x: Pads;
  readonly mode: PadMode;
  readonly value: number;
}

/** The problem of an image [A, H, W, C] or its gradient, which give A and C. */
export function padProblem(shape: Shape, { h, w, y, x, mode, value }: PadAttrs): PadProblem {
  const [a, , , c] = ofRank(shape, 4);
  return {
    n: a,
    h,
    w,
    c,
    p: h + y[0] + y[1],
    q: w + x[0] + x[1],
    top: y[0],
    left: x[0],
    mode: modes.indexOf(mode),
    value,
  };
}

export const padOp: KernelOp<PadAttrs> = {
  kind: "kernel",
  name: "pad",
  infer: ([x]: readonly [Tensor], attrs) => {
    const { n, p, q, c } = padProblem(x.shape, attrs);
    return [{ shape: [n, p, q, c], dtype: x.dtype }];
  },
  lower(l, attrs) {
    const p = padProblem(l.inputs[0]!.shape, attrs);
    l.dispatchItems(l.select(padImage, p), p, { x: l.input(0), y: l.output(0) });
  },
};

/** Rows and columns around an image, none of them negative. */
export type Around = readonly [top: number, left: number, bottom: number, right: number];
/** Padding by the mirror image. */
export const mirrored = ([h, w]: readonly [h: number, w: number], [top, left, bottom, right]: Around): PadAttrs => ({
  h,
  w,
  y: [top, bottom],
  x: [left, right],
  mode: "reflect",
  value: 0,
});

/** Dispatches a copy of the image at `from`, NHWC, and its mirror image around it, into scratch of its own. */
export function mirroredCopy(l: Lowering, from: MemoryHandle, { shape, dtype }: Spec, around: Around): MemoryHandle {
  const [, h, w] = ofRank(shape, 4);
  const p = padProblem(shape, mirrored([h, w], around));
  const to = l.scratch(bytesPerElement(dtype) * p.n * p.p * p.q * p.c, dtype);
  l.dispatchItems(l.select(padImage, p), p, { x: from, y: to });
  return to;
}

/** Pads axis `d`, and axis d + 1 where `next` is given, by the kernel. */
function padPair(x: Tensor, d: number, own: Pads, next: Pads | undefined, mode: PadMode, value: number): Tensor {
  const axes = next ? 2 : 1;
  const before = x.shape.slice(0, d);
  const padded = x.shape.slice(d, d + axes);
  const behind = x.shape.slice(d + axes);
  const [h, w] = ofRank(next ? padded : [1, ...padded], 2);
  const attrs: PadAttrs = { h, w, y: next ? own : [0, 0], x: next ?? own, mode, value };
  const y = apply(padOp, [reshape(x, [sizeOf(before), h, w, sizeOf(behind)])], attrs);
  return reshape(y, [...before, ...y.shape.slice(next ? 1 : 2, 3), ...behind]);
}

/** Pads one axis of any dtype by joining views: integers and bools. */
function padByJoining(x: Tensor, d: number, [low, high]: Pads, mode: PadMode, value: number): Tensor {
  const n = x.shape[d]!;
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

/** Most elements that a mode can repeat on one side of `there`. */
function mostRepeated(mode: PadMode, there: number): number {
  switch (mode) {
    case "constant":
      return Infinity;
    case "reflect":
      return there - 1;
    case "replicate":
      return there > 0 ? Infinity : 0;
    default:
      return there;
  }
}
const whyMost: Readonly<Record<PadMode, string>> = {
  constant: "",
  reflect: "must be smaller than the size",
  replicate: "needs an element to repeat",
  circular: "must not pass the size",
  symmetric: "must not pass the size",
};

/** Throws ShapeError, naming the dimension, where `pad` can't. */
export function checkPads(x: Pick<Tensor, "shape" | "rank">, pads: readonly Pads[], mode: PadMode): void {
  const fail = (message: string): never => {
    throw new ShapeError("pad", message);
  };
  oneOf("pad", "mode", mode, modes);
  if (pads.length !== x.rank)
    fail(`${pads.length} pads for x ${show(x.shape)}; give ${x.rank}, one [low, high] for each dimension`);
  for (const [d, n] of x.shape.entries()) {
    const p = pads[d]!;
    if (p.length !== 2 || !p.every(Number.isInteger))
      fail(`pads of dimension ${d} are ${show(p)}; give two whole numbers [low, high]`);
    const [low, high] = p;
    const widest = Math.max(low, high);
    // What is there to be repeated, and what is left of the padded whole.
    const there = cropsFirst(mode) ? n + Math.min(low, 0) + Math.min(high, 0) : n;
    const left = Math.min(there, n + low + high);
    if (left < 0) fail(`pads ${show(p)} crop more than the ${n} elements of dimension ${d} of x ${show(x.shape)}`);
    const most = mostRepeated(mode, there);
    if (widest > 0 && widest > most) {
      const size = there < n ? ` left by cropping, ${there}` : `, ${n}`;
      const advice = most > 0 ? `use at most ${most}` : "leave that dimension unpadded";
      fail(`${mode} padding ${widest} of dimension ${d} of x ${show(x.shape)} ${whyMost[mode]}${size}; ${advice}`);
    }
  }
}

/**
 * x with pads[d] = [low, high] elements before and after along each dimension d; negative counts crop: before the
 * padding with constant and circular, after it with the modes that mirror or repeat an edge. Any rank and dtype;
 * reflect and symmetric repeat the image once at most. Throws ShapeError.
 */
export function pad(x: Tensor, pads: readonly Pads[], { mode = "constant", value = 0 }: PadOptions = {}): Tensor {
  checkPads(x, pads, mode);
  const crop = (t: Tensor): Tensor =>
    slice(
      t,
      pads.map(([low, high], d) => [Math.max(-low, 0), t.shape[d]! - Math.max(-high, 0)]),
    );
  const cropped = cropsFirst(mode) ? crop(x) : x;
  const grow = pads.map(([low, high]): Pads => [Math.max(low, 0), Math.max(high, 0)]);
  const grows = ([low, high]: Pads): boolean => low + high > 0;
  if (mode === "constant" && value === 0 && grow.some(grows)) {
    return place(
      cropped,
      grow.map(([low, high], d) => cropped.shape[d]! + low + high),
      grow.map(([low]) => low),
      grow.map(() => 1),
    );
  }
  let y = cropped;
  for (let d = 0; d < grow.length; d++) {
    const own = grow[d]!;
    const next = grow[d + 1];
    if (!grows(own)) continue;
    if (!isFloat(x.dtype)) y = padByJoining(y, d, own, mode, value);
    else if (next && grows(next)) {
      y = padPair(y, d, own, next, mode, value);
      d++; // both are done
    } else y = padPair(y, d, own, undefined, mode, value);
  }
  return cropsFirst(mode) ? y : crop(y);
}
