// Convolutions, pools and resizes as ONNX has them.
import type { Tensor } from "../../engine/index.ts";
import type { OnnxAttribute } from "./file.ts";
import type { Exporter } from "./exporter.ts";
import { type OpNode, OnnxError } from "./graph.ts";

type Border = readonly [top: number, left: number, bottom: number, right: number];

interface Conv {
  stride: readonly [number, number];
  pad: Border;
  dilation: readonly [number, number];
  groups: number;
  padMode?: string;
  size?: readonly [number, number];
}

/** A convolution or its transpose, with a bias. */
export function convolution(e: Exporter, { op, inputs: [x, w], outputs: [y], attrs }: OpNode, bias?: string): string {
  const { stride, pad, padMode, dilation, groups } = attrs as Conv;
  const more = bias === undefined ? [] : [bias];
  const common = { strides: stride, dilations: dilation, group: groups, kernel_shape: w.shape.slice(0, 2) };
  if (op.name === "conv2d") {
    // A mirrored border and a crop are pads of their own, one after the other; ONNX's convolution knows zeros.
    const reflects = padMode === "reflect";
    const crops = pad.some((n) => n < 0);
    let image = e.value(x);
    if (reflects)
      image = padded(
        e,
        image,
        eachSide(pad, (n) => Math.max(n, 0)),
        "reflect",
      );
    if (crops) image = padded(e, image, reflects ? eachSide(pad, (n) => Math.min(n, 0)) : pad, "constant");
    return e.node("Conv", [image, e.filter(w), ...more], { ...common, pads: reflects || crops ? [0, 0, 0, 0] : pad });
  }
  if (pad[0] < 0 || pad[1] < 0)
    throw new OnnxError(
      `a transposed convolution that pads by ${pad.join(", ")} has no form in ONNX; pad its result instead`,
    );
  const [down, across] = [0, 1].map((d) => transposedPads(attrs as Conv, x, w, d)) as [TransposedPads, TransposedPads];
  if (!down.fits || !across.fits)
    throw new OnnxError(
      `a transposed convolution to ${y.shape[1]} × ${y.shape[2]} has no form in ONNX; ` +
        "choose a size that its stride reaches",
    );
  return e.node("ConvTranspose", [e.value(x), e.filter(w), ...more], {
    ...common,
    pads: [pad[0], pad[1], down.end, across.end],
    ...(down.extra > 0 || across.extra > 0 ? { output_padding: [down.extra, across.extra] } : {}),
  });
}

const eachSide = ([top, left, bottom, right]: Border, f: (n: number) => number): Border => [
  f(top),
  f(left),
  f(bottom),
  f(right),
];

interface TransposedPads {
  /** Padding at the end of the axis. */
  readonly end: number;
  /** ONNX's output padding. */
  readonly extra: number;
  readonly fits: boolean;
}

/** Along one axis: what the end is padded less than the beginning is ONNX's output padding, as in PyTorch. */
function transposedPads({ stride, pad, dilation, size }: Conv, x: Tensor, w: Tensor, d: number): TransposedPads {
  const most = Math.max(stride[d]!, dilation[d]!);
  const first = pad[d]!;
  const last = pad[d + 2]!;
  const end = last < first && first - last < most ? first : Math.max(last, 0);
  const whole = (x.shape[d + 1]! - 1) * stride[d]! + dilation[d]! * (w.shape[d]! - 1) + 1;
  const extra = size![d]! - (whole - first - end);
  return { end, extra, fits: extra === 0 || (extra > 0 && extra < Math.max(most, 1)) };
}

/** x with the border [top, left, bottom, right] in a mode of ONNX. */
export function padded(e: Exporter, x: string, [top, left, bottom, right]: Border, mode: string, value = 0): string {
  return e.node("Pad", [x, e.integers([0, 0, top, left, 0, 0, bottom, right]), ...(value ? [e.scalar(value)] : [])], {
    mode,
  });
}

interface Pool {
  h: number;
  w: number;
  p: number;
  q: number;
  kernelY: number;
  kernelX: number;
  strideY: number;
  strideX: number;
  padY: number;
  padX: number;
  dilationY: number;
  dilationX: number;
  adaptive: number;
  countPad: number;
  divisor: number;
}

/** Windows of a pooling; its end is padded by what the last window hangs over. */
export function pool(e: Exporter, { inputs: [x], attrs }: OpNode, op: "MaxPool" | "AveragePool"): string {
  const a = attrs as Pool;
  if (a.adaptive) {
    if (a.h % a.p || a.w % a.q)
      throw new OnnxError(
        `adaptive pooling of ${a.h} × ${a.w} to ${a.p} × ${a.q} has no form in ONNX; choose sizes that divide`,
      );
    return e.node(op, [e.value(x)], { kernel_shape: [a.h / a.p, a.w / a.q], strides: [a.h / a.p, a.w / a.q] });
  }
  const hang = (outs: number, stride: number, span: number, size: number, pad: number): number =>
    Math.max(0, (outs - 1) * stride + span - size - pad);
  const bottom = hang(a.p, a.strideY, a.dilationY * (a.kernelY - 1) + 1, a.h, a.padY);
  const right = hang(a.q, a.strideX, a.dilationX * (a.kernelX - 1) + 1, a.w, a.padX);
  const common = {
    kernel_shape: [a.kernelY, a.kernelX],
    strides: [a.strideY, a.strideX],
    pads: [a.padY, a.padX, bottom, right],
  };
  if (op === "MaxPool") return e.node(op, [e.value(x)], { ...common, dilations: [a.dilationY, a.dilationX] });
  if (bottom > a.padY || right > a.padX)
    throw new OnnxError(
      "average pooling in ceil mode whose windows hang over the edge has no form in ONNX; pad the image instead",
    );
  const mean = e.node(op, [e.value(x)], { ...common, count_include_pad: a.countPad || a.divisor ? 1 : 0 });
  return a.divisor ? e.node("Mul", [mean, e.scalar((a.kernelY * a.kernelX) / a.divisor)]) : mean;
}

interface Resize {
  h: number;
  w: number;
  p: number;
  q: number;
  mode: "nearest" | "bilinear";
  alignCorners: boolean;
}

export function resize(e: Exporter, { inputs: [x], attrs }: OpNode): string {
  const { h, w, p, q, mode, alignCorners } = attrs as Resize;
  if (mode === "nearest" && (p % h || q % w)) {
    // Runtimes round source coordinates in f32: the rows and columns are listed instead.
    const table = (from: number, to: number): string =>
      e.integers(Array.from({ length: to }, (_, o) => Math.floor((o * from) / to)));
    return e.node("Gather", [e.node("Gather", [e.value(x), table(h, p)], { axis: 2 }), table(w, q)], { axis: 3 });
  }
  const attributes: Readonly<Record<string, OnnxAttribute>> =
    mode === "nearest"
      ? { mode, coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" }
      : { mode: "linear", coordinate_transformation_mode: alignCorners ? "align_corners" : "half_pixel" };
  return e.node("Resize", [e.value(x), "", "", e.integers([p, q])], { ...attributes, axes: [2, 3] });
}
