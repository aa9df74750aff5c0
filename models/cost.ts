// What a forward pass costs, counted on its graph: no GPU is asked.
import type { Tensor } from "../engine/index.ts";

export interface Cost {
  /**
   * Multiply–adds of all convolutions and matrix products, their biases being where they start; and one an element of
   * sums (residuals, noise, a layer norm's gain and bias).
   */
  macs: number;
  /**
   * Bytes of all layers' outputs in f32, were each stored: convolutions, norms, activations, pools, resizes, dropout,
   * noise. Joins and sums are not.
   */
  activationBytes: number;
  /** Convolutions and matrix products. */
  layers: number;
}

export type Node = Tensor["node"];

/** Multiply–adds of a convolution or product; sizes are those of its operands, whatever its strides. */
function macsOf({ op, inputs, outputs, attrs }: Node): number | undefined {
  const product = (shape: readonly number[]): number => shape.reduce((n, m) => n * m, 1);
  const [x, w] = inputs;
  const [y] = outputs;
  if (!x || !w || !y) return undefined;
  if (op.name === "conv2d") return y.size * product(w.shape.slice(0, 3));
  // A transposed convolution: each pixel of x meets every tap.
  if (op.name === "conv2d-input-grad") return x.size * product(w.shape.slice(0, 3));
  if (op.name === "matmul") return y.size * x.shape[(attrs as { transposeA: boolean }).transposeA ? 1 : 2]!;
  return undefined;
}

/**
 * Bytes of the mirrored image that a reflecting convolution reads: a layer of its own in the paper's classes, though
 * never stored here.
 */
function mirroredBytes({ inputs, attrs }: Node): number {
  const { pad, padMode } = attrs as {
    pad: readonly [top: number, left: number, bottom: number, right: number];
    padMode?: string;
  };
  if (padMode !== "reflect") return 0;
  const { shape, bytes } = inputs[0]!;
  const [, height, width] = shape as [number, number, number, number];
  const [top, left, bottom, right] = pad;
  return (bytes / height / width) * (height + top + bottom) * (width + left + right);
}

/** Nodes whose outputs are a layer's, beside convolutions and products; a norm in training is one "norm". */
const LAYERS = new Set([
  "norm",
  "relu",
  "leaky-relu",
  "tanh",
  "sigmoid",
  "max-pool-2d",
  "avg-pool-2d",
  "resize",
  "pad",
]);

/** Whether a value is made of random numbers alone, by elementwise ops and views. */
function isRandom({ node }: Tensor): boolean {
  if (node.op.name === "random-uniform") return true;
  if (node.op.kind === "pass") return isRandom(node.inputs[0]!);
  if (node.op.kind !== "elementwise" && node.op.kind !== "movement") return false;
  return node.inputs.some(isRandom) && node.inputs.every((t) => isRandom(t) || isConstant(t));
}
const isConstant = ({ node }: Tensor): boolean =>
  node.op.kind === "source" ? node.op.name === "constant" : node.op.kind === "movement" && isConstant(node.inputs[0]!);

/** A dropout's product or a noise's sum: random numbers meet a value that is neither random nor constant. */
const isNoisy = ({ op, inputs }: Node): boolean =>
  (op.name === "mul" || op.name === "add") &&
  inputs.some(isRandom) &&
  inputs.some((t) => !isRandom(t) && !isConstant(t));

/** Whether a node sums what the network computed; a convolution's bias is no sum of its own. */
const isSum = ({ op, inputs }: Node): boolean =>
  op.name === "add" && !inputs.some((t) => macsOf(t.node) !== undefined && isBias(inputs.find((o) => o !== t)));
const isBias = (t: Tensor | undefined): boolean =>
  t !== undefined && (t.node.op.kind === "movement" ? isBias(t.node.inputs[0]) : t.node.op.name === "variable");

/**
 * What a node is computed from. A pass gives the value of its first input; behind a norm's stand the ops it is written
 * in, and the second is what it normalises.
 */
function readBy({ op, inputs }: Node): readonly Tensor[] {
  if (op.name === "norm") return inputs.slice(1);
  return op.kind === "pass" ? inputs.slice(0, 1) : inputs;
}

/**
 * Cost of what these tensors need. Trace the network in training mode: a batch norm is a layer only there. Outputs of
 * nodes that are `uncounted` are no layer's.
 */
export function costOf(outputs: readonly Tensor[], uncounted: (node: Node) => boolean = () => false): Cost {
  const cost: Cost = { macs: 0, activationBytes: 0, layers: 0 };
  const seen = new Set<Node>();
  const stack = outputs.map((t) => t.node);
  while (stack.length) {
    const node = stack.pop()!;
    if (seen.has(node)) continue;
    seen.add(node);
    const macs = macsOf(node);
    if (macs !== undefined) {
      cost.macs += macs;
      cost.layers++;
      if (node.op.name === "conv2d") cost.activationBytes += mirroredBytes(node);
    } else if (isSum(node)) cost.macs += node.outputs[0]!.size;
    if ((macs !== undefined || LAYERS.has(node.op.name) || isNoisy(node)) && !uncounted(node))
      cost.activationBytes += node.outputs[0]!.bytes;
    for (const t of readBy(node)) stack.push(t.node);
  }
  return cost;
}
