// Chains of our ops that are one op of ONNX: batch norm by running statistics, instance norm, a convolution with its
// bias.
import type { Tensor } from "../../engine/index.ts";
import { type OpNode, asOpNode, beforeExpand, withoutPasses, withoutSingles } from "./graph.ts";
import type { Exporter } from "./exporter.ts";
import { convolution } from "./spatial.ts";

/** A pattern found at the node that ends it: the tensors it reads, and how it is written. */
export interface Match {
  readonly inputs: readonly Tensor[];
  emit(e: Exporter): string;
}

/** The pattern that a node ends, if it ends one. */
export function matchPattern(node: OpNode, e: Exporter): Match | undefined {
  if (node.op.name === "add") return matchNorm(node, e) ?? matchBias(node, e);
  return node.op.name === "mul" ? matchNorm(node, e) : undefined;
}

/** What two operands are where one is a weight [C] or a number beside channels that stand last. */
function splitWeight({ inputs, outputs }: OpNode, e: Exporter): { x: Tensor; w: Tensor } | undefined {
  const channels = outputs[0].shape.at(-1)!;
  const isWeight = (t: Tensor): boolean => {
    const b = beforeExpand(t);
    return e.isConstant(b) && b.size === channels && (b.shape.at(-1) === channels || channels === 1);
  };
  const a = withoutPasses(inputs[0]);
  const b = withoutPasses(inputs[1]);
  if (isWeight(b) && !e.isConstant(a)) return { x: a, w: b };
  return isWeight(a) && !e.isConstant(b) ? { x: b, w: a } : undefined;
}

/** [y · weight] + bias where y = (x − mean) · 1/√(variance + eps), the weight and bias optional. */
function matchNorm(node: OpNode, e: Exporter): Match | undefined {
  const added = node.op.name === "add" ? splitWeight(node, e) : undefined;
  if (node.op.name === "add" && !added) return undefined;
  const scaled = added ? asOpNode(added.x) : node;
  if (added && scaled.op.name !== "mul") return undefined;
  const multiplied = unitOf(scaled, e) ? undefined : splitWeight(scaled, e);
  const unit = unitOf(multiplied ? asOpNode(multiplied.x) : scaled, e);
  if (!unit) return undefined;
  const { x, mean, variance, eps } = unit;
  const channels = x.shape[3]!;
  const filled =
    (t: Tensor | undefined, value: number): ((e: Exporter) => string) =>
    (e) =>
      t
        ? e.vector(t, channels)
        : e.initializer("", "f32", [channels], new Float32Array(channels).fill(value), `fill ${channels} ${value}`);
  const weight = filled(multiplied?.w, 1);
  const bias = filled(added?.w, 0);
  const attributes = { epsilon: { float: eps } };
  if (e.isConstant(mean) && e.isConstant(variance)) {
    if (mean.size !== channels || variance.size !== channels) return undefined;
    return {
      inputs: [x],
      emit: (e) =>
        e.node(
          "BatchNormalization",
          [e.value(x), weight(e), bias(e), e.vector(mean, channels), e.vector(variance, channels)],
          attributes,
        ),
    };
  }
  const { op, inputs, attrs } = asOpNode(mean);
  const axes = (attrs as { axes?: readonly number[] }).axes;
  if (
    op.name !== "moments" ||
    variance.node !== mean.node ||
    mean.index !== 0 ||
    variance.index !== 1 ||
    withoutPasses(inputs[0]) !== x ||
    axes?.join() !== "1,2"
  )
    return undefined;
  return { inputs: [x], emit: (e) => e.node("InstanceNormalization", [e.value(x), weight(e), bias(e)], attributes) };
}

/** (x − mean) · 1/√(variance + eps) of an image. */
function unitOf(
  { op, inputs, outputs }: OpNode,
  e: Exporter,
): { x: Tensor; mean: Tensor; variance: Tensor; eps: number } | undefined {
  if (op.name !== "mul" || outputs[0].rank !== 4) return undefined;
  const centred = withoutSingles(inputs[0]);
  const root = withoutSingles(inputs[1]);
  if (withoutPasses(inputs[0]).node.op.name !== "sub" || root.node.op.name !== "rsqrt") return undefined;
  const sum = withoutSingles(asOpNode(root).inputs[0]);
  if (sum.node.op.name !== "add") return undefined;
  const [variance, added] = asOpNode(sum).inputs;
  const eps = withoutSingles(added);
  const [from, mean] = asOpNode(centred).inputs;
  const x = withoutPasses(from);
  if (eps.node.op.name !== "constant" || e.isConstant(x)) return undefined;
  const { value } = eps.node.attrs as { value: number };
  return { x, mean: withoutSingles(mean), variance: withoutSingles(variance), eps: value };
}

/** A convolution, used nowhere else, and its bias. */
function matchBias(node: OpNode, e: Exporter): Match | undefined {
  const { x, w } = splitWeight(node, e) ?? {};
  if (!x || !w || !["conv2d", "conv2d-input-grad"].includes(x.node.op.name) || e.uses(x) > 1) return undefined;
  return {
    inputs: x.node.inputs.map(withoutPasses),
    emit: (e) => convolution(e, asOpNode(x), e.vector(w, x.shape[3]!)),
  };
}
