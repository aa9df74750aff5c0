// Reverse-mode differentiation: a walk from the loss back to what it depends on, in ops.
import { ancestors } from "./ancestors.ts";
import { full } from "./constant.ts";
import { UsageError } from "./errors.ts";
import { gradients } from "./gradients/index.ts";
import { carry } from "./ops/cast.ts";
import { add } from "./ops/elementwise.ts";
import { batchNorm } from "./ops/norm.ts";
import { recompute } from "./plan/recompute.ts";
import { followAverage } from "./running-average.ts";
import { show } from "./shape.ts";
import { type Tensor, rememberSites } from "./tensor.ts";
import { trainingPart } from "./training.ts";

/** Makes what only training needs known, for who traces a step without its gradients. Importing grad does so too. */
export const bringTraining = (): void => trainingPart.bring({ batchNorm, followAverage, recompute });

// Where nothing of this module is used a bundler leaves this out, too.
bringTraining();

/** Before the site of a node, where its gradient was made. */
export const GRADIENT_OF = "gradient of ";

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
    if (gradients.has(node.op) && node.inputs.some((t) => carries.has(t))) node.outputs.forEach((t) => carries.add(t));
  }
  const cotangent = new Map<Tensor, Tensor>([[loss, seed ?? full(loss.shape, 1, loss.dtype)]]);
  // f32 for an f16 tensor where an op's gradient is: it is cast once it is asked for.
  const cotangentOf = (t: Tensor): Tensor | null => {
    const dy = cotangent.get(t);
    return dy ? carry(dy, t.dtype) : null;
  };
  for (const node of order.reverse()) {
    const rule = gradients.get(node.op);
    const dys = node.outputs.map((t) => cotangentOf(t));
    if (!rule || !dys.some((d) => d) || !node.inputs.some((t) => carries.has(t))) continue;
    // What a rule makes belongs where its node does.
    const { site } = node;
    const before = rememberSites(site === undefined ? undefined : () => `${GRADIENT_OF}${site}`);
    try {
      const dxs = rule(dys, node.inputs, node.outputs, node.attrs);
      node.inputs.forEach((x, i) => {
        const dx = dxs[i];
        if (!dx || !carries.has(x)) return;
        const sofar = cotangent.get(x);
        cotangent.set(x, sofar ? add(sofar, dx) : dx);
      });
    } finally {
      rememberSites(before);
    }
    for (const t of node.outputs) if (!wanted.has(t)) cotangent.delete(t);
  }
  return xs.map((x) => cotangentOf(x) ?? full(x.shape, 0, x.dtype)) as Gradients<X>;
}
