// Whether a tensor holds probabilities, by how it was made.
import type { Tensor } from "../tensor.ts";

/** Ops that leave each value what it is, beside views. */
const KEEPING = new Set(["cast", "copy"]);

/** Whether x is what `sigmoid` or `softmax` gave, or a view, a cast or a join of such. */
export function areProbabilities(x: Tensor): boolean {
  const { op, inputs } = x.node;
  if (op.name === "sigmoid") return true;
  if (op.name === "div") return inputs[0]!.node.op.name === "exp" && sumsUp(inputs[1]!, inputs[0]!);
  if (op.kind === "concat") return inputs.length > 0 && inputs.every(areProbabilities);
  const keeps = op.kind === "movement" || op.kind === "pass" || KEEPING.has(op.name);
  return keeps && inputs.length > 0 && areProbabilities(inputs[0]!);
}

/** Whether `total` is a sum of `e`, spread again. */
function sumsUp(total: Tensor, e: Tensor): boolean {
  let t = total;
  while (t.node.op.kind === "movement") t = t.node.inputs[0]!;
  return t.node.op.kind === "reduce" && t.node.inputs[0] === e;
}
