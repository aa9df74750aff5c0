// How each op of ours is written in ONNX. What is not here has no form there.
import type { DType, Tensor } from "../../engine/index.ts";
import type { OnnxAttribute } from "./file.ts";
import type { Exporter } from "./exporter.ts";
import { type OpNode, OnnxError, onnxAxis, onnxShape } from "./graph.ts";
import { place, reshape, slice, transpose } from "./movement.ts";
import { convolution, padded, pool, resize } from "./spatial.ts";

/** Writes a node; the names of its outputs. */
type Emit = (e: Exporter, node: OpNode) => string | string[];

const ELEMENT_TYPES: Readonly<Record<DType, number>> = { f32: 1, i32: 6, bool: 9, f16: 10, u32: 12 };

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
    return first === "Add" ? e.node(second, [e.node("Add", [x!, one])]) : e.node(second, [e.node(first, [x!]), one]);
  };

const reduction =
  (op: string): Emit =>
  (e, { inputs: [x], attrs }) =>
    e.node(op, [e.value(x), e.integers(axesOf(attrs, x))], { keepdims: 1 });
const axesOf = (attrs: object, x: Tensor): number[] =>
  (attrs as { axes: readonly number[] }).axes.map((d) => onnxAxis(d, x.rank)).sort((a, b) => a - b);

const PAD_MODES: Readonly<Partial<Record<string, string>>> = {
  constant: "constant",
  reflect: "reflect",
  replicate: "edge",
};

interface Pad {
  /** Before and after. */
  readonly y: readonly [number, number];
  readonly x: readonly [number, number];
  readonly mode: string;
  readonly value: number;
}

function matmul(e: Exporter, { inputs, attrs }: OpNode): string {
  const { transposeA, transposeB } = attrs as { transposeA: boolean; transposeB: boolean };
  const [a, b] = inputs;
  const operand = (t: Tensor, transposed: boolean): string =>
    transposed ? e.node("Transpose", [e.value(t)], { perm: [0, 2, 1] }) : e.value(t);
  return e.node("MatMul", [operand(a, transposeA), operand(b, transposeB)]);
}

function moments(e: Exporter, { inputs: [x], attrs }: OpNode): string[] {
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
  cast: elementwise("Cast", (a) => ({ to: ELEMENT_TYPES[(a as { dtype: DType }).dtype] })),
  relu: chain("Relu"),
  tanh: chain("Tanh"),
  sigmoid: chain("Sigmoid"),
  softplus: chain("Softplus"),
  "leaky-relu": (e, { inputs: [x], attrs }) =>
    e.node("LeakyRelu", [e.value(x)], { alpha: { float: (attrs as { slope: number }).slope } }),
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
      return e.node("Min", [e.node("Max", [e.value(x), e.value(bounds[0])]), e.value(bounds[1]!)]);
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
    const { y, x: across, mode, value } = attrs as Pad;
    const onnxMode = PAD_MODES[mode];
    if (onnxMode === undefined)
      throw new OnnxError(`${mode} padding has no form in ONNX's opset 18; use reflect, replicate or constant`);
    return padded(e, e.value(x), [y[0], across[0], y[1], across[1]], onnxMode, value);
  },
  conv2d: (e, node) => convolution(e, node),
  "conv2d-input-grad": (e, node) => convolution(e, node),
  "max-pool-2d": (e, node) => pool(e, node, "MaxPool"),
  "avg-pool-2d": (e, node) => pool(e, node, "AveragePool"),
};
