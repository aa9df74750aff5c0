// What joins the suite's ops to the engine's: an adapter an op, and the turns between the suite's NCHW and our NHWC.
import { type Tensor, reshape, transpose } from "../../engine/index.ts";

export type Named = Readonly<Record<string, Tensor>>;

/**
 * Inputs by name → outputs by name, as graph values. Inputs are f32, i32, or u32 for the suite's u8: the engine has
 * no bytes, and a truth value that a condition needs is `cast(x, "bool")`.
 */
export type Adapter<A = Readonly<Record<string, unknown>>> = (attrs: A, inputs: Named) => Named;
/** Part of the table, by the suite's op names. */
export type Adapters = Readonly<Record<string, Adapter<never>>>;

/** An adapter that has one output, "y". */
export const single =
  <A>(f: (attrs: A, inputs: Named) => Tensor): Adapter<A> =>
  (attrs, inputs) => ({ y: f(attrs, inputs) });

/** f of xs, which may be scalars: f then runs along a line of one element, as in PyTorch. */
export const alongLine = (f: (...lines: Tensor[]) => Tensor, ...xs: Tensor[]): Tensor =>
  xs.every((x) => x.rank === 0) ? reshape(f(...xs.map((x) => reshape(x, [1]))), []) : f(...xs);

/** x [N, C, …] as [N, …, C]; ranks below 3 have nothing to turn. */
export const toNHWC = (x: Tensor): Tensor => (x.rank < 3 ? x : transpose(x, [0, ...range(2, x.rank), 1]));
/** x [N, …, C] as [N, C, …]. */
export const toNCHW = (x: Tensor): Tensor => (x.rank < 3 ? x : transpose(x, [0, x.rank - 1, ...range(1, x.rank - 1)]));

export const range = (from: number, to: number): number[] =>
  Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
