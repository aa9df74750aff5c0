// The transpose of bilinear resize.
import { lanes } from "../lanes.ts";
import gradient from "./resize-bilinear-grad.wgsl";
import { type ResizeProblem, inputs, outputs } from "./resize-ratio.ts";

export const resizeBilinearGrad = lanes<ResizeProblem>("resize-bilinear-grad", {
  source: gradient,
  threads: inputs,
  cost: (p) => ({ flops: 8 * outputs(p), bytes: 4 * (inputs(p) + outputs(p)) }),
});
