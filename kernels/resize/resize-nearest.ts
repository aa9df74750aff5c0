// Nearest resize over H and W of NHWC.
import { lanes } from "../lanes.ts";
import { type ResizeProblem, inputs, outputs } from "./resize-ratio.ts";
import forward from "./resize-nearest.wgsl";

export const resizeNearest = lanes<ResizeProblem>("resize-nearest", {
  source: forward,
  threads: outputs,
  cost: (p) => ({ flops: 0, bytes: 4 * (Math.min(inputs(p), outputs(p)) + outputs(p)) }),
});
