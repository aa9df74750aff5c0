// What a forward pass costs, counted on its graph: no GPU is asked.
import type { Tensor } from "../engine/index.ts";

export interface Cost {
  /** Multiply–adds of all convolutions and matrix products. */
  macs: number;
  /** Bytes of all layers' outputs in f32, were each stored: convolutions, norms, activations, pools, resizes, dropout, noise. Joins and sums are not counted. */
  activationBytes: number;
  /** Convolutions and matrix products. */
  layers: number;
}

type Node = Tensor["node"];

/** Multiply–adds of a node that has any; sizes are those of its operands, whatever its strides. */
function macsOf({ op, inputs, outputs, attrs }: Node): number | undefined {
  const product = (shape: readonly number[]): number => shape.reduce((n, m) => n * m, 1);
  const [x, w] = inputs, y = outputs[0];
  if (op.name === "conv2d") return y.size * product(w.shape.slice(0, 3));
  // A transposed convolution: each pixel of x meets every tap.
  if (op.name === "conv2d-input-grad") return x.size * product(w.shape.slice(0, 3));
  if (op.name === "matmul") return y.size * x.shape[(attrs as { transposeA: boolean }).transposeA ? 1 : 2];
  return undefined;
}

/** Nodes whose outputs are a layer's, beside convolutions and products; a norm in training is one "pass". */
const LAYERS = new Set(["pass", "relu", "leaky-relu", "tanh", "sigmoid", "max-pool-2d", "avg-pool-2d", "resize", "pad"]);

/** Whether a value is made of random numbers alone, by elementwise ops and views. */
function isRandom({ node }: Tensor): boolean {
  if (node.op.name === "random-uniform") return true;
  if (node.op.kind !== "elementwise" && node.op.kind !== "movement") return false;
  return node.inputs.some(isRandom) && node.inputs.every((t) => isRandom(t) || isConstant(t));
}
const isConstant = ({ node }: Tensor): boolean => node.op.kind === "source" ? node.op.name === "constant" : node.op.kind === "movement" && isConstant(node.inputs[0]);

/** A dropout's product or a noise's sum: random numbers meet a value that is neither random nor constant. */
const isNoisy = ({ op, inputs }: Node): boolean =>
  (op.name === "mul" || op.name === "add") && inputs.some(isRandom) && inputs.some((t) => !isRandom(t) && !isConstant(t));

/** Cost of what these tensors need. Trace the network in training mode: a batch norm is a layer only there. */
export function costOf(outputs: readonly Tensor[]): Cost {
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
    }
    if (macs !== undefined || LAYERS.has(node.op.name) || isNoisy(node)) cost.activationBytes += node.outputs[0].bytes;
    // Behind a norm stand the ops it is written in; its first input is its value, the second what it normalises.
    for (const t of node.op.name === "pass" ? node.inputs.slice(1) : node.inputs) stack.push(t.node);
  }
  return cost;
}
