// y = x ∗ w and its two gradients, three bilinear ops of which each one's gradients are the other two.
//   y[n,p,q,k] = Σ_{r,s,c} x[n, p·stride + r·dil − pad, q·stride + s·dil − pad, c] · w[r,s,c,k]
import { conv2dKernels } from "../../kernels/conv2d/conv2d.ts";
import { conv2dInputGradKernels, productOf, turnsInputGrad } from "../../kernels/conv2d/conv2d-input-grad.ts";
import { type ConvProblem, mirrors, turned } from "../../kernels/conv2d/conv2d-problem.ts";
import { conv2dWeightGradKernels, splitWeightGrad, turnsWeightGrad } from "../../kernels/conv2d/conv2d-weight-grad.ts";
import { convWindows, inputGradWindows } from "../../kernels/conv2d/conv2d-windows.ts";
import type { Kernel, Run } from "../../kernels/kernel.ts";
import { ceilDiv, splitDepth } from "../../kernels/launch.ts";
import { sumPartials } from "../../kernels/reduce/sum-partials.ts";
import { alignedStep, rangesOf, runOf } from "../../kernels/windows.ts";
import { winogradInputGradOutput, winogradOutput, winogradWeightGradOutput } from "../../kernels/winograd/winograd.ts";
import { alike } from "../autocast.ts";
import { ShapeError } from "../errors.ts";
import type { KernelOp, Lowering, MemoryHandle, Spec } from "../op.ts";
import { ofRank, show, sizeOf } from "../shape.ts";
import { type Tensor, apply } from "../tensor.ts";
import {
  type ConvAttrs,
  type ConvInputGradAttrs,
  type ConvWeightGradAttrs,
  type Pads,
  checkMirror,
  crops,
  grown,
  grows,
  outputSize,
  sizesOf,
} from "./conv-shapes.ts";
import { matrixProduct } from "./matmul.ts";
import { mirroredCopy, unmirror } from "./pad.ts";
import { winograd, winogradWeightGrad } from "./winograd.ts";

/** The least m of which m·dil is a multiple of the stride. */
const period = (stride: number, dil: number): number => {
  let m = 1;
  while ((m * dil) % stride !== 0) m++;
  return m;
};

/** The problem of an image x, a filter w and an output y, of which two are stored as `dtype`. */
function problemOf(
  { x, w, y }: Readonly<Record<"x" | "w" | "y", Spec>>,
  dtype: Spec["dtype"],
  { stride: [strideY, strideX], pad: [padTop, padLeft], padMode, dilation: [dilY, dilX], groups }: ConvAttrs,
): ConvProblem {
  const [n, h, width, c] = ofRank(x.shape, 4);
  const [r, s] = ofRank(w.shape, 4);
  const [, p, q, k] = ofRank(y.shape, 4);
  return {
    n,
    h,
    w: width,
    c,
    p,
    q,
    k,
    r,
    s,
    strideY,
    strideX,
    padTop,
    padLeft,
    dilY,
    dilX,
    groups,
    periodY: period(strideY, dilY),
    periodX: period(strideX, dilX),
    flip: false,
    reflect: padMode === "reflect",
    half: dtype === "f16",
  };
}

/** Inputs and output of a convolution or a gradient of it. */
function specsOf(l: Lowering): [first: Spec, second: Spec, output: Spec] {
  return [l.inputs[0]!, l.inputs[1]!, l.outputs[0]!];
}

/**
 * The kernel for the problem, and x for it: the first input, or a copy with its mirror image for a kernel that can't
 * mirror.
 */
function selectMirroring(
  l: Lowering,
  kernels: readonly Kernel[],
  p: ConvProblem,
  pad: Pads,
): { kernel: Kernel; p: ConvProblem; x: MemoryHandle } {
  const kernel = l.select(kernels, p);
  if (!p.reflect || mirrors(kernel, p)) return { kernel, p, x: l.input(0) };
  const [h, w] = grown(p.h, p.w, grows(pad));
  const [padTop, padLeft] = crops(pad);
  const padded = { ...p, h, w, padTop, padLeft, reflect: false };
  return { kernel: l.select(kernels, padded), p: padded, x: mirroredCopy(l, l.input(0), l.inputs[0]!, grows(pad)) };
}

/** A window of a problem: the run of its output, and what else is bound. */
interface Part {
  readonly p: ConvProblem;
  readonly out: Run;
  buffers(out: MemoryHandle): Readonly<Record<string, MemoryHandle>>;
}

/**
 * Dispatches `kernel` for each window of the problem `whole`; its sum of `depth` terms is cut into chunks that a second
 * dispatch joins where one does not fill the device.
 */
function inChunks(l: Lowering, kernel: Kernel, whole: ConvProblem, depth: number, parts: readonly Part[]): void {
  const { dtype } = l.outputs[0]!;
  const { chunk, chunks } =
    dtype === "f32" ? splitDepth(kernel, whole, depth, l.traits) : { chunk: ceilDiv(depth, 16), chunks: 1 };
  for (const { p, out, buffers } of parts) {
    const y = l.part(l.output(0), out);
    const sums = chunks === 1 ? y : l.scratch(4 * chunks * out.count);
    l.dispatch(kernel, { ...p, chunk, chunks }, buffers(sums));
    if (chunks > 1) l.dispatch(sumPartials, { n: out.count, splits: chunks }, { x: sums, y });
  }
}

/** What a convolution takes: two of image, filter and output. */
type Two = readonly [Tensor, Tensor];
/** [H, W] of an image, [R, S] of a filter. */
const imageSize = (x: Tensor): readonly [h: number, w: number] => {
  const [, h, w] = ofRank(x.shape, 4);
  return [h, w];
};
const filterSize = (w: Tensor): readonly [r: number, s: number] => {
  const [r, s] = ofRank(w.shape, 4);
  return [r, s];
};

/** x [N, H, W, C], w [R, S, C/groups, K] → y [N, P, Q, K]. */
export const conv2dOp: KernelOp<ConvAttrs> = {
  kind: "kernel",
  name: "conv2d",
  infer: ([x, w]: Two, a) => {
    const [n, h, width] = ofRank(x.shape, 4);
    const [r, s, , k] = ofRank(w.shape, 4);
    return [{ shape: [n, ...outputSize("conv2d", [h, width], [r, s], a), k], dtype: x.dtype }];
  },
  vjp: ([dy], [x, w]: Two, _, a) => [
    conv2dInputGrad(dy!, w, { ...a, size: imageSize(x) }),
    conv2dWeightGrad(x, dy!, { ...a, filter: filterSize(w) }),
  ],
  lower(l, a) {
    const [image, filter, y] = specsOf(l);
    if (sizeOf(y.shape) === 0) return;
    const whole = problemOf({ x: image, w: filter, y }, image.dtype, a);
    const { kernel, p, x } = selectMirroring(l, [winogradOutput, ...conv2dKernels], whole, a.pad);
    const w = l.input(1);
    if (kernel === winogradOutput) return winograd(l, kernel, p, x, w);
    const parts = convWindows(p, l.room(image.dtype)).map(
      (window): Part => ({
        p: window.p,
        out: window.y,
        buffers: (y) => ({ x: l.part(x, window.x), w, y }),
      }),
    );
    inChunks(l, kernel, p, p.r * p.s * p.c, parts);
  },
};

/** dy [N, P, Q, K], w [R, S, C/groups, K] → dx [N, H, W, C] of an image among zeros. */
export const conv2dInputGradOp: KernelOp<ConvInputGradAttrs> = {
  kind: "kernel",
  name: "conv2d-input-grad",
  infer: ([dy, w]: Two, a) => {
    const [n] = ofRank(dy.shape, 4);
    const [, , perGroup] = ofRank(w.shape, 4);
    return [{ shape: [n, ...a.size, perGroup * a.groups], dtype: dy.dtype }];
  },
  vjp: ([ddx], [dy, w]: Two, _, a) => [
    conv2dRaw(ddx!, w, a),
    conv2dWeightGrad(ddx!, dy, { ...a, filter: filterSize(w) }),
  ],
  lower(l, a) {
    const [y, filter, x] = specsOf(l);
    if (sizeOf(x.shape) === 0) return;
    const p = problemOf({ x, w: filter, y }, y.dtype, a);
    const [dy, w] = [l.input(0), l.input(1)];
    // A CPU is faster by the matrix product's kernels; on a GPU the implicit product is one.
    const product = l.traits.cpu ? productOf(p) : undefined;
    if (product) return matrixProduct(l, product, { a: dy, b: w }, y.dtype);
    const kernel = l.select([winogradInputGradOutput, ...conv2dInputGradKernels], p);
    if (kernel === winogradInputGradOutput) return winograd(l, kernel, turned(p), dy, w);
    const room = l.room(y.dtype);
    if (turnsInputGrad(kernel)) {
      for (const window of convWindows(turned(p), room))
        l.dispatch(kernel, window.p, { x: l.part(dy, window.x), w, y: l.part(l.output(0), window.y) });
      return;
    }
    const parts = inputGradWindows(p, room).map(
      (window): Part => ({
        p: window.p,
        out: window.x,
        buffers: (dx) => ({ dy: l.part(dy, window.y), w, dx }),
      }),
    );
    inChunks(l, kernel, p, ceilDiv(p.r, p.periodY) * ceilDiv(p.s, p.periodX) * p.k, parts);
  },
};

/** x [N, H, W, C], dy [N, P, Q, K] → dw [R, S, C/groups, K], f32: its sums are long. */
export const conv2dWeightGradOp: KernelOp<ConvWeightGradAttrs> = {
  kind: "kernel",
  name: "conv2d-weight-grad",
  infer: ([x, dy]: Two, a) => {
    const [, , , c] = ofRank(x.shape, 4);
    const [, , , k] = ofRank(dy.shape, 4);
    return [{ shape: [...a.filter, c / a.groups, k], dtype: "f32" }];
  },
  vjp: ([ddw], [x, dy]: Two, _, a) => [conv2dInputGrad(dy, ddw!, { ...a, size: imageSize(x) }), conv2dRaw(x, ddw!, a)],
  lower(l, a) {
    const [image, y, w] = specsOf(l);
    if (sizeOf(w.shape) === 0) return;
    const whole = problemOf({ x: image, w, y }, image.dtype, a);
    const { kernel, p, x } = selectMirroring(l, [winogradWeightGradOutput, ...conv2dWeightGradKernels], whole, a.pad);
    const dy = l.input(1);
    if (kernel === winogradWeightGradOutput) return winogradWeightGrad(l, p, x, dy);
    const turns = turnsWeightGrad(kernel);
    weightGradInChunks(l, kernel, turns ? turned(p) : p, turns ? { x: dy, dy: x } : { x, dy });
  },
};

/**
 * Dispatches `kernel` for each window of the pixels that `p` sums over, each sum cut into chunks; one dispatch more
 * joins them.
 */
function weightGradInChunks(
  l: Lowering,
  kernel: Kernel,
  p: ConvProblem,
  { x, dy }: Readonly<Record<"x" | "dy", MemoryHandle>>,
): void {
  const size = sizeOf(l.outputs[0].shape);
  const windows = convWindows(p, l.room(l.inputs[0].dtype));
  // The sums of a window follow those of the one before: a binding must be able to start there.
  const sums = l.room("f32");
  const step = windows.length === 1 ? 1 : alignedStep(size, sums);
  const most = Math.max(1, Math.floor(sums.most / size / windows.length));
  const cuts = windows.map((window) => {
    const { chunk, chunks } = splitWeightGrad(kernel, window.p, l.traits);
    const longer = ceilDiv(chunks, most);
    return { chunk: longer * chunk, chunks: step * ceilDiv(ceilDiv(chunks, longer), step) };
  });
  const all = cuts.reduce((n, { chunks }) => n + chunks, 0);
  const dw = all === 1 ? l.output(0) : l.scratch(4 * all * size);
  let first = 0;
  windows.forEach((window, i) => {
    const { chunks } = cuts[i]!;
    const own = l.part(dw, { first: first * size, count: chunks * size });
    l.dispatch(kernel, { ...window.p, ...cuts[i] }, { x: l.part(x, window.x), dy: l.part(dy, window.y), dw: own });
    first += chunks;
  });
  if (all > 1) joinParts(l, dw, all, size);
}

/** Dispatches the sum of `count` parts of `size` floats each → output 0: of groups first where a binding can't hold all. */
function joinParts(l: Lowering, parts: MemoryHandle, count: number, size: number): void {
  const room = l.room("f32");
  const most = Math.floor(room.most / size);
  if (count <= most || most < 2 || size % room.align !== 0) {
    l.dispatch(sumPartials, { n: size, splits: count }, { x: parts, y: l.output(0) });
    return;
  }
  const groups = rangesOf(count, most);
  const joined = l.scratch(4 * groups.length * size);
  groups.forEach((group, i) => {
    const x = l.part(parts, runOf(group, size));
    l.dispatch(
      sumPartials,
      { n: size, splits: group.to - group.from },
      { x, y: l.part(joined, { first: i * size, count: size }) },
    );
  });
  joinParts(l, joined, groups.length, size);
}

/** conv2d of tensors and attributes that were checked. */
export const conv2dRaw = (
  x: Tensor,
  w: Tensor,
  { stride, pad, padMode = "zero", dilation, groups }: ConvAttrs,
): Tensor => apply(conv2dOp, alike(x, w), { stride, pad, padMode, dilation, groups });

/**
 * Gradient of conv2d to its image: dy [N, P, Q, K], w [R, S, C/groups, K] → [N, H, W, C] with [H, W] = `size`. Throws
 * ShapeError.
 */
export function conv2dInputGrad(
  dy: Tensor,
  w: Tensor,
  { stride, pad, padMode, dilation, groups, size }: ConvInputGradAttrs,
): Tensor {
  const op = "conv2dInputGrad";
  const a = { stride, pad, dilation, groups, size };
  const [n, p, q, k] = sizesOf(op, "dy", dy, "[N, P, Q, K]");
  const [r, s, perGroup, filters] = sizesOf(op, "w", w, "[R, S, C/groups, K]");
  if (k !== filters)
    throw new ShapeError(
      op,
      `dy ${show(dy.shape)} has K = ${k}, w ${show(w.shape)} has K = ${filters}; they must be equal`,
    );
  const [rows, columns] = outputSize(op, size, [r, s], a);
  if (p !== rows || q !== columns)
    throw new ShapeError(
      op,
      `dy ${show(dy.shape)} does not come from an image of ${size[0]} × ${size[1]}: ` +
        `P × Q would be ${rows} × ${columns}`,
    );
  if (padMode !== "reflect") return apply(conv2dInputGradOp, alike(dy, w), a);
  checkMirror([n, ...size, perGroup * groups], pad, padMode);
  // The gradient of the grown image, folded back at its edges.
  const around = grows(pad);
  const mirrored = { ...a, pad: crops(pad), size: grown(size[0], size[1], around) };
  return unmirror(apply(conv2dInputGradOp, alike(dy, w), mirrored), size, around);
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
  const op = "conv2dWeightGrad";
  const a = { stride, pad, padMode, dilation, groups, filter };
  const [n, h, w] = sizesOf(op, "x", x, "[N, H, W, C]");
  const [images, p, q] = sizesOf(op, "dy", dy, "[N, P, Q, K]");
  const [rows, columns] = outputSize(op, [h, w], filter, a);
  checkMirror(x.shape, pad, padMode);
  if (images !== n || p !== rows || q !== columns)
    throw new ShapeError(
      op,
      `dy ${show(dy.shape)} does not belong to x ${show(x.shape)}; N × P × Q would be ${n} × ${rows} × ${columns}`,
    );
  return apply(conv2dWeightGradOp, alike(x, dy), a);
}
