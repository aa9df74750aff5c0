// Convolutions, pools and resizes as ONNX has them.
import type { OnnxAttribute } from "./file.ts";
import type { Exporter } from "./exporter.ts";
import { type Node, OnnxError } from "./graph.ts";

interface Conv {
  stride: readonly number[];
  pad: readonly number[];
  dilation: readonly number[];
  groups: number;
  padMode?: string;
  size?: readonly [number, number];
}

/** A convolution or its transpose, with a bias. */
export function convolution(e: Exporter, { op, inputs: [x, w], outputs: [y], attrs }: Node, bias?: string): string {
  const { stride, pad, padMode, dilation, groups, size } = attrs as Conv;
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
        pad.map((n) => Math.max(n, 0)),
        "reflect",
      );
    if (crops) image = padded(e, image, reflects ? pad.map((n) => Math.min(n, 0)) : pad, "constant");
    return e.node("Conv", [image, e.filter(w), ...more], { ...common, pads: reflects || crops ? [0, 0, 0, 0] : pad });
  }
  if (pad[0] < 0 || pad[1] < 0)
    throw new OnnxError(
      `a transposed convolution that pads by ${pad.join(", ")} has no form in ONNX; pad its result instead`,
    );
  // What the end is padded less than the beginning is ONNX's output padding, as in PyTorch.
  const end = [0, 1].map((d) =>
    pad[d + 2] < pad[d] && pad[d] - pad[d + 2] < Math.max(stride[d], dilation[d]) ? pad[d] : Math.max(pad[d + 2], 0),
  );
  const extra = [0, 1].map(
    (d) => size![d] - ((x.shape[d + 1] - 1) * stride[d] + dilation[d] * (w.shape[d] - 1) + 1 - pad[d] - end[d]),
  );
  if (extra.some((n, d) => n < 0 || (n >= Math.max(stride[d], dilation[d], 1) && n > 0)))
    throw new OnnxError(
      `a transposed convolution to ${y.shape[1]} × ${y.shape[2]} has no form in ONNX; choose a size that its stride reaches`,
    );
  return e.node("ConvTranspose", [e.value(x), e.filter(w), ...more], {
    ...common,
    pads: [pad[0], pad[1], ...end],
    ...(extra.some((n) => n > 0) ? { output_padding: extra } : {}),
  });
}

/** x with the border [top, left, bottom, right] in a mode of ONNX. */
export function padded(
  e: Exporter,
  x: string,
  [top, left, bottom, right]: readonly number[],
  mode: string,
  value = 0,
): string {
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
export function pool(e: Exporter, { inputs: [x], attrs }: Node, op: "MaxPool" | "AveragePool"): string {
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
  const spans = [a.dilationY * (a.kernelY - 1) + 1, a.dilationX * (a.kernelX - 1) + 1];
  const end = [hang(a.p, a.strideY, spans[0], a.h, a.padY), hang(a.q, a.strideX, spans[1], a.w, a.padX)];
  const common = {
    kernel_shape: [a.kernelY, a.kernelX],
    strides: [a.strideY, a.strideX],
    pads: [a.padY, a.padX, ...end],
  };
  if (op === "MaxPool") return e.node(op, [e.value(x)], { ...common, dilations: [a.dilationY, a.dilationX] });
  if (end[0] > a.padY || end[1] > a.padX)
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

export function resize(e: Exporter, { inputs: [x], attrs }: Node): string {
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
