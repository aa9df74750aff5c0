// The transpose of padding.
import { lanes } from "../lanes.ts";
import { type PadProblem, bytes, consts, inputs, outputs } from "./pad-image.ts";
import gradient from "./pad-image-grad.wgsl";

export const padImageGrad = lanes<PadProblem>("pad-image-grad", {
  source: gradient,
  threads: inputs,
  consts,
  cost: (p) => ({ flops: outputs(p), bytes: bytes(p) }),
});
