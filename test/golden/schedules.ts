// Factors of learning rates by epoch, as the published code of CycleGAN and of DRIT has them.
import { linearDecay } from "../../train/schedule.ts";
import { Comparison } from "./comparison.ts";

export interface Schedules {
  cyclegan_lambda?: number[];
  drit_lambda?: number[];
}

export function checkSchedules({ cyclegan_lambda, drit_lambda }: Schedules): Comparison {
  const c = new Comparison();
  // 100 epochs as they are and 100 of decay, each epoch's factor set at the end of the one before it but one.
  if (cyclegan_lambda)
    c.check(
      "cyclegan_lambda",
      cyclegan_lambda.map((_, e) => linearDecay(e, 98, 100)),
      cyclegan_lambda,
      1e-12,
    );
  // 1200 epochs, every 1200/n-th listed, decay after 600.
  if (drit_lambda)
    c.check(
      "drit_lambda",
      drit_lambda.map((_, i) => linearDecay((i * 1200) / drit_lambda.length, 600, 600)),
      drit_lambda,
      1e-12,
    );
  return c;
}
