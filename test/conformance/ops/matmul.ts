// Matrix products. The suite's linear layers hold [out, in].
import { add, linear, matmul as product, mul, transpose } from "../../../engine/index.ts";
import { type Adapters, single } from "../adapter.ts";

export const matmul: Adapters = {
  matmul: single((_, { a, b }) => product(a, b)),
  linear: single((_, { x, w, b }) => linear(x, transpose(w), b)),
  addmm: single(({ alpha, beta }: { alpha: number; beta: number }, { c, a, b }) =>
    add(mul(beta, c), mul(alpha, product(a, b))),
  ),
};
