// Losses of the field, as PyTorch defines them, in f32 and to f32: compositions, so they fuse with what they judge.
import { full, iota } from "../constant.ts";
import { isFloat } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import { withGradient } from "../grad.ts";
import { normalizeAxis, sameShape, show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { expand, sumTo } from "./broadcast.ts";
import { cast, toF32 } from "./cast.ts";
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
  mul,
  neg,
  notEqual,
  square,
  sub,
  where,
} from "./elementwise.ts";
import { relu, sigmoid, softplus } from "./activation.ts";
import { reshape } from "./movement.ts";
import { mean, sum } from "./reduce.ts";
import { logSoftmax } from "./softmax.ts";

export type Reduction = "none" | "mean" | "sum";
export interface LossOptions {
  /** What becomes of the losses of the elements: "mean" (default) over all, "sum", or "none": each one's own. */
  reduction?: Reduction;
}

const reduced = (loss: Tensor, reduction: Reduction = "mean"): Tensor =>
  reduction === "none" ? loss : reduction === "sum" ? sum(loss) : mean(loss);

/** x and target in f32, of one shape. */
function judged(op: string, x: Tensor, target: Tensor): [x: Tensor, target: Tensor] {
  if (!sameShape(x.shape, target.shape))
    throw new ShapeError(op, `x is ${show(x.shape)}, target ${show(target.shape)}; they must be of one shape`);
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

export interface ClassOptions extends LossOptions {
  /** Where x has its classes; the last axis if absent. */
  axis?: number;
  /** Weight of each class, [C]. */
  weight?: Tensor;
  /** A label that counts for nothing, in the mean neither. */
  ignore?: number;
}

/**
 * What class losses share: whether labels name a class and count, each label's hits among the classes, and the class
 * weights, against x's shape.
 */
function classes(op: string, x: Tensor, labels: Tensor, { axis = -1, weight, ignore = -100 }: ClassOptions) {
  const d = normalizeAxis(op, axis, x.rank);
  const count = x.shape[d];
  const shape = x.shape.filter((_, i) => i !== d);
  const kept = x.shape.map((n, i) => (i === d ? 1 : n));
  if (!sameShape(labels.shape, shape) && !sameShape(labels.shape, kept))
    throw new ShapeError(
      op,
      `labels are ${show(labels.shape)}; for x ${show(x.shape)} with its ${count} classes along axis ${d} they must be ${show(shape)}`,
    );
  if (isFloat(labels.dtype) || labels.dtype === "bool")
    throw new ShapeError(op, `labels are ${labels.dtype}; cast them to i32`);
  const along = x.shape.map((n, i) => (i === d ? n : 1));
  const label = reshape(cast(labels, "i32"), kept);
  return {
    d,
    shape,
    count,
    counts: notEqual(label, ignore),
    hit: equal(label, cast(reshape(iota([count]), along), "i32")),
    weights: weight && reshape(needsWeight(op, weight, count), along),
  };
}

function needsWeight(op: string, weight: Tensor, count: number): Tensor {
  if (!sameShape(weight.shape, [count]))
    throw new ShapeError(op, `weight is ${show(weight.shape)}; with ${count} classes it must be [${count}]`);
  return weight;
}

/**
 * −weight[t] · x[t] for log-probabilities x = logs [N, …, C] and labels t [N, …] (i32); "mean" divides by the sum of
 * the labels' weights. Throws ShapeError.
 */
export function nllLoss(logs: Tensor, labels: Tensor, options: ClassOptions = {}): Tensor {
  const x = toF32(logs);
  const { d, shape, counts, hit, weights } = classes("nllLoss", x, labels, options);
  const chosen = (t: Tensor | number): Tensor =>
    reshape(
      where(
        counts,
        sum(where(hit, expand(typeof t === "number" ? full(x.shape, t) : t, x.shape), 0), d, { keepDims: true }),
        0,
      ),
      shape,
    );
  const loss = neg(chosen(weights ? mul(x, weights) : x));
  if (options.reduction === "none" || options.reduction === "sum") return reduced(loss, options.reduction);
  return div(sum(loss), sum(chosen(weights ?? 1)));
}

export interface CrossEntropyOptions extends ClassOptions {
  /** This share of each label is spread over all classes. */
  smoothing?: number;
}

/**
 * −Σ_c weight[c] · t[c] · log softmax(x)[c] for logits x [N, …, C], where t is a label's class (i32 labels [N, …]) or
 * given (probabilities of x's shape). "mean" divides by the labels' weights, or for probabilities by their number.
 * Throws ShapeError.
 */
export function crossEntropyLoss(x: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor {
  const { axis = -1, weight, smoothing = 0, reduction = "mean" } = options;
  const name = "crossEntropyLoss";
  const d = normalizeAxis(name, axis, x.rank);
  const count = x.shape[d];
  const log_ = logSoftmax(x, d);
  if (isFloat(target.dtype) && sameShape(target.shape, x.shape)) {
    const t = smoothing ? add(mul(target, 1 - smoothing), smoothing / count) : target;
    const along = x.shape.map((n, i) => (i === d ? n : 1));
    const loss = neg(sum(mul(weight ? mul(log_, reshape(needsWeight(name, weight, count), along)) : log_, t), d));
    return reduction === "mean" ? div(sum(loss), loss.size) : reduced(loss, reduction);
  }
  const { shape, counts, hit, weights } = classes(name, x, target, options);
  const weighted = weights ? mul(log_, weights) : log_;
  const perLabel = (t: Tensor): Tensor => reshape(where(counts, sum(t, d, { keepDims: true }), 0), shape);
  const own = neg(perLabel(where(hit, weighted, 0)));
  const loss = smoothing ? add(mul(own, 1 - smoothing), mul(neg(perLabel(weighted)), smoothing / count)) : own;
  if (reduction !== "mean") return reduced(loss, reduction);
  return div(sum(loss), sum(perLabel(where(hit, weights ? expand(weights, x.shape) : full(x.shape, 1), 0))));
}

/**
 * 1 − mean over samples and channels of (2 Σ x·t + smooth) / (Σ x + Σ t + smooth); x, target [N, …, C], or their
 * channels along `axis`. Throws ShapeError.
 */
export function softDiceLoss(
  given: Tensor,
  wanted: Tensor,
  { smooth = 1, axis = -1 }: { smooth?: number; axis?: number } = {},
): Tensor {
  const [x, target] = judged("softDiceLoss", given, wanted);
  const d = normalizeAxis("softDiceLoss", axis, x.rank);
  const space = x.shape.map((_, i) => i).filter((i) => i !== 0 && i !== d);
  const overlap = add(mul(2, sum(mul(x, target), space)), smooth);
  return sub(1, mean(div(overlap, add(add(sum(x, space), sum(target, space)), smooth))));
}
