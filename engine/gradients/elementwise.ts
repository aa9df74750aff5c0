// y[i] = f(x[i], …): a derivative is a line.
import { zerosLike } from "../constant.ts";
import {
  absOp,
  add,
  addOp,
  biasOp,
  ceilOp,
  clampOp,
  copyOp,
  div,
  divOp,
  equal,
  expOp,
  expm1Op,
  floorOp,
  greater,
  greaterEqual,
  less,
  lessEqual,
  log1pOp,
  logOp,
  maximumOp,
  minimumOp,
  mul,
  mulOp,
  neg,
  negOp,
  reciprocalOp,
  roundOp,
  rsqrtOp,
  sign,
  signOp,
  sqrtOp,
  squareOp,
  subOp,
  where,
  whereOp,
} from "../ops/elementwise.ts";
import type { BinaryOp, Operand, UnaryOp } from "../ops/expression.ts";
import type { Tensor } from "../tensor.ts";
import { type Gradient, gradientOf } from "./rule.ts";

/** dx of y = f(x). */
export const unaryGradient = (op: UnaryOp, dx: (dy: Tensor, x: Tensor, y: Tensor) => Tensor): Gradient =>
  gradientOf(op, ([dy], [x], [y]) => [dx(dy!, x, y)]);

/** da and db of y = f(a, b); null where nothing flows back. */
export const binaryGradient = (
  op: BinaryOp,
  dxs: (dy: Tensor, a: Tensor, b: Tensor, y: Tensor) => readonly [Tensor | null, Tensor | null],
): Gradient => gradientOf(op, ([dy], [a, b], [y]) => dxs(dy!, a, b, y));

const flat = (_: Tensor, x: Tensor): Tensor => zerosLike(x);
/** a's share of dy: none where it `loses` to b, half in a tie. */
const share = (dy: Tensor, a: Tensor, b: Tensor, loses: (a: Operand, b: Operand) => Tensor): Tensor =>
  where(equal(a, b), mul(dy, 0.5), where(loses(a, b), 0, dy));

export const elementwise: readonly Gradient[] = [
  binaryGradient(addOp, (dy) => [dy, dy]),
  binaryGradient(biasOp, (dy) => [dy, dy]),
  binaryGradient(subOp, (dy) => [dy, neg(dy)]),
  binaryGradient(mulOp, (dy, a, b) => [mul(dy, b), mul(dy, a)]),
  binaryGradient(divOp, (dy, _, b, y) => [div(dy, b), neg(div(mul(dy, y), b))]),
  binaryGradient(maximumOp, (dy, a, b) => [share(dy, a, b, less), share(dy, b, a, less)]),
  binaryGradient(minimumOp, (dy, a, b) => [share(dy, a, b, greater), share(dy, b, a, greater)]),
  gradientOf(whereOp, ([dy], [c]) => [null, where(c, dy!, 0), where(c, 0, dy!)]),
  gradientOf(clampOp, ([dy], [x, low, high]) => [
    where(greaterEqual(x, low), where(lessEqual(x, high), dy!, 0), 0),
    null,
    null,
  ]),
  unaryGradient(copyOp, (dy) => dy),
  unaryGradient(negOp, (dy) => neg(dy)),
  unaryGradient(absOp, (dy, x) => mul(dy, sign(x))),
  unaryGradient(signOp, flat),
  unaryGradient(floorOp, flat),
  unaryGradient(ceilOp, flat),
  unaryGradient(roundOp, flat),
  unaryGradient(squareOp, (dy, x) => mul(dy, mul(2, x))),
  unaryGradient(sqrtOp, (dy, _, y) => div(mul(dy, 0.5), y)),
  unaryGradient(rsqrtOp, (dy, _, y) => mul(dy, mul(-0.5, mul(y, mul(y, y))))),
  unaryGradient(reciprocalOp, (dy, _, y) => neg(mul(dy, mul(y, y)))),
  unaryGradient(expOp, (dy, _, y) => mul(dy, y)),
  unaryGradient(expm1Op, (dy, _, y) => mul(dy, add(y, 1))),
  unaryGradient(logOp, (dy, x) => div(dy, x)),
  unaryGradient(log1pOp, (dy, x) => div(dy, add(x, 1))),
];
