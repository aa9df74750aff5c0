// The transpose of nearest resize.
import { lanes } from "../lanes.ts";
import gradient from "./resize-nearest-grad.wgsl";
import { type ResizeProblem, inputs, outputs } from "./resize-ratio.ts";

export const resizeNearestGrad = lanes<ResizeProblem>("resize-nearest-grad", {
  source: gradient,
  threads: inputs,
  cost: (p) => ({ flops: outputs(p), bytes: 4 * (inputs(p) + outputs(p)) }),
});
