// What a convolution is asked for, checked: options to attributes, shapes to sizes. Each check throws a ShapeError.
import { isFloat } from "../dtype.ts";
import { oneOf } from "../choice.ts";
import { ShapeError } from "../errors.ts";
import { type Shape, ofRank, show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { checkPads } from "./pad.ts";

export type Pads = readonly [top: number, left: number, bottom: number, right: number];
export interface ConvAttrs {
  readonly stride: readonly [y: number, x: number];
  /** Rows and columns around the image; negative pads crop. */
  readonly pad: Pads;
  /** What stands there: zeros (if absent), or the image's mirror image without the edge. */
  readonly padMode?: "zero" | "reflect";
  readonly dilation: readonly [y: number, x: number];
  readonly groups: number;
}
/** Of an image among zeros. Also its size [H, W], which stride can't tell. */
export interface ConvInputGradAttrs extends Omit<ConvAttrs, "padMode"> {
  readonly size: readonly [h: number, w: number];
}
/** Also the filter's size [R, S]. */
export interface ConvWeightGradAttrs extends ConvAttrs {
  readonly filter: readonly [r: number, s: number];
}

/** One number for both axes, or [y, x]. */
type Pair = number | readonly [y: number, x: number];
export interface Conv2dOptions {
  /** [K], added to every pixel. */
  bias?: Tensor;
  stride?: Pair;
  /** One number, [y, x] or [top, left, bottom, right]; negative pads crop. */
  pad?: Pair | Pads;
  dilation?: Pair;
  groups?: number;
  /** What surrounds the image: zeros (default), or its mirror image without the edge. */
  padMode?: "zero" | "reflect";
}
export interface ConvTranspose2dOptions extends Omit<Conv2dOptions, "padMode"> {
  /** Rows and columns added at the bottom and the right: which of the sizes that the stride confuses is meant. */
  outputPad?: Pair;
}

const arePads = (list: readonly number[]): list is Pads => list.length === 4 && list.every(Number.isInteger);

function padsOf(op: string, pad: Pair | Pads): Pads {
  const pads = typeof pad === "number" ? [pad, pad, pad, pad] : pad.length === 2 ? [...pad, ...pad] : pad;
  if (!arePads(pads))
    throw new ShapeError(op, `pad is ${show(pads)}; it must be a whole number, [y, x] or [top, left, bottom, right]`);
  return pads;
}

export function pairOf(op: string, what: string, value: Pair, least: number): readonly [y: number, x: number] {
  const pair = typeof value === "number" ? ([value, value] as const) : value;
  if (pair.length !== 2 || !pair.every((n) => Number.isInteger(n) && n >= least))
    throw new ShapeError(op, `${what} is ${show(pair)}; it must be a whole number ≥ ${least}, or [y, x] of such`);
  return pair;
}

export function attrsOf(op: string, { stride = 1, pad = 0, dilation = 1, groups = 1 }: Conv2dOptions): ConvAttrs {
  const pads = padsOf(op, pad);
  if (!(Number.isInteger(groups) && groups >= 1))
    throw new ShapeError(op, `groups is ${groups}; it must be a whole number ≥ 1`);
  return {
    stride: pairOf(op, "stride", stride, 1),
    pad: pads,
    dilation: pairOf(op, "dilation", dilation, 1),
    groups,
  };
}

/** The four sizes of an image or a filter of floats, laid out as `layout` says. */
export function sizesOf(
  op: string,
  name: string,
  t: Tensor,
  layout: string,
): readonly [number, number, number, number] {
  const sizes = ofRank(
    t.shape,
    4,
    () => new ShapeError(op, `${name} is ${show(t.shape)}, of rank ${t.rank}; it must be ${layout}`),
  );
  if (!isFloat(t.dtype)) throw new ShapeError(op, `${name} is ${t.dtype}${show(t.shape)}; cast it to f32`);
  return sizes;
}

/** One axis of an image and of the filter along it. */
interface Axis {
  readonly dim: "H" | "W";
  readonly size: number;
  /** Pixels before and behind it. */
  readonly low: number;
  readonly high: number;
  readonly tap: "R" | "S";
  readonly taps: number;
  readonly stride: number;
  readonly dilation: number;
}
function outputAlong(op: string, { dim, size, low, high, tap, taps, stride, dilation }: Axis): number {
  const length = size + low + high;
  const reach = dilation * (taps - 1) + 1;
  if (taps < 1 || length < reach) {
    throw new ShapeError(
      op,
      `${dim} = ${size} with padding ${low} + ${high} is ${length} long, ` +
        `the filter reaches over ${reach} (${tap} = ${taps}, dilation ${dilation}); ` +
        `pad by ${reach - length} more, or use a smaller filter`,
    );
  }
  return Math.floor((length - reach) / stride) + 1;
}

/** [P, Q]: what pads, dilation and stride make of an image [H, W] under a filter [R, S]. */
export function outputSize(
  op: string,
  [h, w]: readonly [number, number],
  [r, s]: readonly [number, number],
  { stride, pad: [top, left, bottom, right], dilation }: ConvAttrs,
): [p: number, q: number] {
  const y: Axis = {
    dim: "H",
    size: h,
    low: top,
    high: bottom,
    tap: "R",
    taps: r,
    stride: stride[0],
    dilation: dilation[0],
  };
  const x: Axis = {
    dim: "W",
    size: w,
    low: left,
    high: right,
    tap: "S",
    taps: s,
    stride: stride[1],
    dilation: dilation[1],
  };
  return [outputAlong(op, y), outputAlong(op, x)];
}

export const grows = ([top, left, bottom, right]: Pads): Pads => [
  Math.max(top, 0),
  Math.max(left, 0),
  Math.max(bottom, 0),
  Math.max(right, 0),
];
export const crops = ([top, left, bottom, right]: Pads): Pads => [
  Math.min(top, 0),
  Math.min(left, 0),
  Math.min(bottom, 0),
  Math.min(right, 0),
];
/** [H, W] of the image with its mirror image around it. */
export const grown = (h: number, w: number, [top, left, bottom, right]: Pads): [h: number, w: number] => [
  h + top + bottom,
  w + left + right,
];

/** A mirror image is smaller than the image [N, H, W, C]. */
export function checkMirror(shape: Shape, [top, left, bottom, right]: Pads, padMode: ConvAttrs["padMode"]): void {
  if (oneOf("conv2d", "padMode", padMode ?? "zero", ["zero", "reflect"]) !== "reflect") return;
  const none = [0, 0] as const;
  checkPads({ shape, rank: 4 }, [none, [top, bottom], [left, right], none], "reflect");
}

export function checkGroups(op: string, dim: string, channels: number, groups: number): void {
  if (channels % groups !== 0)
    throw new ShapeError(
      op,
      `${dim} = ${channels} channels do not split into ${groups} groups; choose a divisor of ${dim}`,
    );
}

export function checkBias(op: string, bias: Tensor, dim: string, channels: number): void {
  if (bias.rank !== 1 || bias.shape[0] !== channels)
    throw new ShapeError(op, `bias is ${show(bias.shape)}; with ${dim} = ${channels} it must be [${channels}]`);
}
