// One dtype as another.
import { constantValue, full } from "../constant.ts";
import { type DType, isFloat } from "../dtype.ts";
import type { ElementwiseOp } from "../op.ts";
import { type Tensor, apply } from "../tensor.ts";
import { keepZeroSum } from "./zero-sum.ts";

interface CastAttrs {
  dtype: DType;
}
const castOp: ElementwiseOp<CastAttrs> = {
  kind: "elementwise",
  name: "cast",
  flops: 1,
  wgsl: ([x], { dtype }) =>
    ({ f32: `F(${x})`, f16: `F(${x})`, i32: `I(${x})`, u32: `U(${x})`, bool: `B(${x})` })[dtype],
  infer: ([x], { dtype }) => [{ shape: x.shape, dtype }],
  vjp: ([dy], [x], _, { dtype }) => [isFloat(dtype) && isFloat(x.dtype) ? cast(dy!, x.dtype) : null],
};

/**
 * x as another dtype; floats to integers truncate, numbers to bool test for non-zero. f16 is a storage type: values
 * are rounded where they are stored, so an f32 tensor that is cast to f16 and back is itself.
 */
export function cast(x: Tensor, dtype: DType): Tensor {
  if (x.dtype === dtype) return x;
  if (isFloat(x.dtype) && isFloat(dtype)) {
    const value = constantValue(x);
    if (value !== undefined) return full(x.shape, value, dtype);
    const [from] = x.node.inputs;
    if (x.node.op === castOp && from?.dtype === dtype) return from;
  }
  return keepZeroSum(x, apply(castOp, [x], { dtype }));
}

/** x in f32 where it is f16: what reductions, statistics, softmax and losses begin with. */
export const toF32 = (x: Tensor): Tensor => (x.dtype === "f16" ? cast(x, "f32") : x);
