// Which element each window of a max pooling takes.
import { lanes } from "../lanes.ts";
import { type MaxPoolProblem, inputs, outputs, scan } from "./max-pool.ts";
import index from "./max-pool-index.wgsl";

export const maxPoolIndex = lanes<MaxPoolProblem>("max-pool-index", {
  source: index,
  threads: outputs,
  cost: (p) => ({ flops: scan(p), bytes: 4 * (inputs(p) + outputs(p)) }),
});
