// One dtype as another.
import { constantValue, full } from "../constant.ts";
import { oneOf } from "../choice.ts";
import { DTYPES, type DType, isFloat } from "../dtype.ts";
import type { ElementwiseOp } from "../op.ts";
import { type Tensor, apply } from "../tensor.ts";
import { keepZeroSum } from "./zero-sum.ts";

export interface CastAttrs {
  dtype: DType;
}
const castAs = (rounds: boolean): ElementwiseOp<CastAttrs> => ({
  kind: "elementwise",
  name: "cast",
  flops: 1,
  rounds,
  wgsl: ([x], { dtype }) =>
    ({ f32: `F(${x})`, f16: `F(${x})`, i32: `I(${x})`, u32: `U(${x})`, bool: `B(${x})` })[dtype],
  infer: ([x], { dtype }) => [{ shape: x.shape, dtype }],
});
export const castOp = castAs(true);
export const carryOp = castAs(false);

/** x as another dtype; floats to integers truncate, to f16 round, numbers to bool test for non-zero. */
export const cast = (x: Tensor, dtype: DType): Tensor => castBy(castOp, x, dtype);

function castBy(op: ElementwiseOp<CastAttrs>, x: Tensor, dtype: DType): Tensor {
  oneOf("cast", "dtype", dtype, DTYPES);
  if (x.dtype === dtype) return x;
  if (isFloat(x.dtype) && isFloat(dtype)) {
    const value = constantValue(x);
    if (value !== undefined) return full(x.shape, value, dtype);
    const [from] = x.node.inputs;
    const nothingIsLost = x.node.op === carryOp || (x.node.op === castOp && dtype === "f16");
    if (nothingIsLost && from?.dtype === dtype) return from;
  }
  return keepZeroSum(x, apply(op, [x], { dtype }));
}

/**
 * A cast between f16 and f32 that rounds nothing by itself: gradients as their tensor's dtype, which through a cast to
 * f16 reach an f32 parameter in f32, and what is summed.
 */
export const carry = (x: Tensor, dtype: DType): Tensor => castBy(carryOp, x, dtype);

/**
 * x in f32 where it is f16: what reductions, statistics, softmax and losses begin with. What was computed in f32 and is
 * not stored comes as it is.
 */
export const toF32 = (x: Tensor): Tensor => (x.dtype === "f16" ? carry(x, "f32") : x);
