// Bilinear resize over H and W of NHWC.
import { lanes } from "../lanes.ts";
import { type ResizeProblem, inputs, outputs } from "./resize-ratio.ts";
import forward from "./resize-bilinear.wgsl";

export const resizeBilinear = lanes<ResizeProblem>("resize-bilinear", {
  source: forward,
  threads: outputs,
  cost: (p) => ({ flops: 9 * outputs(p), bytes: 4 * (Math.min(inputs(p), 4 * outputs(p)) + outputs(p)) }),
});
