// Padding along two neighbouring axes (H and W of NHWC) by five modes.
import { lanes } from "../lanes.ts";
import forward from "./pad-image.wgsl";

/** x [N, H, W, C] → y [N, P, Q, C] with `top` rows before and `left` columns before the image. */
export type PadProblem = {
  readonly n: number;
  readonly h: number;
  readonly w: number;
  readonly c: number;
  readonly p: number;
  readonly q: number;
  readonly top: number;
  readonly left: number;
  /** The seam MODE: 0 constant, 1 reflect, 2 replicate, 3 circular, 4 symmetric. */
  readonly mode: number;
  /** What constant padding holds. */
  readonly value: number;
};

export const inputs = (p: PadProblem): number => p.n * p.h * p.w * p.c;
export const outputs = (p: PadProblem): number => p.n * p.p * p.q * p.c;
export const consts = (p: PadProblem) => ({ MODE: p.mode });
export const bytes = (p: PadProblem): number => 4 * (inputs(p) + outputs(p));

export const padImage = lanes<PadProblem>("pad-image", {
  source: forward,
  threads: outputs,
  consts,
  cost: (p) => ({ flops: 0, bytes: bytes(p) }),
});
