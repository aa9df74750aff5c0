// Resizing H and W of [N, H, W, C] as PyTorch's interpolate does. Source coordinates are ratios of whole numbers, so
// no rounding moves a pixel, and the transpose has the forward pass's weights.
import { oneOf } from "../choice.ts";
import { resizeBilinear } from "../../kernels/resize/resize-bilinear.ts";
import { resizeNearest } from "../../kernels/resize/resize-nearest.ts";
import { type ResizeProblem, ratio } from "../../kernels/resize/resize-ratio.ts";
import { isFloat } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import type { KernelOp, Spec } from "../op.ts";
import { ofRank, show } from "../shape.ts";
import { type Tensor, apply } from "../tensor.ts";

export interface ResizeOptions {
  mode: "nearest" | "bilinear";
  /** Bilinear only: corner pixels' centres coincide (true), or the images' edges do (false, the default). */
  alignCorners?: boolean;
}

export interface ResizeAttrs {
  readonly h: number;
  readonly w: number;
  readonly p: number;
  readonly q: number;
  readonly mode: "nearest" | "bilinear";
  readonly alignCorners: boolean;
}

const axisMode = (mode: ResizeAttrs["mode"], alignCorners: boolean) =>
  mode === "nearest" ? mode : alignCorners ? "align-corners" : "half-pixel";

/** The problem of an image or its gradient, which give N and C. */
export function resizeProblem({ shape }: Spec, { h, w, p, q, mode, alignCorners }: ResizeAttrs): ResizeProblem {
  const [n, , , c] = ofRank(shape, 4);
  const y = ratio(h, p, axisMode(mode, alignCorners));
  const x = ratio(w, q, axisMode(mode, alignCorners));
  return { n, h, w, c, p, q, mulY: y.mul, addY: y.add, denY: y.den, mulX: x.mul, addX: x.add, denX: x.den };
}

export const resizeOp: KernelOp<ResizeAttrs> = {
  kind: "kernel",
  name: "resize",
  infer: ([x]: readonly [Tensor], { p, q }) => {
    const [n, , , c] = ofRank(x.shape, 4);
    return [{ shape: [n, p, q, c], dtype: x.dtype }];
  },
  lower(l, a) {
    const p = resizeProblem(l.inputs[0]!, a);
    const kernels = a.mode === "nearest" ? resizeNearest : resizeBilinear;
    l.dispatchItems(l.select(kernels, p), p, { x: l.input(0), y: l.output(0) });
  },
};

/**
 * x [N, H, W, C] resized to [N, P, Q, C], size [P, Q]. Nearest takes pixel ⌊p·H/P⌋. Bilinear mixes the pixels around
 * (p + ½)·H/P − ½, not below 0, or with `alignCorners` around p·(H−1)/(P−1). Throws ShapeError.
 */
export function resize(
  x: Tensor,
  size: readonly [number, number],
  { mode, alignCorners = false }: ResizeOptions,
): Tensor {
  const wrong = (message: string): ShapeError => new ShapeError("resize", message);
  const fail = (message: string): never => {
    throw wrong(message);
  };
  const [, h, w] = ofRank(x.shape, 4, () => wrong(`x is ${show(x.shape)}; it must be an image batch [N, H, W, C]`));
  if (!isFloat(x.dtype)) fail(`x is ${x.dtype}${show(x.shape)}; it must be f32: cast(x, "f32") first`);
  oneOf("resize", "mode", mode, ["nearest", "bilinear"]);
  if (mode === "nearest" && alignCorners)
    fail(`alignCorners has no meaning with mode "nearest"; use mode "bilinear" or leave it out`);
  if (size.length !== 2 || !size.every((n) => Number.isInteger(n) && n >= 1))
    fail(`size is ${show(size)}; give two whole numbers ≥ 1 as [H, W]`);
  const [p, q] = size;
  if (h === 0 || w === 0) fail(`x is ${show(x.shape)}; H and W must be ≥ 1, for an empty image has no pixel to take`);
  if (h === p && w === q) return x;
  for (const [axis, from, to] of [
    ["H", h, p],
    ["W", w, q],
  ] as const) {
    const { mul, add, den } = ratio(from, to, axisMode(mode, alignCorners));
    if ((to + 1) * mul + (from + 1) * den + Math.abs(add) >= 2 ** 31)
      fail(`${axis} from ${from} to ${to} passes the 2³¹ that index arithmetic can hold; resize in two steps`);
  }
  return apply(resizeOp, [x], { h, w, p, q, mode, alignCorners });
}
