// Losses of the field that judge element by element, as PyTorch defines them, in f32 and to f32: compositions, so they
// fuse with what they judge.
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
  /** What becomes of the losses of the elements: "mean" (default) over all, "sum", or "none": each one's own. */
  reduction?: Reduction;
}

export function reduced(loss: Tensor, reduction: Reduction = "mean"): Tensor {
  oneOf("a loss", "reduction", reduction, ["none", "mean", "sum"]);
  if (reduction === "none") return loss;
  return reduction === "sum" ? sum(loss) : mean(loss);
}

/** x and target in f32, of one shape. Throws ShapeError. */
export function judged(op: string, x: Tensor, target: Tensor): [x: Tensor, target: Tensor] {
  if (!sameShape(x.shape, target.shape))
    throw new ShapeError(
      op,
      `x is ${showShape(x.shape)}, target ${showShape(target.shape)}; they must be of one shape`,
    );
  return [toF32(x), toF32(target)];
}

/** (x − target)². Throws ShapeError. */
export function mseLoss(given: Tensor, wanted: Tensor, { reduction }: LossOptions = {}): Tensor {
  const [x, target] = judged("mseLoss", given, wanted);
  return reduced(square(sub(x, target)), reduction);
}

/** |x − target|. Throws ShapeError. */
export function l1Loss(given: Tensor, wanted: Tensor, { reduction }: LossOptions = {}): Tensor {
  const [x, target] = judged("l1Loss", given, wanted);
  return reduced(abs(sub(x, target)), reduction);
}

/** d² / (2 beta) where d = |x − target| is below beta, else d − beta / 2. Throws ShapeError. */
export function smoothL1Loss(
  given: Tensor,
  wanted: Tensor,
  { beta = 1, reduction }: LossOptions & { beta?: number } = {},
): Tensor {
  const [x, target] = judged("smoothL1Loss", given, wanted);
  if (!(beta >= 0)) throw new ShapeError("smoothL1Loss", `beta is ${beta}; it must be ≥ 0`);
  const d = abs(sub(x, target));
  return reduced(beta === 0 ? d : where(less(d, beta), mul(square(d), 0.5 / beta), sub(d, 0.5 * beta)), reduction);
}

/**
 * −t log x − (1 − t) log(1 − x) for probabilities x, with logarithms no less than −100, times `weight` (broadcasts).
 * Throws ShapeError.
 */
export function bceLoss(
  given: Tensor,
  wanted: Tensor,
  { weight, reduction }: LossOptions & { weight?: Tensor } = {},
): Tensor {
  const [x, target] = judged("bceLoss", given, wanted);
  const inside = clamp(log(x), { min: -100 });
  const outside = clamp(log1p(neg(x)), { min: -100 });
  const loss = neg(add(mul(target, inside), mul(sub(1, target), outside)));
  const safe = withGradient(loss, [x, target], (dy) => [
    mul(dy, div(sub(x, target), maximum(mul(sub(1, x), x), 1e-12))),
    mul(dy, sub(outside, inside)),
  ]);
  return reduced(weight ? mul(safe, weight) : safe, reduction);
}

/**
 * bceLoss of sigmoid(x), stable for large |x|; `positive` multiplies the terms of t (broadcasts), as PyTorch's
 * pos_weight. Throws ShapeError.
 */
export function bceWithLogits(
  given: Tensor,
  wanted: Tensor,
  { weight, positive, reduction }: LossOptions & { weight?: Tensor; positive?: Tensor } = {},
): Tensor {
  const [x, target] = judged("bceWithLogits", given, wanted);
  // (1 − t)·x + s·(max(−x, 0) + log(1 + e^−|x|)), summed so that a small logarithm is not lost beside a large x.
  const scale = positive ? add(1, mul(sub(positive, 1), target)) : undefined;
  const scaled = (t: Tensor): Tensor => (scale ? mul(scale, t) : t);
  const value = add(add(mul(sub(1, target), x), scaled(relu(neg(x)))), scaled(log1p(exp(neg(abs(x))))));
  const loss = withGradient(value, [x, target, ...(positive ? [positive] : [])], (dy) => {
    const soft = softplus(neg(x));
    const dx = sub(sub(1, target), scaled(sigmoid(neg(x))));
    const dt = positive ? sub(mul(sub(positive, 1), soft), x) : neg(x);
    return [mul(dy, dx), mul(dy, dt), ...(positive ? [sumTo(mul(dy, mul(target, soft)), positive.shape)] : [])];
  });
  return reduced(weight ? mul(loss, weight) : loss, reduction);
}

/** t (log t − x) for x = log q; nothing where t = 0. With `logTarget` target is log t. Throws ShapeError. */
export function klDivergence(
  given: Tensor,
  wanted: Tensor,
  { logTarget = false, reduction }: LossOptions & { logTarget?: boolean } = {},
): Tensor {
  const [x, target] = judged("klDivergence", given, wanted);
  if (logTarget) return reduced(mul(exp(target), sub(target, x)), reduction);
  const none = equal(target, 0);
  return reduced(sub(where(none, 0, mul(target, log(where(none, 1, target)))), mul(target, x)), reduction);
}
