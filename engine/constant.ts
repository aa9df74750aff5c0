// What a graph starts from: constants, inputs and positions.
import { type DType, fromHalf, toHalf } from "./dtype.ts";
import type { SourceOp } from "./op.ts";
import type { Shape } from "./shape.ts";
import { type Tensor, apply } from "./tensor.ts";

interface ConstAttrs {
  value: number;
  shape: Shape;
  dtype: DType;
}
interface InputAttrs {
  name: string;
  shape: Shape;
  dtype: DType;
  feed?: () => ArrayLike<number>;
}
interface IotaAttrs {
  shape: Shape;
}

export const constantOp: SourceOp<ConstAttrs> = { kind: "source", name: "constant", infer: (_, a) => [a] };
export const inputOp: SourceOp<InputAttrs> = { kind: "source", name: "input", infer: (_, a) => [a] };
export const iotaOp: SourceOp<IotaAttrs> = {
  kind: "source",
  name: "iota",
  infer: (_, a) => [{ shape: a.shape, dtype: "u32" }],
};

/** A tensor of `shape` that holds `value` everywhere, rounded to its dtype; stored nowhere. */
export const full = (shape: Shape, value: number, dtype: DType = "f32"): Tensor =>
  unrounded(shape, dtype === "f16" ? fromHalf(toHalf(value)) : value, dtype);
/** A number beside tensors of `dtype`: f16 arithmetic is f32, and so is what it is done with. */
export const unrounded = (shape: Shape, value: number, dtype: DType): Tensor =>
  apply(constantOp, [], { value, shape, dtype });
/** Zeros of the shape and dtype of x; stored nowhere. */
export const zerosLike = (x: Tensor): Tensor => full(x.shape, 0, x.dtype);

/** A symbolic input that a program is given at each run. */
export const input = (name: string, shape: Shape, dtype: DType = "f32"): Tensor =>
  apply(inputOp, [], { name, shape, dtype });

/** An input whose values `feed` supplies at each run: learning rates, seeds, schedules. */
export const hostInput = (name: string, shape: Shape, feed: () => ArrayLike<number>, dtype: DType = "f32"): Tensor =>
  apply(inputOp, [], { name, shape, dtype, feed });

/** 0, 1, 2, … in row-major order, u32; stored nowhere. */
export const iota = (shape: Shape): Tensor => apply(iotaOp, [], { shape });

/** The value of a constant tensor, or undefined. */
export const constantValue = (x: Tensor): number | undefined =>
  x.node.op === constantOp ? (x.node.attrs as ConstAttrs).value : undefined;

/** The attributes of a program's input, or of a host input, which has a feed; undefined of other tensors. */
export const inputOf = ({ node: { op, attrs } }: Tensor): Readonly<InputAttrs> | undefined =>
  op === inputOp ? (attrs as InputAttrs) : undefined;
