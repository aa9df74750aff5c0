// dw of y = x ∗ w: a sum over all pixels.
import { type ConvProblem, turned } from "../../kernels/conv2d/conv2d-problem.ts";
import { conv2dWeightGradKernels, splitWeightGrad, turnsWeightGrad } from "../../kernels/conv2d/conv2d-weight-grad.ts";
import { convWindows } from "../../kernels/conv2d/conv2d-windows.ts";
import type { Kernel } from "../../kernels/kernel.ts";
import { ceilDiv } from "../../kernels/launch.ts";
import { sumPartials } from "../../kernels/reduce/sum-partials.ts";
import { alignedStep, rangesOf, runOf } from "../../kernels/windows.ts";
import { winogradWeightGradOutput } from "../../kernels/winograd/winograd-weight-grad.ts";
import { alike } from "../autocast.ts";
import { ShapeError } from "../errors.ts";
import type { KernelOp, Lowering, MemoryHandle } from "../op.ts";
import { type Two, problemOf, selectMirroring, specsOf } from "../ops/conv-problem.ts";
import { type ConvWeightGradAttrs, checkMirror, outputSize, sizesOf } from "../ops/conv-shapes.ts";
import { ofRank, show, sizeOf } from "../shape.ts";
import { type Tensor, apply } from "../tensor.ts";
import { winogradWeightGrad } from "./winograd-weight-grad.ts";

/** x [N, H, W, C], dy [N, P, Q, K] → dw [R, S, C/groups, K], f32: its sums are long. */
export const conv2dWeightGradOp: KernelOp<ConvWeightGradAttrs> = {
  kind: "kernel",
  name: "conv2d-weight-grad",
  infer: ([x, dy]: Two, a) => {
    const [, , , c] = ofRank(x.shape, 4);
    const [, , , k] = ofRank(dy.shape, 4);
    return [{ shape: [...a.filter, c / a.groups, k], dtype: "f32" }];
  },
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

/**
 * Dispatches the sum of `count` parts of `size` floats each → output 0: of groups first where a binding can't hold all.
 */
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
