// Reverse-mode differentiation: a walk from the loss back to what it depends on, in ops.
import { full } from "./constant.ts";
import { UsageError } from "./errors.ts";
import { show } from "./shape.ts";
import type { PassOp } from "./op.ts";
import { type Node, type Tensor, apply } from "./tensor.ts";
import { carry } from "./ops/cast.ts";
import { add } from "./ops/elementwise.ts";

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

/** A tensor for each of X. */
type Gradients<X extends readonly Tensor[]> = { -readonly [K in keyof X]: Tensor };

/**
 * d loss / d x for each x of `xs`, each of its x's shape; zeros where the loss does not depend on x. `loss` is a
 * scalar, or `seed` gives its cotangent (same shape). Gradients are of their x's dtype; what several uses of an f16
 * tensor send back is summed in f32 where one of them is.
 */
export function grad<const X extends readonly Tensor[]>(loss: Tensor, xs: X, seed?: Tensor): Gradients<X> {
  if (!seed && loss.size !== 1)
    throw new UsageError(
      `grad: the loss has shape ${show(loss.shape)}; reduce it to a scalar with sum() or mean(), or pass a cotangent`,
    );
  const wanted = new Set<Tensor>(xs);
  // Only nodes on a path from some x to the loss carry a cotangent.
  const carries = new Set<Tensor>(xs);
  const order = ancestors([loss]);
  for (const node of order) {
    if (node.op.vjp && node.inputs.some((t) => carries.has(t))) node.outputs.forEach((t) => carries.add(t));
  }
  const cotangent = new Map<Tensor, Tensor>([[loss, seed ?? full(loss.shape, 1, loss.dtype)]]);
  // f32 for an f16 tensor where an op's gradient is: it is cast once it is asked for.
  const cotangentOf = (t: Tensor): Tensor | null => {
    const dy = cotangent.get(t);
    return dy ? carry(dy, t.dtype) : null;
  };
  for (const node of order.reverse()) {
    const dys = node.outputs.map((t) => cotangentOf(t));
    if (!node.op.vjp || !dys.some((d) => d) || !node.inputs.some((t) => carries.has(t))) continue;
    const dxs = node.op.vjp(dys, node.inputs, node.outputs, node.attrs);
    node.inputs.forEach((x, i) => {
      const dx = dxs[i];
      if (!dx || !carries.has(x)) return;
      const sofar = cotangent.get(x);
      cotangent.set(x, sofar ? add(sofar, dx) : dx);
    });
    for (const t of node.outputs) if (!wanted.has(t)) cotangent.delete(t);
  }
  return xs.map((x) => cotangentOf(x) ?? full(x.shape, 0, x.dtype)) as Gradients<X>;
}

interface PassAttrs {
  vjp: ((dy: Tensor) => readonly (Tensor | null)[]) | null;
}
const passOp: PassOp<PassAttrs> = {
  kind: "pass",
  name: "pass",
  infer: ([y]) => [{ shape: y.shape, dtype: y.dtype }],
  vjp: ([dy], inputs, _, { vjp }) => (vjp ? [null, ...vjp(dy!)] : inputs.map(() => null)),
};

/**
 * y, whose derivative with respect to `xs` is what `vjp` says of its cotangent (one of each x's shape), not what y
 * was made of.
 */
export const withGradient = (
  y: Tensor,
  xs: readonly Tensor[],
  vjp: (dy: Tensor) => readonly (Tensor | null)[],
): Tensor => apply(passOp, [y, ...xs], { vjp });

/** x in the forward pass, a constant to grad. */
export const stopGradient = (x: Tensor): Tensor => apply(passOp, [x], { vjp: null });
