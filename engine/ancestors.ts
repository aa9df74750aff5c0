// What tensors are computed from.
import type { Node, Tensor } from "./tensor.ts";

/** Nodes that tensors depend on, in creation (topological) order. */
export function ancestors(tensors: readonly Tensor[]): Node[] {
  const seen = new Set<Node>();
  const stack = tensors.map((t) => t.node);
  while (stack.length) {
    const node = stack.pop()!;
    if (seen.has(node)) continue;
    seen.add(node);
    for (const x of node.inputs) stack.push(x.node);
  }
  return [...seen].sort((a, b) => a.id - b.id);
}
