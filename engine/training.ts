// What programs that train need, and others do not: grad.ts brings it, so that a page without gradients is without it.
import { UsageError } from "./errors.ts";
import type { batchNorm } from "./ops/norm.ts";
import type { recompute } from "./plan/recompute.ts";
import type { followAverage } from "./running-average.ts";

interface Training {
  readonly batchNorm: typeof batchNorm;
  readonly followAverage: typeof followAverage;
  readonly recompute: typeof recompute;
}

let brought: Training | undefined;

export const bringTraining = (training: Training): void => {
  brought = training;
};

/** Undefined in a page that takes no gradients. */
export const trainingIfBrought = (): Training | undefined => brought;

/** The same for `who`. Throws UsageError where it was not brought. */
export function training(who: string): Training {
  if (!brought)
    throw new UsageError(
      `${who} is a part of training, which this bundle is without: it comes with grad, Adam or whatever else trains`,
    );
  return brought;
}
