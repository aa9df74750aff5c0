// Losses: the suite's classes and channels stand along axis 1, or 0 for a single sample.
import type { Tensor } from "../../../engine/index.ts";
import {
  type Reduction,
  bceLoss,
  bceWithLogits,
  crossEntropyLoss,
  klDivergence,
  l1Loss,
  mseLoss,
  nllLoss,
  smoothL1Loss,
  softDiceLoss,
} from "../../../losses/index.ts";
import { type Adapters, type Named, single } from "../adapter.ts";

interface Loss {
  reduction: Reduction;
  beta: number;
  log_target: boolean;
  smooth: number;
  ignore_index?: number;
  label_smoothing?: number;
}
const judge = (f: (x: Tensor, target: Tensor, attrs: Loss, rest: Named) => Tensor) =>
  single((attrs: Loss, { x, target, ...rest }) => f(x!, target!, attrs, rest));
const classAxis = (x: Tensor): number => (x.rank === 1 ? 0 : 1);

export const loss: Adapters = {
  mse_loss: judge(mseLoss),
  l1_loss: judge(l1Loss),
  smooth_l1_loss: judge(smoothL1Loss),
  bce_loss: judge((x, target, { reduction }, { w }) => bceLoss(x, target, { reduction, weight: w })),
  bce_with_logits: judge((x, target, { reduction }, { w, pos_weight }) =>
    bceWithLogits(x, target, { reduction, weight: w, positive: pos_weight }),
  ),
  kl_div: judge((x, target, { reduction, log_target }) =>
    klDivergence(x, target, { reduction, logTarget: log_target }),
  ),
  nll_loss: judge((x, target, { reduction, ignore_index }, { w }) =>
    nllLoss(x, target, { reduction, ignore: ignore_index, weight: w, axis: classAxis(x) }),
  ),
  cross_entropy: judge((x, target, { reduction, ignore_index, label_smoothing }, { w }) =>
    crossEntropyLoss(x, target, {
      reduction,
      ignore: ignore_index,
      smoothing: label_smoothing,
      weight: w,
      axis: classAxis(x),
    }),
  ),
  soft_dice_loss: judge((x, target, { smooth }) => softDiceLoss(x, target, { smooth, axis: classAxis(x) })),
};
