// Losses of class scores against labels, as PyTorch defines them, computed in f32 and giving f32.
import {
  ShapeError,
  type Tensor,
  add,
  cast,
  div,
  equal,
  expand,
  full,
  greaterEqual,
  iota,
  isFloat,
  less,
  logSoftmax,
  mul,
  neg,
  normalizeAxis,
  reshape,
  sameShape,
  showShape,
  sum,
  where,
  toF32,
} from "../engine/index.ts";
import { type LossOptions, reduced } from "./elementwise.ts";

export interface ClassOptions extends LossOptions {
  /** Where x has its classes; the last axis if absent. */
  axis?: number;
  /** Weight of each class, [C]. */
  weight?: Tensor;
  /** A label whose elements are left out, of the mean too. Default −100. */
  ignore?: number;
}

/**
 * What class losses share: each label's hits among the classes, the class weights, against x's shape; and `chosen`,
 * which gives what stands at each label's class: 0 where it is ignored, NaN where it names no class.
 */
function classes(op: string, x: Tensor, labels: Tensor, { axis = -1, weight, ignore = -100 }: ClassOptions) {
  const d = normalizeAxis(op, axis, x.rank);
  const count = x.shape[d]!;
  const shape = x.shape.filter((_, i) => i !== d);
  const kept = x.shape.map((n, i) => (i === d ? 1 : n));
  if (!sameShape(labels.shape, shape) && !sameShape(labels.shape, kept))
    throw new ShapeError(
      op,
      `labels are ${showShape(labels.shape)}; ` +
        `for x ${showShape(x.shape)} with its ${count} classes along axis ${d} they must be ${showShape(shape)}`,
    );
  if (isFloat(labels.dtype) || labels.dtype === "bool")
    throw new ShapeError(op, `labels are ${labels.dtype}; cast them to i32`);
  const along = x.shape.map((n, i) => (i === d ? n : 1));
  const label = reshape(cast(labels, "i32"), kept);
  const ignored = equal(label, ignore);
  const hit = equal(label, cast(reshape(iota([count]), along), "i32"));
  /** Of values of each class, by label: their sum over the classes. */
  const perLabel = (values: Tensor): Tensor =>
    reshape(where(ignored, 0, where(isClass(label, count), sum(values, d, { keepDims: true }), NaN)), shape);
  return {
    perLabel,
    chosen: (values: Tensor): Tensor => perLabel(where(hit, expand(values, x.shape), 0)),
    weights: weight && reshape(needsWeight(op, weight, count), along),
  };
}

/** Whether labels are one of the classes 0 … count − 1: bool, of their shape. NaN is none. */
export const isClass = (labels: Tensor, count: number): Tensor =>
  where(greaterEqual(labels, 0), less(labels, count), full(labels.shape, 0, "bool"));

function needsWeight(op: string, weight: Tensor, count: number): Tensor {
  if (!sameShape(weight.shape, [count]))
    throw new ShapeError(op, `weight is ${showShape(weight.shape)}; with ${count} classes it must be [${count}]`);
  return weight;
}

/**
 * −weight[t] · x[t] for log-probabilities x = logs [N, …, C] and labels t [N, …] (i32); "mean" divides by the sum of
 * the labels' weights. A label that is no class gives NaN. Throws ShapeError.
 */
export function nllLoss(logs: Tensor, labels: Tensor, options: ClassOptions = {}): Tensor {
  const x = toF32(logs);
  const { chosen, weights } = classes("nllLoss", x, labels, options);
  const loss = neg(chosen(weights ? mul(x, weights) : x));
  const { reduction = "mean" } = options;
  if (reduction !== "mean") return reduced(loss, reduction);
  return div(sum(loss), sum(chosen(weights ?? full(x.shape, 1))));
}

export interface CrossEntropyOptions extends ClassOptions {
  /** This share of each label is spread over all classes. */
  smoothing?: number;
}

/**
 * −Σ_c weight[c] · t[c] · log softmax(x)[c] for logits x [N, …, C], where t is a label's class (i32 labels [N, …]) or
 * given (probabilities of x's shape). "mean" divides by the labels' weights, or for probabilities by their number. A
 * label that is no class gives NaN. Throws ShapeError.
 */
export function crossEntropyLoss(x: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor {
  const { axis = -1, weight, smoothing = 0, reduction = "mean" } = options;
  const name = "crossEntropyLoss";
  const d = normalizeAxis(name, axis, x.rank);
  const count = x.shape[d]!;
  const logs = logSoftmax(x, d);
  if (isFloat(target.dtype) && sameShape(target.shape, x.shape)) {
    const t = smoothing ? add(mul(target, 1 - smoothing), smoothing / count) : target;
    const along = x.shape.map((n, i) => (i === d ? n : 1));
    const loss = neg(sum(mul(weight ? mul(logs, reshape(needsWeight(name, weight, count), along)) : logs, t), d));
    return reduction === "mean" ? div(sum(loss), loss.size) : reduced(loss, reduction);
  }
  const { chosen, perLabel, weights } = classes(name, x, target, options);
  const weighted = weights ? mul(logs, weights) : logs;
  const own = neg(chosen(weighted));
  const loss = smoothing ? add(mul(own, 1 - smoothing), mul(neg(perLabel(weighted)), smoothing / count)) : own;
  if (reduction !== "mean") return reduced(loss, reduction);
  return div(sum(loss), sum(chosen(weights ?? full(x.shape, 1))));
}
