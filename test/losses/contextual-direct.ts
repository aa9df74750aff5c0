// The contextual loss as its equations stand, with the whole matrix in memory: what the tiled one is compared with.
import {
  type Tensor,
  add,
  clamp,
  div,
  log,
  matmul,
  max,
  maximum,
  mean,
  min,
  mul,
  neg,
  norm2,
  reshape,
  softmax,
  square,
  sub,
  sum,
  transpose,
} from "../../engine/index.ts";
import type { ContextualOptions } from "../../losses/contextual.ts";

export function contextualDirect(
  x: Tensor,
  y: Tensor,
  { bandWidth = 0.5, distance = "cosine", best = "source", logEps = 1e-5 }: ContextualOptions = {},
): Tensor {
  const [a, b] = [x, y].map((t) => reshape(t, [t.shape[0]!, -1, t.shape[3]!]));
  const centre = mean(b!, [0, 1], { keepDims: true });
  const unit = (t: Tensor): Tensor => div(t, maximum(norm2(t, 2, { keepDims: true }), 1e-12));
  const products = (u: Tensor, v: Tensor): Tensor => matmul(u, v, { transposeB: true });
  const squares = (t: Tensor): Tensor => sum(square(t), 2, { keepDims: true });
  const d =
    distance === "squared-l2"
      ? clamp(sub(add(squares(a!), transpose(squares(b!), [0, 2, 1])), mul(2, products(a!, b!))), { min: 0 })
      : mul(distance === "cosine" ? 1 : 0.5, sub(1, products(unit(sub(a!, centre)), unit(sub(b!, centre)))));
  const cx = softmax(div(sub(1, div(d, add(min(d, 2, { keepDims: true }), 1e-5))), bandWidth), 2);
  return mean(neg(log(add(mean(max(cx, best === "source" ? 1 : 2), 1), logEps))));
}
