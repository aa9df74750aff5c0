// Reductions, softmax and its relatives.
import {
  type Tensor,
  abs,
  logSoftmax,
  logSumExp,
  max,
  mean,
  min,
  norm2,
  prod,
  softmax,
  square,
  std,
  sum,
  variance,
} from "../../../engine/index.ts";
import { type Adapters, alongLine, single } from "../adapter.ts";

interface Over {
  axes: number[];
  keepdims: boolean;
  correction: number;
}
interface Along {
  axis: number;
}

const over = (f: (x: Tensor, axes: number[], options: { keepDims: boolean; correction: number }) => Tensor) =>
  single(({ axes, keepdims, correction }: Over, { x }) =>
    axes.length
      ? alongLine((t) => f(t, axes, { keepDims: keepdims, correction }), x)
      : f(x, axes, { keepDims: keepdims, correction }),
  );

export const reduce: Adapters = {
  reduce_sum: over(sum),
  reduce_mean: over(mean),
  reduce_max: over(max),
  reduce_min: over(min),
  reduce_prod: over(prod),
  reduce_l1: over((x, axes, options) => sum(abs(x), axes, options)),
  reduce_l2: over(norm2),
  reduce_sumsq: over((x, axes, options) => sum(square(x), axes, options)),
  reduce_var: over(variance),
  reduce_std: over(std),
  logsumexp: over(logSumExp),
  softmax: single(({ axis }: Along, { x }) => alongLine((t) => softmax(t, axis), x)),
  log_softmax: single(({ axis }: Along, { x }) => alongLine((t) => logSoftmax(t, axis), x)),
};
