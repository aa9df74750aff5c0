// Sums over the ranks that train together. On the GPU such a sum is a copy: a program that has any is run by
// ExchangedProgram (engine/run/exchanges.ts), which sums what was copied before it goes on.
import { acrossRanks } from "../../kernels/map/across-ranks.ts";
import { ShapeError } from "../errors.ts";
import type { KernelOp } from "../op.ts";
import { show, sizeOf } from "../shape.ts";
import { type Tensor, apply } from "../tensor.ts";
import { withGradient } from "./pass.ts";

interface AcrossRanksAttrs {
  readonly gradient: boolean;
}
export const acrossRanksOp: KernelOp<AcrossRanksAttrs, readonly [x: Tensor]> = {
  kind: "kernel",
  name: "across-ranks",
  infer: ([{ shape, dtype }]) => {
    if (dtype !== "f32") throw new ShapeError("acrossRanks", `x is ${dtype}${show(shape)}; it must be f32`);
    return [{ shape, dtype }];
  },
  lower: (l, { gradient }) => {
    const n = sizeOf(l.outputs[0].shape);
    if (n > 0) l.dispatch(acrossRanks, { n, gradient }, { x: l.input(0), y: l.output(0) });
  },
};

/**
 * Σ x over the ranks. With J = mean over ranks of each one's loss, dJ/dx of one rank, times the number of ranks, is the
 * sum over the ranks of the cotangents: the sum is its own transpose.
 */
export const sumAcrossRanks = (x: Tensor): Tensor =>
  withGradient(apply(acrossRanksOp, [x], { gradient: false }), [x], (dy) => [sumAcrossRanks(dy)]);

/** The same of a gradient, which is not differentiated, and of which fewer bits may be sent. */
export const sumOfGradients = (x: Tensor): Tensor => apply(acrossRanksOp, [x], { gradient: true });
