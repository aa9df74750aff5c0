// How each op of ours is written in ONNX. What is not here has no form there.
import type { Tensor } from "../../engine/index.ts";
import type { OnnxAttribute } from "./file.ts";
import { type Node, OnnxError, TO_NCHW, TO_NHWC, onnxAxis, onnxShape } from "./graph.ts";
import type { Exporter } from "./export.ts";

/** Writes a node; the names of its outputs. */
type Emit = (e: Exporter, node: Node) => string | string[];

const ELEMENT_TYPES: Readonly<Record<string, number>> = { f32: 1, i32: 6, bool: 9, f16: 10, u32: 12 };

const elementwise =
  (op: string, attributes?: (attrs: object) => Readonly<Record<string, OnnxAttribute>>): Emit =>
  (e, { inputs, outputs, attrs }) =>
    e.node(op, e.operands(inputs, outputs[0].shape), attributes?.(attrs));
/** Of one operand: a chain of nodes. */
const chain =
  (...ops: string[]): Emit =>
  (e, { inputs, outputs }) =>
    ops.reduce((x, op, i) => e.node(op, i === 0 ? e.operands(inputs, outputs[0].shape) : [x]), "");
const withOne =
  (first: string, second: string): Emit =>
  (e, { inputs, outputs }) => {
    const [x] = e.operands(inputs, outputs[0].shape);
    const one = e.scalar(1);
    return first === "Add" ? e.node(second, [e.node("Add", [x, one])]) : e.node(second, [e.node(first, [x]), one]);
  };

const reduction =
  (op: string): Emit =>
  (e, { inputs: [x], attrs }) =>
    e.node(op, [e.value(x), e.integers(axesOf(attrs, x))], { keepdims: 1 });
const axesOf = (attrs: object, x: Tensor): number[] =>
  (attrs as { axes: readonly number[] }).axes.map((d) => onnxAxis(d, x.rank)).sort((a, b) => a - b);

/** An image's ONNX value turned to our order of axes, and back: for ops that see elements in order. */
const inOurOrder = (e: Exporter, t: Tensor): string =>
  t.rank === 4 ? e.node("Transpose", [e.value(t)], { perm: TO_NHWC }) : e.value(t);
const inOnnxOrder = (e: Exporter, name: string, rank: number): string =>
  rank === 4 ? e.node("Transpose", [name], { perm: TO_NCHW }) : name;

const identity = (perm: readonly number[]): boolean => perm.every((d, i) => d === i);

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

function padded(
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
function pool(e: Exporter, { inputs: [x], attrs }: Node, op: "MaxPool" | "AveragePool"): string {
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

function resize(e: Exporter, { inputs: [x], attrs }: Node): string {
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

interface Slice {
  start: readonly number[];
  step: readonly number[];
  shape: readonly number[];
}

function slice(e: Exporter, { inputs: [x], attrs }: Node): string {
  const { start, step, shape } = attrs as Slice;
  const axes = shape.map((_, d) => d).filter((d) => shape[d] !== x.shape[d] || step[d] !== 1);
  // Past the first element stands −(n + 1): a −1 would be the last.
  const ends = axes.map((d) => {
    const end = start[d] + step[d] * shape[d];
    return end < 0 ? -(x.shape[d] + 1) : end;
  });
  return e.node("Slice", [
    e.value(x),
    e.integers(axes.map((d) => start[d])),
    e.integers(ends),
    e.integers(axes.map((d) => onnxAxis(d, x.rank))),
    e.integers(axes.map((d) => step[d])),
  ]);
}

/** Zeros around x, and between its elements where it steps. */
function place(e: Exporter, { inputs: [x], outputs: [y], attrs }: Node): string {
  const { start, step } = attrs as Slice;
  if (step.some((n) => n !== 1))
    throw new OnnxError("elements placed apart have no form in ONNX here; export a network without them");
  const low = onnxShape(start);
  const high = onnxShape(y.shape.map((n, d) => n - start[d] - x.shape[d]));
  return e.node("Pad", [e.value(x), e.integers([...low, ...high])], { mode: "constant" });
}

const PAD_MODES: Readonly<Record<string, string>> = { constant: "constant", reflect: "reflect", replicate: "edge" };

function reshape(e: Exporter, { inputs: [x], outputs: [y] }: Node): string {
  const kept = keptAxes(x.shape, y.shape);
  if (!kept) {
    // 0 takes the size over: the batch stays free.
    const sizes = y.shape.map((n, d) => (d === 0 && n === x.shape[0] && n > 0 ? 0 : n));
    return inOnnxOrder(e, e.node("Reshape", [inOurOrder(e, x), e.integers(sizes)]), y.rank);
  }
  // Only sizes of 1 come or go: the others keep their order among themselves, which in an image is another than in a
  // list.
  const stored = (rank: number, axes: readonly number[]): number[] =>
    axes
      .map((d, i) => ({ i, at: onnxAxis(d, rank) }))
      .sort((a, b) => a.at - b.at)
      .map(({ i }) => i);
  const without = (t: Tensor, axes: readonly number[]): number[] =>
    t.shape
      .map((_, d) => d)
      .filter((d) => !axes.includes(d))
      .map((d) => onnxAxis(d, t.rank))
      .sort((a, b) => a - b);
  const from = stored(
    x.rank,
    kept.map(([a]) => a),
  );
  const to = stored(
    y.rank,
    kept.map(([, b]) => b),
  );
  const perm = to.map((i) => from.indexOf(i));
  const dropped = without(
    x,
    kept.map(([a]) => a),
  );
  const added = without(
    y,
    kept.map(([, b]) => b),
  );
  let name = e.value(x);
  if (dropped.length) name = e.node("Squeeze", [name, e.integers(dropped)]);
  if (!identity(perm)) name = e.node("Transpose", [name], { perm });
  return added.length ? e.node("Unsqueeze", [name, e.integers(added)]) : name;
}

/**
 * Pairs of axes of a and b that a reshape between them only drops or adds sizes of 1 beside; undefined if it does
 * more.
 */
function keptAxes(a: readonly number[], b: readonly number[]): [number, number][] | undefined {
  const kept: [number, number][] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && a[i] === b[j]) kept.push([i++, j++]);
    else if (a[i] === 1) i++;
    else if (b[j] === 1) j++;
    else return undefined;
  }
  return kept;
}

function transpose(e: Exporter, { inputs: [x], attrs }: Node): string {
  const { perm } = attrs as { perm: readonly number[] };
  const composed = perm.length === 4 ? TO_NCHW.map((d) => onnxAxis(perm[d], 4)) : perm;
  return identity(composed) ? e.value(x) : e.node("Transpose", [e.value(x)], { perm: composed });
}

function matmul(e: Exporter, { inputs, attrs }: Node): string {
  const { transposeA, transposeB } = attrs as { transposeA: boolean; transposeB: boolean };
  const [a, b] = inputs.map((t, i) =>
    [transposeA, transposeB][i] ? e.node("Transpose", [e.value(t)], { perm: [0, 2, 1] }) : e.value(t),
  );
  return e.node("MatMul", [a, b]);
}

function moments(e: Exporter, { inputs: [x], attrs }: Node): string[] {
  const axes = e.integers(axesOf(attrs, x));
  const mean = e.node("ReduceMean", [e.value(x), axes], { keepdims: 1 });
  const centred = e.node("Sub", [e.value(x), mean]);
  return [mean, e.node("ReduceMean", [e.node("Mul", [centred, centred]), axes], { keepdims: 1 })];
}

export const emitters: Readonly<Record<string, Emit>> = {
  add: elementwise("Add"),
  sub: elementwise("Sub"),
  mul: elementwise("Mul"),
  div: elementwise("Div"),
  pow: elementwise("Pow"),
  maximum: elementwise("Max"),
  minimum: elementwise("Min"),
  where: elementwise("Where"),
  prelu: elementwise("PRelu"),
  equal: elementwise("Equal"),
  less: elementwise("Less"),
  "less-equal": elementwise("LessOrEqual"),
  greater: elementwise("Greater"),
  "greater-equal": elementwise("GreaterOrEqual"),
  "not-equal": chain("Equal", "Not"),
  neg: chain("Neg"),
  abs: chain("Abs"),
  sign: chain("Sign"),
  sqrt: chain("Sqrt"),
  rsqrt: chain("Sqrt", "Reciprocal"),
  reciprocal: chain("Reciprocal"),
  exp: chain("Exp"),
  log: chain("Log"),
  sin: chain("Sin"),
  cos: chain("Cos"),
  atan: chain("Atan"),
  erf: chain("Erf"),
  floor: chain("Floor"),
  ceil: chain("Ceil"),
  round: chain("Round"),
  expm1: withOne("Exp", "Sub"),
  log1p: withOne("Add", "Log"),
  erfc: (e, { inputs: [x] }) => e.node("Sub", [e.scalar(1), e.node("Erf", [e.value(x)])]),
  square: (e, { inputs: [x] }) => e.node("Mul", [e.value(x), e.value(x)]),
  copy: (e, { inputs: [x] }) => e.value(x),
  cast: elementwise("Cast", (a) => ({ to: ELEMENT_TYPES[(a as { dtype: string }).dtype] })),
  relu: chain("Relu"),
  tanh: chain("Tanh"),
  sigmoid: chain("Sigmoid"),
  softplus: chain("Softplus"),
  "leaky-relu": elementwise("LeakyRelu", (a) => ({ alpha: { float: (a as { slope: number }).slope } })),
  elu: (e, { inputs: [x, alpha] }) => {
    if (alpha.node.op.name !== "constant")
      throw new OnnxError("elu with a computed alpha has no form in ONNX; give a number");
    return e.node("Elu", [e.value(x)], { alpha: { float: (alpha.node.attrs as { value: number }).value } });
  },
  clamp: (e, { inputs: [x, ...bounds] }) => {
    const [low, high] = bounds.map((t) =>
      t.node.op.name === "constant" ? (t.node.attrs as { value: number }).value : undefined,
    );
    if (low === undefined || high === undefined)
      return e.node("Min", [e.node("Max", [e.value(x), e.value(bounds[0])]), e.value(bounds[1])]);
    return e.node("Clip", [
      e.value(x),
      low === -Infinity ? "" : e.scalar(low, x.dtype),
      ...(high === Infinity ? [] : [e.scalar(high, x.dtype)]),
    ]);
  },
  "reduce-sum": reduction("ReduceSum"),
  "reduce-max": reduction("ReduceMax"),
  "reduce-min": reduction("ReduceMin"),
  "reduce-prod": reduction("ReduceProd"),
  "reduce-sums": (e, node) =>
    node.inputs.map((x) => e.node("ReduceSum", [e.value(x), e.integers(axesOf(node.attrs, x))], { keepdims: 1 })),
  moments,
  reshape,
  transpose,
  slice,
  place,
  matmul,
  resize,
  // 1 leaves a size as it is: the batch stays free.
  expand: (e, { inputs: [x], outputs: [y] }) =>
    e.node("Expand", [e.value(x), e.integers(onnxShape(y.shape.map((n, d) => (n === x.shape[d] ? 1 : n))))]),
  concat: (e, { inputs, attrs }) =>
    e.node(
      "Concat",
      inputs.map((x) => e.value(x)),
      { axis: onnxAxis((attrs as { axis: number }).axis, inputs[0].rank) },
    ),
  pad: (e, { inputs: [x], attrs }) => {
    const {
      y,
      x: across,
      mode,
      value,
    } = attrs as { y: readonly number[]; x: readonly number[]; mode: string; value: number };
    if (!Object.hasOwn(PAD_MODES, mode))
      throw new OnnxError(`${mode} padding has no form in ONNX's opset 18; use reflect, replicate or constant`);
    return padded(e, e.value(x), [y[0], across[0], y[1], across[1]], PAD_MODES[mode], value);
  },
  conv2d: (e, node) => convolution(e, node),
  "conv2d-input-grad": (e, node) => convolution(e, node),
  "max-pool-2d": (e, node) => pool(e, node, "MaxPool"),
  "avg-pool-2d": (e, node) => pool(e, node, "AveragePool"),
};
