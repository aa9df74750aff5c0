// Elementwise losses as PyTorch defines them, computed in f32 and giving f32: compositions of ops, so they fuse with
// what produces x. x and target have the same shape; "mean" and "sum" give a scalar.
import {
  abs,
  add,
  clamp,
  div,
  equal,
  exp,
  less,
  log,
  log1p,
  maximum,
  mean,
  mul,
  neg,
  oneOf,
  relu,
  sameShape,
  ShapeError,
  showShape,
  sigmoid,
  softplus,
  square,
  sub,
  sum,
  sumTo,
  type Tensor,
  toF32,
  where,
  withGradient,
} from "../engine/index.ts";

export type Reduction = "none" | "mean" | "sum";
export interface LossOptions {
  /** How the elements' losses are reduced: "mean" (default), "sum", or "none", which keeps x's shape. */
  reduction?: Reduction;
}

export function reduced(loss: Tensor, reduction: Reduction = "mean"): Tensor {
  oneOf("a loss", "reduction", reduction, ["none", "mean", "sum"]);
  if (reduction === "none") return loss;
  return reduction === "sum" ? sum(loss) : mean(loss);
}

/** x and target in f32; they must be of one shape. Throws ShapeError. */
export function inF32(op: string, x: Tensor, target: Tensor): [x: Tensor, t: Tensor] {
  if (!sameShape(x.shape, target.shape))
    throw new ShapeError(
      op,
      `x is ${showShape(x.shape)}, target ${showShape(target.shape)}; they must be of one shape`,
    );
  return [toF32(x), toF32(target)];
}

/** (x − target)², PyTorch's MSELoss. Throws ShapeError. */
export function mseLoss(x: Tensor, target: Tensor, { reduction }: LossOptions = {}): Tensor {
  const [a, t] = inF32("mseLoss", x, target);
  return reduced(square(sub(a, t)), reduction);
}

/** |x − target|, PyTorch's L1Loss. Throws ShapeError. */
export function l1Loss(x: Tensor, target: Tensor, { reduction }: LossOptions = {}): Tensor {
  const [a, t] = inF32("l1Loss", x, target);
  return reduced(abs(sub(a, t)), reduction);
}

/** d² / (2 beta) where d = |x − target| is below beta, else d − beta / 2. Throws ShapeError. */
export function smoothL1Loss(
  x: Tensor,
  target: Tensor,
  { beta = 1, reduction }: LossOptions & { beta?: number } = {},
): Tensor {
  const [a, t] = inF32("smoothL1Loss", x, target);
  if (!(beta >= 0)) throw new ShapeError("smoothL1Loss", `beta is ${beta}; it must be ≥ 0`);
  const d = abs(sub(a, t));
  return reduced(beta === 0 ? d : where(less(d, beta), mul(square(d), 0.5 / beta), sub(d, 0.5 * beta)), reduction);
}

/**
 * −t log x − (1 − t) log(1 − x) for probabilities x, with logarithms no less than −100, times `weight` (broadcasts).
 * Throws ShapeError.
 */
export function bceLoss(
  x: Tensor,
  target: Tensor,
  { weight, reduction }: LossOptions & { weight?: Tensor } = {},
): Tensor {
  const [p, t] = inF32("bceLoss", x, target);
  const inside = clamp(log(p), { min: -100 });
  const outside = clamp(log1p(neg(p)), { min: -100 });
  const loss = neg(add(mul(t, inside), mul(sub(1, t), outside)));
  const safe = withGradient(loss, [p, t], (dy) => [
    mul(dy, div(sub(p, t), maximum(mul(sub(1, p), p), 1e-12))),
    mul(dy, sub(outside, inside)),
  ]);
  return reduced(weight ? mul(safe, weight) : safe, reduction);
}

/**
 * bceLoss of sigmoid(x), stable for large |x|; `positive` multiplies the terms of t (broadcasts), as PyTorch's
 * pos_weight. Throws ShapeError.
 */
export function bceWithLogits(
  x: Tensor,
  target: Tensor,
  { weight, positive, reduction }: LossOptions & { weight?: Tensor; positive?: Tensor } = {},
): Tensor {
  const [z, t] = inF32("bceWithLogits", x, target);
  // (1 − t)·z + s·(max(−z, 0) + log(1 + e^−|z|)), summed so that a small logarithm is not lost beside a large z.
  const scale = positive ? add(1, mul(sub(positive, 1), t)) : undefined;
  const scaled = (term: Tensor): Tensor => (scale ? mul(scale, term) : term);
  const value = add(add(mul(sub(1, t), z), scaled(relu(neg(z)))), scaled(log1p(exp(neg(abs(z))))));
  const loss = withGradient(value, [z, t, ...(positive ? [positive] : [])], (dy) => {
    const soft = softplus(neg(z));
    const dz = sub(sub(1, t), scaled(sigmoid(neg(z))));
    const dt = positive ? sub(mul(sub(positive, 1), soft), z) : neg(z);
    return [mul(dy, dz), mul(dy, dt), ...(positive ? [sumTo(mul(dy, mul(t, soft)), positive.shape)] : [])];
  });
  return reduced(weight ? mul(loss, weight) : loss, reduction);
}

/** t (log t − x) for x = log q; nothing where t = 0. With `logTarget` target is log t. Throws ShapeError. */
export function klDivergence(
  x: Tensor,
  target: Tensor,
  { logTarget = false, reduction }: LossOptions & { logTarget?: boolean } = {},
): Tensor {
  const [logQ, t] = inF32("klDivergence", x, target);
  if (logTarget) return reduced(mul(exp(t), sub(t, logQ)), reduction);
  const none = equal(t, 0);
  return reduced(sub(where(none, 0, mul(t, log(where(none, 1, t)))), mul(t, logQ)), reduction);
}
