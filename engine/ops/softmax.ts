// Softmax and its logarithm, shifted by the maximum so that exp cannot overflow.
import type { Tensor } from "../tensor.ts";
import { stopGradient } from "../grad.ts";
import { add, div, exp, log, sub } from "./elementwise.ts";
import { max, sum } from "./reduce.ts";

const shifted = (x: Tensor, axis: number): Tensor => sub(x, stopGradient(max(x, axis, { keepDims: true })));

/** exp(x) / Σ exp(x) along `axis`. */
export function softmax(x: Tensor, axis = -1): Tensor {
  const e = exp(shifted(x, axis));
  return div(e, sum(e, axis, { keepDims: true }));
}

/** x − log Σ exp(x) along `axis`. */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  const s = shifted(x, axis);
  return sub(s, log(sum(exp(s), axis, { keepDims: true })));
}

/** log Σ exp(x) along `axis`, kept as size 1. */
export function logSumExp(x: Tensor, axis = -1): Tensor {
  const m = stopGradient(max(x, axis, { keepDims: true }));
  return add(log(sum(exp(sub(x, m)), axis, { keepDims: true })), m);
}
