// Softmax and its relatives, in f32 and to f32, shifted by the maximum so that exp cannot overflow. Their gradients
// are written as a whole: one sum each.
import { full } from "../constant.ts";
import { stopGradient, withGradient } from "./pass.ts";
import { normalizeAxes } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { expand } from "./broadcast.ts";
import { toF32 } from "./cast.ts";
import { abs, add, div, exp, less, log, mul, sub, where } from "./elementwise.ts";
import { reshape } from "./movement.ts";
import { type ReduceOptions, max, sum } from "./reduce.ts";

const keepDims = { keepDims: true };
const shifted = (x: Tensor, axis: number): Tensor => sub(x, stopGradient(max(x, axis, keepDims)));

/** exp(x) / Σ exp(x) of x = logits along `axis`. */
export function softmax(logits: Tensor, axis = -1): Tensor {
  const x = toF32(logits);
  normalizeAxes("softmax", axis, x.rank);
  if (x.size === 0) return x;
  const e = exp(shifted(x, axis));
  const y = div(e, sum(e, axis, keepDims));
  return withGradient(y, [x], (dy) => {
    const g = mul(dy, y);
    return [sub(g, mul(y, sum(g, axis, keepDims)))];
  });
}

/** x − log Σ exp(x) of x = logits along `axis`. */
export function logSoftmax(logits: Tensor, axis = -1): Tensor {
  const x = toF32(logits);
  normalizeAxes("logSoftmax", axis, x.rank);
  if (x.size === 0) return x;
  const s = shifted(x, axis);
  const y = sub(s, log(sum(exp(s), axis, keepDims)));
  return withGradient(y, [x], (dy) => [sub(dy, mul(exp(y), sum(dy, axis, keepDims)))]);
}

/** log Σ exp(x) of the terms x over `axes`. An empty sum gives −∞. */
export function logSumExp(
  terms: Tensor,
  axes: number | readonly number[] = -1,
  { keepDims: keeps = false }: ReduceOptions = {},
): Tensor {
  const x = toF32(terms);
  const list = normalizeAxes("logSumExp", axes, x.rank);
  const shape = x.shape.filter((_, d) => !list.includes(d));
  const kept = x.shape.map((n, d) => (list.includes(d) ? 1 : n));
  if (list.some((d) => x.shape[d] === 0)) return full(keeps ? kept : shape, -Infinity);
  const m = stopGradient(max(x, list, keepDims));
  // An infinite maximum is no shift: ∞ − ∞ would be NaN.
  const shift = where(less(abs(m), Infinity), m, 0);
  const e = exp(sub(x, shift));
  const s = sum(e, list, keepDims);
  const y = withGradient(add(log(s), shift), [x], (dy) => [mul(expand(dy, x.shape), div(e, s))]);
  return keeps ? y : reshape(y, shape);
}
