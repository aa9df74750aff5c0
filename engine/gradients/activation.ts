// Activations: what networks put between their layers.
import { eluOp, leakyReluOp, preluOp, reluOp, sigmoid, sigmoidOp, softplusOp, tanhOp } from "../ops/activation.ts";
import { add, greater, lessEqual, mul, sub, where } from "../ops/elementwise.ts";
import { binaryGradient, unaryGradient } from "./elementwise.ts";
import { type Gradient, gradientOf } from "./rule.ts";

export const activations: readonly Gradient[] = [
  unaryGradient(reluOp, (dy, _, y) => where(lessEqual(y, 0), 0, dy)),
  unaryGradient(tanhOp, (dy, _, y) => mul(dy, sub(1, mul(y, y)))),
  unaryGradient(sigmoidOp, (dy, _, y) => mul(dy, mul(y, sub(1, y)))),
  unaryGradient(softplusOp, (dy, x) => mul(dy, sigmoid(x))),
  // With a positive slope y has x's sign, so x need not be kept.
  gradientOf(leakyReluOp, ([dy], [x], [y], { slope }) => [
    where(greater(slope > 0 ? y : x, 0), dy!, mul(dy!, slope)),
    null,
  ]),
  // Branches have gradients of their own: the derivative of the one not taken may be infinite, and 0 · ∞ is NaN.
  binaryGradient(preluOp, (dy, x, w) => [where(greater(x, 0), dy, mul(dy, w)), where(greater(x, 0), 0, mul(dy, x))]),
  binaryGradient(eluOp, (dy, x, alpha, y) => [where(lessEqual(x, 0), mul(dy, add(y, alpha)), dy), null]),
];
