// The transpose of average pooling.
import { lanes } from "../lanes.ts";
import { type AvgPoolProblem, consts, cost, inputs } from "./avg-pool.ts";
import gradient from "./avg-pool-grad.wgsl";

export const avgPoolGrad = lanes<AvgPoolProblem>("avg-pool-grad", { source: gradient, threads: inputs, consts, cost });
