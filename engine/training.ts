// What programs that train need, and others do not: grad.ts brings it, so that a page without gradients is without it.
import { UsageError } from "./errors.ts";
import { Part } from "./part.ts";
import type { batchNorm } from "./ops/norm.ts";
import type { recompute } from "./plan/recompute.ts";
import type { followAverage } from "./running-average.ts";

interface Training {
  readonly batchNorm: typeof batchNorm;
  readonly followAverage: typeof followAverage;
  readonly recompute: typeof recompute;
}

export const trainingPart = new Part<Training>();

/** It for `who`. Throws UsageError where it was not brought. */
export function training(who: string): Training {
  const { brought } = trainingPart;
  if (!brought)
    throw new UsageError(
      `${who} is a part of training, which this bundle is without: it comes with grad, Adam or whatever else trains`,
    );
  return brought;
}
