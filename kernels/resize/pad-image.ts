// Padding along two neighbouring axes (H and W of NHWC) by five modes, and its transpose.
import type { Params } from "../kernel.ts";
import { lanes } from "../lanes.ts";
import forward from "./pad-image.wgsl";
import gradient from "./pad-image-grad.wgsl";

const inputs = (p: Params): number => p.a * p.h * p.w * p.c;
const outputs = (p: Params): number => p.a * p.p * p.q * p.c;
/** Params.mode chooses the seam. */
const consts = (p: Params) => ({ MODE: p.mode });
const bytes = (p: Params): number => 4 * (inputs(p) + outputs(p));

export const padImage = lanes("pad-image", {
  source: forward,
  threads: outputs,
  consts,
  cost: (p) => ({ flops: 0, bytes: bytes(p) }),
});
export const padImageGrad = lanes("pad-image-grad", {
  source: gradient,
  threads: inputs,
  consts,
  cost: (p) => ({ flops: outputs(p), bytes: bytes(p) }),
});
