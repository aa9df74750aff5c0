// Our graph as the ONNX export reads it: where axes go, what a tensor is before it is expanded, values of views.
import { CmedlError, type Shape, type Tensor, type Variable } from "../../engine/index.ts";

export type Node = Tensor["node"];

/** A node as its op knows it: an op of one input leaves the second. */
export type OpNode = Omit<Node, "inputs" | "outputs"> & {
  readonly inputs: readonly [x: Tensor, w: Tensor, ...Tensor[]];
  readonly outputs: readonly [y: Tensor, ...Tensor[]];
};

/** The node that makes a tensor, as its op knows it. */
export const asOpNode = ({ node }: Tensor): OpNode => node as unknown as OpNode;

/** What an op of one input, or the first of several, reads. */
const firstInput = ({ node }: Tensor): Tensor => node.inputs[0]!;

/** A graph that has no form in ONNX. */
export class OnnxError extends CmedlError {
  override readonly name = "OnnxError";
  constructor(message: string) {
    super("onnx", message);
  }
}

/** Where each axis of an image's ONNX form comes from, and where each of our axes went. */
export const TO_NCHW = [0, 3, 1, 2];
export const TO_NHWC = [0, 2, 3, 1];
export const onnxShape = (shape: Shape): Shape => (shape.length === 4 ? TO_NCHW.map((d) => shape[d]!) : shape);
export const onnxAxis = (axis: number, rank: number): number => (rank === 4 ? TO_NCHW.indexOf(axis) : axis);

/** t, or what the passes over it pass. */
export function withoutPasses(t: Tensor): Tensor {
  let x = t;
  while (x.node.op.kind === "pass") x = firstInput(x);
  return x;
}

/** t, or what it is an expansion of. */
export function beforeExpand(t: Tensor): Tensor {
  let x = withoutPasses(t);
  while (x.node.op.name === "expand") x = withoutPasses(firstInput(x));
  return x;
}

/** t without passes, expansions, and reshapes that only add or drop sizes of 1. */
export function withoutSingles(t: Tensor): Tensor {
  const x = beforeExpand(t);
  const core = (s: Shape): string => s.filter((n) => n !== 1).join();
  if (x.node.op.name !== "reshape") return x;
  const from = firstInput(x);
  return core(x.shape) === core(from.shape) ? withoutSingles(from) : x;
}

/** The variable that a slice of an optimizer's arena is. */
export function memberAt({ node }: Tensor): Variable | undefined {
  const { start } = node.attrs as { start?: readonly number[] };
  const arena = node.inputs[0]?.node;
  if (node.op.name !== "slice" || arena?.op.name !== "variable") return undefined;
  return (arena.attrs as { variable: Variable }).variable.members?.find(
    (m) => m.offset === start?.[0] && m.variable.size === node.outputs[0]!.size,
  )?.variable;
}

/** The elements of x at offset + Σ coordinate · stride. */
export function gathered(x: ArrayLike<number>, shape: Shape, offset: number, strides: readonly number[]): Float32Array {
  const out = new Float32Array(shape.reduce((n, d) => n * d, 1));
  const index = new Array<number>(shape.length).fill(0);
  let at = offset;
  for (let i = 0; i < out.length; i++) {
    out[i] = x[at]!;
    for (let d = shape.length - 1; d >= 0; d--) {
      const stride = strides[d]!;
      const size = shape[d]!;
      index[d]!++;
      at += stride;
      if (index[d]! < size) break;
      at -= stride * size;
      index[d] = 0;
    }
  }
  return out;
}
