// One Adam update of a whole arena: p, m and v (and AMSGrad's w) are overwritten where they stand.
import { adam, adamAmsgrad } from "../../kernels/adam/adam.ts";
import { ShapeError } from "../errors.ts";
import type { KernelOp } from "../op.ts";
import { show, sizeOf } from "../shape.ts";
import { type Tensor, applyAll } from "../tensor.ts";

export interface AdamAttrs {
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  /** L2 decay added to the gradient. */
  readonly decay: number;
}

const updateBy = (amsgrad: boolean): KernelOp<AdamAttrs> => ({
  kind: "kernel",
  name: amsgrad ? "adam-amsgrad" : "adam",
  inPlace: amsgrad ? { 0: 3, 1: 4, 2: 5, 3: 6 } : { 0: 3, 1: 4, 2: 5 },
  infer: (inputs) => inputs.slice(3).map(({ shape, dtype }) => ({ shape, dtype })),
  lower: (l, { beta1, beta2, eps, decay }) => {
    const state = { p: l.output(0), m: l.output(1), v: l.output(2), ...(amsgrad ? { w: l.output(3) } : {}) };
    l.dispatchItems(
      amsgrad ? adamAmsgrad : adam,
      { n: sizeOf(l.outputs[0]!.shape) / 4, beta1, beta2, eps, decay },
      { g: l.input(0), ...state },
      { lr: l.input(1), control: l.input(2) },
    );
  },
});
export const adamOp = updateBy(false);
export const adamAmsgradOp = updateBy(true);

/**
 * New [p, m, v] (and w with AMSGrad) after one step on gradient `g`; all [n], n a multiple of 4. `rate` [1 or more]:
 * its first number is the learning rate. `control` [4 or more] = 1 − β₁ᵗ, 1 − β₂ᵗ, what the gradient is multiplied
 * with, and 0 to leave everything as it is. Throws ShapeError. Kingma & Ba, 2015; Reddi et al., 2018.
 */
export function adamStep(
  g: Tensor,
  rate: Tensor,
  control: Tensor,
  state: readonly Tensor[],
  attrs: AdamAttrs,
): readonly Tensor[] {
  const [p] = state;
  if (p?.rank !== 1 || p.size % 4 !== 0 || g.size !== p.size)
    throw new ShapeError(
      "adam",
      `p ${p ? show(p.shape) : "(missing)"} and g ${show(g.shape)} must be flat, equally long and a multiple of 4`,
    );
  for (const t of [g, rate, control, ...state])
    if (t.dtype !== "f32")
      throw new ShapeError(
        "adam",
        `a tensor of it is ${t.dtype}${show(t.shape)}; parameters, gradients and moments are f32`,
      );
  if (rate.size < 1 || control.size < 4)
    throw new ShapeError(
      "adam",
      `rate ${show(rate.shape)} and control ${show(control.shape)} must hold 1 and 4 numbers at least`,
    );
  return applyAll(state.length === 4 ? adamAmsgradOp : adamOp, [g, rate, control, ...state], attrs);
}
