// What a convolution or a gradient of it hands to its kernels, and how it dispatches them.
//   y[n,p,q,k] = Σ_{r,s,c} x[n, p·stride + r·dil − pad, q·stride + s·dil − pad, c] · w[r,s,c,k]
import { type ConvProblem, mirrors } from "../../kernels/conv2d/conv2d-problem.ts";
import type { Kernel, Run } from "../../kernels/kernel.ts";
import { ceilDiv, splitDepth } from "../../kernels/launch.ts";
import { sumPartials } from "../../kernels/reduce/sum-partials.ts";
import type { Lowering, MemoryHandle, Spec } from "../op.ts";
import { ofRank } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { type ConvAttrs, type Pads, crops, grown, grows } from "./conv-shapes.ts";
import { mirroredCopy } from "./pad.ts";

/** The least m of which m·dil is a multiple of the stride. */
const period = (stride: number, dil: number): number => {
  let m = 1;
  while ((m * dil) % stride !== 0) m++;
  return m;
};

/** The problem of an image x, a filter w and an output y, of which two are stored as `dtype`. */
export function problemOf(
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
export function specsOf(l: Lowering): [first: Spec, second: Spec, output: Spec] {
  return [l.inputs[0]!, l.inputs[1]!, l.outputs[0]!];
}

/**
 * The kernel for the problem, and x for it: the first input, or a copy with its mirror image for a kernel that can't
 * mirror.
 */
export function selectMirroring(
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
export interface Part {
  readonly p: ConvProblem;
  readonly out: Run;
  buffers(out: MemoryHandle): Readonly<Record<string, MemoryHandle>>;
}

/**
 * Dispatches `kernel` for each window of the problem `whole`; its sum of `depth` terms is cut into chunks that a second
 * dispatch joins where one does not fill the device.
 */
export function inChunks(l: Lowering, kernel: Kernel, whole: ConvProblem, depth: number, parts: readonly Part[]): void {
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
export type Two = readonly [Tensor, Tensor];
