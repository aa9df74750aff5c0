// Each loss's gradient is the slope along a random direction.
import { suite } from "uvu";
import { cast, iota, total, add, mul, softmax } from "../../engine/index.ts";
import {
  bceLoss,
  bceWithLogits,
  crossEntropyLoss,
  klDivergence,
  l1Loss,
  mseLoss,
  nllLoss,
  smoothL1Loss,
  softDiceLoss,
} from "../../losses/index.ts";
import { type Differentiated, gradientIsSlope, positive } from "../helpers/slope.ts";

const test = suite("gradients of losses");

const cases: Record<string, Differentiated> = {
  "mse, l1, smooth l1": {
    f: (x, t) => total(mseLoss(x, t), l1Loss(x, t), smoothL1Loss(x, t, { beta: 0.3 })),
    shapes: [[12], [12]],
    at: positive,
  },
  "binary cross entropy": {
    f: (x, t, w) =>
      add(bceLoss(mul(x, 0.4), t, { reduction: "sum" }), bceWithLogits(x, t, { positive: w, reduction: "sum" })),
    shapes: [[3, 4], [3, 4], [4]],
    at: positive,
  },
  klDivergence: {
    f: (x, t) => add(klDivergence(x, t), klDivergence(x, t, { logTarget: true })),
    shapes: [[12], [12]],
    at: positive,
  },
  "cross entropy": {
    f: (x, w) =>
      total(
        crossEntropyLoss(x, cast(iota([4]), "i32"), { weight: w, smoothing: 0.2, ignore: 2 }),
        crossEntropyLoss(x, softmax(x), { smoothing: 0.1 }),
        nllLoss(x, cast(iota([4]), "i32")),
      ),
    shapes: [[4, 5], [5]],
    at: positive,
  },
  softDiceLoss: {
    f: (x, t) => softDiceLoss(x, t),
    shapes: [
      [2, 6, 3],
      [2, 6, 3],
    ],
    at: positive,
  },
};

for (const [name, op] of Object.entries(cases)) test(`${name}: the gradient is the slope`, () => gradientIsSlope(op));

test.run();
