// Convolutions: y = x ∗ w and its two gradients, three bilinear ops of which each one's gradients are the other two.
//   y[n,p,q,k] = Σ_{r,s,c} x[n, p·stride + r·dil − pad, q·stride + s·dil − pad, c] · w[r,s,c,k]
import type { Kernel, Params } from "../../kernels/kernel.ts";
import { ceilDiv, conv2dKernels, mirrors, splitDepth, turned } from "../../kernels/conv2d/conv2d.ts";
import { conv2dInputGradKernels, productOf, turnsInputGrad } from "../../kernels/conv2d/conv2d-input-grad.ts";
import { conv2dWeightGradKernels, splitWeightGrad, turnsWeightGrad } from "../../kernels/conv2d/conv2d-weight-grad.ts";
import { matmulKernels } from "../../kernels/matmul/matmul.ts";
import { sumPartials } from "../../kernels/reduce/sum-partials.ts";
import { winogradInputGradOutput, winogradOutput, winogradWeightGradOutput } from "../../kernels/winograd/winograd.ts";
import { type DType, isFloat } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import type { KernelOp, Lowering, MemoryHandle } from "../op.ts";
import { type Shape, show, sizeOf } from "../shape.ts";
import { type Tensor, apply } from "../tensor.ts";
import { alike, operands } from "../autocast.ts";
import { addBias } from "./elementwise.ts";
import { checkPads, mirroredCopy, unmirror } from "./pad.ts";
import { winograd, winogradWeightGrad } from "./winograd.ts";

type Pads = readonly [top: number, left: number, bottom: number, right: number];
export interface ConvAttrs {
  readonly stride: readonly [y: number, x: number];
  /** Rows and columns around the image; negative pads crop. */
  readonly pad: Pads;
  /** What stands there: zeros (if absent), or the image's mirror image without the edge. */
  readonly padMode?: "zero" | "reflect";
  readonly dilation: readonly [y: number, x: number];
  readonly groups: number;
}
/** Also the image's size [H, W], which stride can't tell. */
export interface ConvInputGradAttrs extends ConvAttrs {
  readonly size: readonly [h: number, w: number];
}
/** Also the filter's size [R, S]. */
export interface ConvWeightGradAttrs extends ConvAttrs {
  readonly filter: readonly [r: number, s: number];
}

/** What pads, dilation and stride make of H and W. */
function outputSize(
  op: string,
  [h, w]: readonly number[],
  [r, s]: readonly number[],
  { stride, pad, dilation }: ConvAttrs,
): [number, number] {
  const along = (
    size: number,
    dim: string,
    taps: number,
    tap: string,
    low: number,
    high: number,
    by: number,
    dil: number,
  ): number => {
    const extent = dil * (taps - 1) + 1;
    const room = size + low + high - extent;
    if (taps < 1 || room < 0) {
      throw new ShapeError(
        op,
        `${dim} = ${size} with padding ${low} + ${high} is ${size + low + high} long, the filter reaches over ${extent} (${tap} = ${taps}, dilation ${dil}); pad by ${-room} more, or use a smaller filter`,
      );
    }
    return Math.floor(room / by) + 1;
  };
  return [
    along(h, "H", r, "R", pad[0], pad[2], stride[0], dilation[0]),
    along(w, "W", s, "S", pad[1], pad[3], stride[1], dilation[1]),
  ];
}

const period = (stride: number, dil: number): number => {
  let m = 1;
  while ((m * dil) % stride !== 0) m++;
  return m;
};

/** The numbers all kernels of the family take, and what they are chosen by: flip, reflect, half (x and w are f16). */
const problem = (
  x: Shape,
  w: Shape,
  y: Shape,
  dtype: DType,
  { stride, pad, padMode, dilation, groups }: ConvAttrs,
): Params => ({
  n: x[0],
  h: x[1],
  w: x[2],
  c: x[3],
  p: y[1],
  q: y[2],
  k: y[3],
  r: w[0],
  s: w[1],
  strideY: stride[0],
  strideX: stride[1],
  padTop: pad[0],
  padLeft: pad[1],
  dilY: dilation[0],
  dilX: dilation[1],
  groups,
  periodY: period(stride[0], dilation[0]),
  periodX: period(stride[1], dilation[1]),
  flip: 0,
  reflect: padMode === "reflect" ? 1 : 0,
  half: Number(dtype === "f16"),
});

const grows = (pad: Pads): Pads => [Math.max(pad[0], 0), Math.max(pad[1], 0), Math.max(pad[2], 0), Math.max(pad[3], 0)];
const crops = (pad: Pads): Pads => [Math.min(pad[0], 0), Math.min(pad[1], 0), Math.min(pad[2], 0), Math.min(pad[3], 0)];
/** [H, W] of the image with its mirror image around it. */
const grown = (h: number, w: number, [top, left, bottom, right]: Pads): [number, number] => [
  h + top + bottom,
  w + left + right,
];

/** The kernel for the problem, and x for it: the first input or, for a kernel that can't mirror, a copy that does. */
function selectMirroring(
  l: Lowering,
  kernels: readonly Kernel[],
  p: Params,
  pad: Pads,
): { kernel: Kernel; p: Params; x: MemoryHandle } {
  const kernel = l.select(kernels, p);
  if (p.reflect === 0 || mirrors(kernel, p)) return { kernel, p, x: l.input(0) };
  const [h, w] = grown(p.h, p.w, grows(pad));
  const [padTop, padLeft] = crops(pad);
  const padded = { ...p, h, w, padTop, padLeft, reflect: 0 };
  return { kernel: l.select(kernels, padded), p: padded, x: mirroredCopy(l, l.input(0), l.inputs[0], grows(pad)) };
}

/**
 * Dispatches `kernel`, its sum of `depth` terms cut into chunks that a second dispatch joins where one does not fill
 * the device.
 */
function inChunks(
  l: Lowering,
  kernel: Kernel,
  p: Params,
  depth: number,
  buffers: (out: MemoryHandle) => Readonly<Record<string, MemoryHandle>>,
): void {
  const [{ shape, dtype }] = l.outputs;
  const n = sizeOf(shape);
  const { chunk, chunks } =
    dtype === "f32" ? splitDepth(kernel, p, depth, l.traits) : { chunk: ceilDiv(depth, 16), chunks: 1 };
  const out = chunks === 1 ? l.output(0) : l.scratch(4 * chunks * n);
  l.dispatch(kernel, { ...p, chunk, chunks }, buffers(out));
  if (chunks > 1) l.dispatch(sumPartials, { n, splits: chunks }, { x: out, y: l.output(0) });
}

/** x [N, H, W, C], w [R, S, C/groups, K] → y [N, P, Q, K]. */
export const conv2dOp: KernelOp<ConvAttrs> = {
  kind: "kernel",
  name: "conv2d",
  infer: ([x, w], a) => [
    { shape: [x.shape[0], ...outputSize("conv2d", x.shape.slice(1, 3), w.shape, a), w.shape[3]], dtype: x.dtype },
  ],
  vjp: ([dy], [x, w], _, a) => [
    conv2dInputGrad(dy!, w, { ...a, size: [x.shape[1], x.shape[2]] }),
    conv2dWeightGrad(x, dy!, { ...a, filter: [w.shape[0], w.shape[1]] }),
  ],
  lower(l, a) {
    if (sizeOf(l.outputs[0].shape) === 0) return;
    const { kernel, p, x } = selectMirroring(
      l,
      [winogradOutput, ...conv2dKernels],
      problem(l.inputs[0].shape, l.inputs[1].shape, l.outputs[0].shape, l.inputs[0].dtype, a),
      a.pad,
    );
    if (kernel === winogradOutput) winograd(l, kernel, p, x, l.input(1));
    else inChunks(l, kernel, p, p.r * p.s * p.c, (y) => ({ x, w: l.input(1), y }));
  },
};

/** dy [N, P, Q, K], w [R, S, C/groups, K] → dx [N, H, W, C] of an image among zeros. */
export const conv2dInputGradOp: KernelOp<ConvInputGradAttrs> = {
  kind: "kernel",
  name: "conv2d-input-grad",
  infer: ([dy, w], a) => [{ shape: [dy.shape[0], ...a.size, w.shape[2] * a.groups], dtype: dy.dtype }],
  vjp: ([ddx], [dy, w], _, a) => [
    conv2dRaw(ddx!, w, a),
    conv2dWeightGrad(ddx!, dy, { ...a, filter: [w.shape[0], w.shape[1]] }),
  ],
  lower(l, a) {
    if (sizeOf(l.outputs[0].shape) === 0) return;
    const p = problem(l.outputs[0].shape, l.inputs[1].shape, l.inputs[0].shape, l.inputs[0].dtype, a);
    const [dy, w] = [l.input(0), l.input(1)];
    // A CPU is faster by the matrix product's kernels; on a GPU the implicit product is one.
    const product = l.traits.cpu ? productOf(p) : undefined;
    if (product) return l.dispatch(l.select(matmulKernels, product), product, { a: dy, b: w, y: l.output(0) });
    const kernel = l.select([winogradInputGradOutput, ...conv2dInputGradKernels], p);
    if (kernel === winogradInputGradOutput) winograd(l, kernel, turned(p), dy, w);
    else if (turnsInputGrad(kernel)) l.dispatch(kernel, turned(p), { x: dy, w, y: l.output(0) });
    else inChunks(l, kernel, p, ceilDiv(p.r, p.periodY) * ceilDiv(p.s, p.periodX) * p.k, (dx) => ({ dy, w, dx }));
  },
};

/** x [N, H, W, C], dy [N, P, Q, K] → dw [R, S, C/groups, K], f32: its sums are long. */
export const conv2dWeightGradOp: KernelOp<ConvWeightGradAttrs> = {
  kind: "kernel",
  name: "conv2d-weight-grad",
  infer: ([x, dy], a) => [{ shape: [...a.filter, x.shape[3] / a.groups, dy.shape[3]], dtype: "f32" }],
  vjp: ([ddw], [x, dy], _, a) => [
    conv2dInputGrad(dy, ddw!, { ...a, size: [x.shape[1], x.shape[2]] }),
    conv2dRaw(x, ddw!, a),
  ],
  lower(l, a) {
    const size = sizeOf(l.outputs[0].shape);
    if (size === 0) return;
    const { kernel, p, x } = selectMirroring(
      l,
      [winogradWeightGradOutput, ...conv2dWeightGradKernels],
      problem(l.inputs[0].shape, l.outputs[0].shape, l.inputs[1].shape, l.inputs[0].dtype, a),
      a.pad,
    );
    if (kernel === winogradWeightGradOutput) return winogradWeightGrad(l, p, x, l.input(1));
    const turns = turnsWeightGrad(kernel);
    const own = turns ? turned(p) : p;
    const { chunk, chunks } = splitWeightGrad(kernel, own, l.traits);
    const dw = chunks === 1 ? l.output(0) : l.scratch(4 * chunks * size);
    l.dispatch(kernel, { ...own, chunk, chunks }, { x: turns ? l.input(1) : x, dy: turns ? x : l.input(1), dw });
    if (chunks > 1) l.dispatch(sumPartials, { n: size, splits: chunks }, { x: dw, y: l.output(0) });
  },
};

const conv2dRaw = (x: Tensor, w: Tensor, { stride, pad, padMode = "zero", dilation, groups }: ConvAttrs): Tensor =>
  apply(conv2dOp, alike(x, w), { stride, pad, padMode, dilation, groups });

/**
 * Gradient of conv2d to its image: dy [N, P, Q, K], w [R, S, C/groups, K] → [N, H, W, C] with [H, W] = `size`. Throws
 * ShapeError.
 */
export function conv2dInputGrad(
  dy: Tensor,
  w: Tensor,
  { stride, pad, padMode, dilation, groups, size }: ConvInputGradAttrs,
): Tensor {
  const a = { stride, pad, dilation, groups, size };
  const name = "conv2dInputGrad";
  needsRank4(name, "dy", dy, "[N, P, Q, K]");
  needsRank4(name, "w", w, "[R, S, C/groups, K]");
  if (dy.shape[3] !== w.shape[3])
    throw new ShapeError(
      name,
      `dy ${show(dy.shape)} has K = ${dy.shape[3]}, w ${show(w.shape)} has K = ${w.shape[3]}; they must be equal`,
    );
  const [p, q] = outputSize(name, size, w.shape, a);
  if (dy.shape[1] !== p || dy.shape[2] !== q)
    throw new ShapeError(
      name,
      `dy ${show(dy.shape)} does not come from an image of ${size[0]} × ${size[1]}: P × Q would be ${p} × ${q}`,
    );
  if (padMode !== "reflect") return apply(conv2dInputGradOp, alike(dy, w), a);
  checkMirror([dy.shape[0], ...size, w.shape[2] * groups], pad, padMode);
  // That of the grown image, folded back at its edges.
  const around = grows(pad);
  return unmirror(
    apply(conv2dInputGradOp, alike(dy, w), { ...a, pad: crops(pad), size: grown(size[0], size[1], around) }),
    size,
    around,
  );
}

/**
 * Gradient of conv2d to its filter: x [N, H, W, C], dy [N, P, Q, K] → [R, S, C/groups, K] with [R, S] = `filter`.
 * Throws ShapeError.
 */
export function conv2dWeightGrad(
  x: Tensor,
  dy: Tensor,
  { stride, pad, padMode = "zero", dilation, groups, filter }: ConvWeightGradAttrs,
): Tensor {
  const a = { stride, pad, padMode, dilation, groups, filter };
  const name = "conv2dWeightGrad";
  needsRank4(name, "x", x, "[N, H, W, C]");
  needsRank4(name, "dy", dy, "[N, P, Q, K]");
  const [p, q] = outputSize(name, x.shape.slice(1, 3), filter, a);
  checkMirror(x.shape, pad, padMode);
  if (dy.shape[0] !== x.shape[0] || dy.shape[1] !== p || dy.shape[2] !== q)
    throw new ShapeError(
      name,
      `dy ${show(dy.shape)} does not belong to x ${show(x.shape)}; N × P × Q would be ${x.shape[0]} × ${p} × ${q}`,
    );
  return apply(conv2dWeightGradOp, alike(x, dy), a);
}

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

/**
 * y[n,p,q,k] = bias[k] + Σ_{r,s,c} x[n, p·stride + r·dil − pad, q·stride + s·dil − pad, c] · w[r,s,c,k].
 * x [N, H, W, C], w [R, S, C/groups, K] → [N, P, Q, K], P = ⌊(H + padTop + padBottom − dil·(R−1) − 1) / stride⌋ + 1.
 * Channel k belongs to group ⌊k / (K/groups)⌋. Throws ShapeError.
 */
export function conv2d(image: Tensor, filter: Tensor, options: Conv2dOptions = {}): Tensor {
  const name = "conv2d";
  const [x, w] = operands(image, filter);
  const a = attrsOf(name, options);
  needsRank4(name, "x", x, "[N, H, W, C]");
  needsRank4(name, "w", w, "[R, S, C/groups, K]");
  const [r, s, cs, k] = w.shape;
  const c = x.shape[3];
  needsGroups(name, "C", c, a.groups);
  needsGroups(name, "K", k, a.groups);
  if (cs * a.groups !== c) {
    throw new ShapeError(
      name,
      `x ${show(x.shape)} has C = ${c} channels, w ${show(w.shape)} takes ${cs * a.groups}${a.groups > 1 ? ` in ${a.groups} groups` : ""}; w should be ${show([r, s, c / a.groups, k])} (R, S, C/groups, K)`,
    );
  }
  if (options.bias) needsBias(name, options.bias, "K", k);
  checkMirror(x.shape, a.pad, options.padMode);
  // What nothing surrounds is the same in either mode.
  const y = conv2dRaw(x, w, { ...a, padMode: a.pad.some((n) => n > 0) ? options.padMode : "zero" });
  return options.bias ? addBias(y, options.bias) : y;
}

/**
 * The transpose of a conv2d from Cout to Cin channels whose weights are w: what it spreads, this gathers.
 * x [N, P, Q, Cin], w [R, S, Cout/groups, Cin] → [N, H, W, Cout],
 * H = (P − 1)·stride − padTop − padBottom + dil·(R − 1) + 1 + outputPad; bias [Cout]. Throws ShapeError.
 */
export function convTranspose2d(image: Tensor, filter: Tensor, options: ConvTranspose2dOptions = {}): Tensor {
  const name = "convTranspose2d";
  const [x, w] = operands(image, filter);
  const a = attrsOf(name, options);
  const more = pairOf(name, "outputPad", options.outputPad ?? 0, 0);
  needsRank4(name, "x", x, "[N, P, Q, Cin]");
  needsRank4(name, "w", w, "[R, S, Cout/groups, Cin]");
  const [, p, q, cin] = x.shape;
  const [r, s, cs] = w.shape;
  needsGroups(name, "Cin", cin, a.groups);
  if (w.shape[3] !== cin)
    throw new ShapeError(
      name,
      `x ${show(x.shape)} has Cin = ${cin} channels, w ${show(w.shape)} takes ${w.shape[3]}; w should be ${show([r, s, cs, cin])} (R, S, Cout/groups, Cin)`,
    );
  const along = (
    count: number,
    taps: number,
    by: number,
    dil: number,
    low: number,
    high: number,
    extra: number,
  ): number => (count - 1) * by - low - high + dil * (taps - 1) + 1 + extra;
  const size = [
    along(p, r, a.stride[0], a.dilation[0], a.pad[0], a.pad[2], more[0]),
    along(q, s, a.stride[1], a.dilation[1], a.pad[1], a.pad[3], more[1]),
  ] as const;
  if (size[0] < 1 || size[1] < 1)
    throw new ShapeError(
      name,
      `x ${show(x.shape)} and w ${show(w.shape)} make an image of ${size[0]} × ${size[1]}; pad ${show(a.pad)} crops too much of it`,
    );
  if (options.bias) needsBias(name, options.bias, "Cout", cs * a.groups);
  // outputPad is cropping less at the end.
  const pad = [a.pad[0], a.pad[1], a.pad[2] - more[0], a.pad[3] - more[1]] as const;
  const y = conv2dInputGrad(x, w, { ...a, pad, size });
  return options.bias ? addBias(y, options.bias) : y;
}

function attrsOf(op: string, { stride = 1, pad = 0, dilation = 1, groups = 1 }: Conv2dOptions): ConvAttrs {
  const pads =
    typeof pad === "number" ? [pad, pad, pad, pad] : pad.length === 2 ? [pad[0], pad[1], pad[0], pad[1]] : [...pad];
  if (pads.length !== 4 || !pads.every(Number.isInteger))
    throw new ShapeError(op, `pad is ${show(pads)}; it must be a whole number, [y, x] or [top, left, bottom, right]`);
  if (!(Number.isInteger(groups) && groups >= 1))
    throw new ShapeError(op, `groups is ${groups}; it must be a whole number ≥ 1`);
  return {
    stride: pairOf(op, "stride", stride, 1),
    pad: pads as unknown as ConvAttrs["pad"],
    dilation: pairOf(op, "dilation", dilation, 1),
    groups,
  };
}

function pairOf(op: string, what: string, value: Pair, least: number): readonly [number, number] {
  const pair = typeof value === "number" ? ([value, value] as const) : value;
  if (pair.length !== 2 || !pair.every((n) => Number.isInteger(n) && n >= least))
    throw new ShapeError(op, `${what} is ${show(pair)}; it must be a whole number ≥ ${least}, or [y, x] of such`);
  return pair;
}

/** A mirror image is smaller than the image. */
function checkMirror(shape: Shape, [top, left, bottom, right]: Pads, padMode: ConvAttrs["padMode"]): void {
  if (padMode === "reflect")
    checkPads(
      { shape, rank: 4 },
      [
        [0, 0],
        [top, bottom],
        [left, right],
        [0, 0],
      ],
      "reflect",
    );
}

function needsRank4(op: string, name: string, t: Tensor, layout: string): void {
  if (t.rank !== 4) throw new ShapeError(op, `${name} is ${show(t.shape)}, of rank ${t.rank}; it must be ${layout}`);
  if (!isFloat(t.dtype)) throw new ShapeError(op, `${name} is ${t.dtype}${show(t.shape)}; cast it to f32`);
}

function needsGroups(op: string, dim: string, channels: number, groups: number): void {
  if (channels % groups !== 0)
    throw new ShapeError(
      op,
      `${dim} = ${channels} channels do not split into ${groups} groups; choose a divisor of ${dim}`,
    );
}

function needsBias(op: string, bias: Tensor, dim: string, channels: number): void {
  if (bias.rank !== 1 || bias.shape[0] !== channels)
    throw new ShapeError(op, `bias is ${show(bias.shape)}; with ${dim} = ${channels} it must be [${channels}]`);
}
