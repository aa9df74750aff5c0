// Windows over H and W of [N, H, W, C], by PyTorch's rules: their options, and how many there are.
import type { MaxPoolProblem } from "../../kernels/pool/max-pool.ts";
import { isFloat } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import type { Lowering } from "../op.ts";
import { type Shape, ofRank, show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/** One number for both axes, or [y, x]. */
export type Pair = number | readonly [y: number, x: number];

export interface Windows {
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

/** A problem but for N and C, which the tensors give. */
export type MaxPoolAttrs = Omit<MaxPoolProblem, "n" | "c">;

/** [N, H, W, C] of an image batch of floats. */
export function imageOf(op: string, x: Tensor): readonly [n: number, h: number, w: number, c: number] {
  const wrong = (): ShapeError => new ShapeError(op, `x is ${show(x.shape)}; it must be an image batch [N, H, W, C]`);
  const sizes = ofRank(x.shape, 4, wrong);
  if (!isFloat(x.dtype))
    throw new ShapeError(op, `x is ${x.dtype}${show(x.shape)}; it must be f32: cast(x, "f32") first`);
  return sizes;
}

export function pair(op: string, name: string, value: Pair, least: number): readonly [number, number] {
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

export function windows(
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

type PoolSize = Pick<MaxPoolAttrs, "h" | "w" | "p" | "q">;
export function pooled(shape: Shape, { p, q }: PoolSize): Shape {
  const [n, , , c] = ofRank(shape, 4);
  return [n, p, q, c];
}
export function poolProblem<A extends PoolSize>(l: Lowering, a: A): A & { readonly n: number; readonly c: number } {
  const [n, , , c] = ofRank(l.inputs[0]!.shape, 4);
  return { ...a, n, c };
}
