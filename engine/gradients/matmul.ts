// Matrix products, whose gradients are matrix products.
import { alike } from "../autocast.ts";
import { sumTo } from "../ops/broadcast.ts";
import { type Two, matmulOp } from "../ops/matmul.ts";
import { type Tensor, apply } from "../tensor.ts";
import { type Gradient, gradientOf } from "./rule.ts";

const product = (a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean): Tensor =>
  apply(matmulOp, alike(a, b), { transposeA, transposeB });

export const products: readonly Gradient[] = [
  gradientOf(matmulOp, ([dy], [a, b]: Two, _, { transposeA, transposeB }) => [
    sumTo(transposeA ? product(b, dy!, transposeB, true) : product(dy!, b, false, !transposeB), a.shape),
    sumTo(transposeB ? product(dy!, a, true, transposeA) : product(a, dy!, !transposeA, false), b.shape),
  ]),
];
