// What a gradient is: a rule that takes cotangents of an op's outputs to cotangents of its inputs, written in ops.
import type { AtLeastOne, Attrs, Op, OpInputs } from "../op.ts";
import type { Tensor } from "../tensor.ts";

/** Cotangent of each output of a node; null where nothing flows back, but not of all. */
export type Cotangents = readonly (Tensor | null)[];

/** Cotangents of a node's inputs; null or missing where nothing flows back. */
export type Rule<A extends Attrs, I extends OpInputs> = (
  dys: Cotangents,
  inputs: I,
  outputs: AtLeastOne<Tensor>,
  attrs: A,
) => readonly (Tensor | null)[];

/** An op and its rule. */
// biome-ignore lint/suspicious/noExplicitAny: an op of whatever attributes and inputs
export type Gradient = readonly [op: Op, rule: Rule<any, any>];

/** The gradient of `op`, whose rule takes the op's own inputs and attributes. */
export const gradientOf = <A extends Attrs, I extends OpInputs>(op: Op<A, I>, rule: Rule<A, I>): Gradient => [op, rule];
